"""Signed POSTs to an address of the operator."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable

import httpx

from voiceguard.errors import ConfigurationError, VoiceguardError

TIMEOUT_S = 5.0
"""Longest wait for the webhook's answer, connecting included."""


class SignedWebhook:
    """Posts JSON bodies with a signature.

    `X-Voiceguard-Signature: v1=<hex>` is the HMAC-SHA256, under the shared secret, of the value of
    `X-Voiceguard-Timestamp` (Unix seconds), a full stop and the body. The receiver compares it in constant time and
    refuses old timestamps, so that nobody can forge or replay a delivery.
    """

    def __init__(
        self, what: str, url: str, secret: str, *, client: httpx.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`what` it carries, for messages. `client` is for those who need a proxy or their own certificates.

        Raises ConfigurationError for an empty secret, and for a URL that would send it over a network in the clear.
        """
        if not secret:
            raise ConfigurationError(f"the webhook for the {what} needs a secret")
        self._what = what
        self._url = _safe_url(url, what)
        self._secret = secret.encode()
        # A proxy from the environment would see what goes to a loopback address in the clear.
        self._client = client or httpx.AsyncClient(trust_env=self._url.scheme == "https")
        self._now = now

    async def post(self, body: bytes) -> None:
        """Post a JSON body. Raises VoiceguardError unless the webhook itself answers 2xx in time."""
        timestamp = str(int(self._now()))
        signature = hmac.new(self._secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json", "X-Voiceguard-Timestamp": timestamp,
            "X-Voiceguard-Signature": f"v1={signature}",
        }
        try:
            # Streamed and never read: only the status counts, however long the body is. A redirect would hand the
            # body to an address that nobody configured.
            async with asyncio.timeout(TIMEOUT_S), self._client.stream(
                "POST", self._url, content=body, headers=headers, follow_redirects=False
            ) as response:
                status = response.status_code
        except (httpx.HTTPError, TimeoutError) as error:
            raise VoiceguardError(f"the {self._what} was not delivered: {type(error).__name__}") from None
        if not 200 <= status <= 299:
            raise VoiceguardError(f"the {self._what} was not delivered: the webhook answered {status}")

    async def aclose(self) -> None:
        """Close the connections that are kept open between deliveries."""
        await self._client.aclose()


def _safe_url(text: str, what: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ConfigurationError(f"the address of the webhook for the {what} is not a URL") from None
    if not (url.scheme == "https" and url.host) and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ConfigurationError(f"the webhook for the {what} needs an https address; http is for loopback alone")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
