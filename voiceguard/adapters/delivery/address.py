"""Where webhooks may go: hosts of an allow list, over TLS, at addresses that are not the operator's own network.

A host's name is resolved once, every address is checked, and the connection goes to the address that was checked, so
that no second answer of the name service leads elsewhere (OWASP, Server-Side Request Forgery).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import httpx

from voiceguard.errors import ConfigurationError, VoiceguardError
from voiceguard.settings import WebhookOptions

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(VoiceguardError):
    """No webhook may go there."""


def checked_url(text: str, options: WebhookOptions) -> httpx.URL:
    """The address of a webhook. Raises ConfigurationError for one that is not https, unless its host is named as
    private, or whose host is not on the allow list."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ConfigurationError("the webhook's address is not a URL") from None
    if url.scheme not in ("https", "http") or not url.host or url.userinfo or url.fragment:
        raise ConfigurationError("a webhook needs an https address without a user or a fragment")
    if not _is_named(url.host, options.allowed_hosts):
        raise ConfigurationError(f"webhooks.allowed_hosts does not name {url.host}")
    if url.scheme == "http" and url.host not in options.private_hosts:
        raise ConfigurationError("a webhook needs an https address; http is for hosts in webhooks.private_hosts")
    return url


def resolve(url: httpx.URL, options: WebhookOptions) -> str:
    """The address to connect to; waits for the name service. Raises AddressRefused, and OSError for an unknown host."""
    found = socket.getaddrinfo(url.host, url.port or (443 if url.scheme == "https" else 80), type=socket.SOCK_STREAM)
    return pick((str(place[0]) for *_, place in found), is_private=url.host in options.private_hosts)


def pick(addresses: Iterable[str], *, is_private: bool) -> str:
    """The first of a host's addresses, when every one may be connected to; `is_private`: private and loopback ones
    too. Raises AddressRefused."""
    found = [_unwrapped(ipaddress.ip_address(text.partition("%")[0])) for text in addresses]
    for address in found:
        is_odd = address.is_multicast or address.is_link_local or address.is_unspecified
        is_own = address.is_private or address.is_loopback
        if is_odd or not (address.is_global or (is_private and is_own)):
            raise AddressRefused("the webhook's host has an address that is not public")
    if not found:
        raise AddressRefused("the webhook's host has no address")
    return str(found[0])


def _unwrapped(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_named(host: str, names: Iterable[str]) -> bool:
    return any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in names)
