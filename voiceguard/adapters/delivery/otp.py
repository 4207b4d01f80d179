"""Brings one-time codes to customers: printed for a demonstration, or posted to the operator's own sender."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import orjson

from voiceguard.adapters.delivery.webhook import SignedWebhook
from voiceguard.errors import VoiceguardError
from voiceguard.events import CodeToDeliver
from voiceguard.events.tenants import DEFAULT, own_name, tenant_of


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
    """Posts each code as JSON `{customer_ref, action, action_id, code, expires_at}` (Unix seconds), and `tenant` where
    it is another than the default one, signed as `SignedWebhook` says."""

    def __init__(
        self, url: str, secret: str, *, client: httpx.AsyncClient | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """Raises as `SignedWebhook` does."""
        self._webhook = SignedWebhook("code", url, secret, client=client, now=now)

    async def deliver(self, code: CodeToDeliver) -> None:
        """Post the code. Raises VoiceguardError unless the webhook itself answers 2xx in time."""
        tenant = tenant_of(code.customer_ref)
        await self._webhook.post(orjson.dumps({
            "customer_ref": own_name(code.customer_ref), "action": code.action, "action_id": code.action_id,
            "code": code.code, "expires_at": code.expires_at,
            **({} if tenant == DEFAULT else {"tenant": tenant}),
        }))

    async def aclose(self) -> None:
        """Close the connections that are kept open between deliveries."""
        await self._webhook.aclose()
