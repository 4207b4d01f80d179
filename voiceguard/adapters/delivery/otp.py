"""Brings one-time codes to customers: printed for a demonstration, or posted to the operator's own sender."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable

import httpx
import orjson

from voiceguard.errors import ConfigurationError, VoiceguardError
from voiceguard.events import CodeToDeliver
from voiceguard.events.tenants import DEFAULT, own_name, tenant_of

TIMEOUT_S = 5.0
"""Longest wait for the webhook's answer, connecting included."""


class ConsoleDelivery:
    """Writes codes where the operator of a demonstration sees them. Never for real callers."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    async def deliver(self, code: CodeToDeliver) -> None:
        """Write one line that holds the code."""
        self._write(f"one-time code for {code.customer_ref}, {code.action}: {code.code}")


class NoDelivery:
    """Nobody was named who brings codes to customers."""

    async def deliver(self, code: CodeToDeliver) -> None:
        """Raises VoiceguardError: who needs a code gets a person instead."""
        raise VoiceguardError(f"no delivery of one-time codes is set up, so none was sent for {code.action}")


class WebhookDelivery:
    """Posts each code as signed JSON `{customer_ref, action, action_id, code, expires_at}` (Unix seconds), and
    `tenant` where it is another than the default one.

    `X-Voiceguard-Signature: v1=<hex>` is the HMAC-SHA256, under the shared secret, of the value of
    `X-Voiceguard-Timestamp` (Unix seconds), a full stop and the body. The receiver compares it in constant time and
    refuses old timestamps, so that nobody can forge or replay a delivery.
    """

    def __init__(
        self, url: str, secret: str, *, client: httpx.AsyncClient | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """`client` is for those who need a proxy or their own certificates.

        Raises ConfigurationError for an empty secret, and for a URL that would send codes over a network in the clear.
        """
        if not secret:
            raise ConfigurationError("the one-time code webhook needs a secret")
        self._url = _safe_url(url)
        self._secret = secret.encode()
        # A proxy from the environment would see the codes that go to a loopback address in the clear.
        self._client = client or httpx.AsyncClient(trust_env=self._url.scheme == "https")
        self._now = now

    async def deliver(self, code: CodeToDeliver) -> None:
        """Post the code. Raises VoiceguardError unless the webhook itself answers 2xx in time."""
        tenant = tenant_of(code.customer_ref)
        body = orjson.dumps({
            "customer_ref": own_name(code.customer_ref), "action": code.action, "action_id": code.action_id,
            "code": code.code, "expires_at": code.expires_at,
            **({} if tenant == DEFAULT else {"tenant": tenant}),
        })
        timestamp = str(int(self._now()))
        signature = hmac.new(self._secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json", "X-Voiceguard-Timestamp": timestamp,
            "X-Voiceguard-Signature": f"v1={signature}",
        }
        try:
            # Streamed and never read: only the status counts, however long the body is. A redirect would hand the
            # code to an address that nobody configured.
            async with asyncio.timeout(TIMEOUT_S), self._client.stream(
                "POST", self._url, content=body, headers=headers, follow_redirects=False
            ) as response:
                status = response.status_code
        except (httpx.HTTPError, TimeoutError) as error:
            raise VoiceguardError(f"the code was not delivered: {type(error).__name__}") from None
        if not 200 <= status <= 299:
            raise VoiceguardError(f"the code was not delivered: the webhook answered {status}")

    async def aclose(self) -> None:
        """Close the connections that are kept open between deliveries."""
        await self._client.aclose()


def _safe_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ConfigurationError("the one-time code webhook's address is not a URL") from None
    if not (url.scheme == "https" and url.host) and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ConfigurationError("the one-time code webhook needs an https address; http is for loopback alone")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
