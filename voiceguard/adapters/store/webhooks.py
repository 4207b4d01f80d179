"""Subscribers of events. Their secrets lie encrypted and are told once."""

from __future__ import annotations

import base64
import builtins
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from cryptography.fernet import InvalidToken
from sqlalchemy import delete, insert, select

from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables_out import outbox, webhooks
from voiceguard.adapters.store.users import record_act
from voiceguard.errors import ConfigurationError
from voiceguard.events.published import FIELDS, TYPES

SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Subscriber:
    """Where messages go."""

    webhook_id: str
    url: str
    secret: str
    """`whsec_` and Base64."""


class Webhooks:
    """Keeps subscribers; `Store.webhooks`. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, url: str, events: Collection[str], *, tenant: str, by: str, now: float,
        fields: Collection[str] | None = None,
    ) -> tuple[str, str]:
        """Subscribe; the id and the secret, which is told nowhere else. Recorded.

        Raises ConfigurationError for an event or a field that there is not.
        """
        for what, named, known in (("event", events, TYPES), ("field", fields or (), FIELDS)):
            if strange := sorted(set(named).difference(known)):
                raise ConfigurationError(f"unknown {what} {strange[0]}: there are {', '.join(sorted(known))}")
        if not events:
            raise ConfigurationError("a webhook needs an event")
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        webhook_id, sealed = "wh_" + secrets.token_hex(12), self._database.cipher.encrypt(secret.encode()).decode()
        kept = None if fields is None else " ".join(sorted(set(fields)))
        async with self._database.write("add a webhook") as connection:
            await connection.execute(insert(webhooks).values(
                webhook_id=webhook_id, tenant=tenant, url=url, events=" ".join(sorted(set(events))), fields=kept,
                secret=sealed, created_at=now, author=by,
            ))
            await record_act(
                connection, now, "webhook_added", webhook_id=webhook_id, url=url, tenant=tenant, by=by,
                events=sorted(set(events)), fields=None if fields is None else sorted(set(fields)),
            )
        return webhook_id, secret

    async def remove(self, webhook_id: str, *, by: str, now: float) -> bool:
        """End a subscription, with what was still to be told; False for an unknown one. Recorded."""
        async with self._database.write("remove a webhook") as connection:
            await connection.execute(delete(outbox).where(outbox.c.webhook_id == webhook_id))
            gone = await connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id))
            if gone.rowcount:
                await record_act(connection, now, "webhook_removed", webhook_id=webhook_id, by=by)
        return bool(gone.rowcount)

    async def list(self, tenant: str | None = None) -> builtins.list[dict[str, Any]]:
        """Subscribers of a tenant, or all, without their secrets, in the order of their making."""
        query = select(webhooks).order_by(webhooks.c.created_at)
        if tenant is not None:
            query = query.where(webhooks.c.tenant == tenant)
        async with self._database.read("list webhooks") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{
            **{name: row[name] for name in row if name != "secret"}, "events": row["events"].split(),
            "fields": None if row["fields"] is None else row["fields"].split(),
        } for row in rows]

    async def subscribers(self) -> dict[str, Subscriber]:
        """Webhook id to where its messages go. Raises StoreError for a secret that was changed."""
        query = select(webhooks.c.webhook_id, webhooks.c.url, webhooks.c.secret)
        async with self._database.read("read webhooks") as connection:
            rows = (await connection.execute(query)).all()
        try:
            return {
                id_: Subscriber(id_, url, self._database.cipher.decrypt(sealed.encode()).decode())
                for id_, url, sealed in rows
            }
        except InvalidToken:
            raise StoreError("a webhook's secret was encrypted with another key, or was changed") from None
