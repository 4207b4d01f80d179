"""Where webhooks may go."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.adapters.delivery.address import AddressRefused, checked_url, pick, resolve
from voiceguard.errors import ConfigurationError
from voiceguard.settings import WebhookOptions

OPTIONS = WebhookOptions(
    allowed_hosts=("hooks.example.com", "*.partner.example", "localhost", "127.0.0.1"), private_hosts=("localhost",)
)


@pytest.mark.parametrize("url", [
    "https://hooks.example.com/a?b=1", "https://eu.partner.example:8443/", "http://localhost:9000/x",
])
def test_checked_url_of_an_allowed_host_passes(url: str) -> None:
    """https, or http for a host that is named as private."""
    assert str(checked_url(url, OPTIONS)) == url


@pytest.mark.parametrize("url", [
    "https://other.example.com/", "https://partner.example/", "https://evilpartner.example/",
    "https://hooks.example.com.evil.example/", "http://hooks.example.com/", "ftp://hooks.example.com/", "https:///x",
    "https://user:word@hooks.example.com/", "https://hooks.example.com@evil.example/", "hooks.example.com", "",
    "https://hooks.example.com/#x", "https://[::1", "http://127.0.0.1/", "https://127.1/", "https://2130706433/",
])
def test_checked_url_of_another_host_or_form_is_refused(url: str) -> None:
    """Neither tricks of spelling nor clear text pass."""
    with pytest.raises(ConfigurationError):
        checked_url(url, OPTIONS)


@pytest.mark.parametrize("address", [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "2002:0a00:1::", "64:ff9b::a00:1", "2001:db8::1",
])
def test_pick_address_that_is_not_public_is_refused(address: str) -> None:
    """In every way of writing it, and when a public one stands beside it."""
    for found in ([address], ["8.8.8.8", address]):
        with pytest.raises(AddressRefused):
            pick(found, is_private=False)


def test_pick_private_host_takes_private_but_never_link_local() -> None:
    """A name opens the operator's network, and not the cloud's metadata."""
    assert [pick([text], is_private=True) for text in ("10.0.0.1", "::1", "8.8.8.8")] == ["10.0.0.1", "::1", "8.8.8.8"]
    for text in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0"):
        with pytest.raises(AddressRefused):
            pick([text], is_private=True)


def test_pick_no_address_is_refused() -> None:
    """A name service that answers nothing is no way in."""
    with pytest.raises(AddressRefused):
        pick([], is_private=True)


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7"))
def test_pick_any_private_address_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Of either family."""
    with pytest.raises(AddressRefused):
        pick([str(address)], is_private=False)


def test_resolve_loopback_name_needs_to_be_private() -> None:
    """The same name, with and without leave."""
    url = checked_url("http://localhost:9000/x", OPTIONS)

    assert resolve(url, OPTIONS) in ("127.0.0.1", "::1")
    with pytest.raises(AddressRefused):
        resolve(url, WebhookOptions(allowed_hosts=("localhost",)))
