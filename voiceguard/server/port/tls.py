"""TLS by the service itself, and the refusal to listen in clear where strangers read along."""

from __future__ import annotations

import ipaddress
import ssl

from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What the port speaks; None: clear text. Raises ConfigurationError for a certificate that cannot be used."""
    options = settings.tls
    if options.certificate is None and options.key is None:
        return None
    if options.certificate is None or options.key is None:
        raise ConfigurationError("tls: certificate and key belong together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(options.certificate, options.key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"tls: {options.certificate} and {options.key}: {error.strerror or error}") from None
    return context


def check_listening(settings: Settings) -> None:
    """Raises ConfigurationError where other machines could reach the port in clear text and nobody said that they may.
    """
    if settings.tls.certificate is not None or settings.clear_text_beyond_loopback or _is_loopback(settings.host):
        return
    raise ConfigurationError(
        f"host {settings.host} is reached by other machines, and there is no TLS: set tls (certificate, key), or "
        "clear_text_beyond_loopback behind a proxy that ends TLS"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
