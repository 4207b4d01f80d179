"""What people found out about calls afterwards: the labels that analysts learn from."""

from __future__ import annotations

from typing import Any, Literal

from cryptography.fernet import InvalidToken
from sqlalchemy import insert, select

from voiceguard.adapters.store import chains
from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import calls, verdicts

Verdict = Literal["genuine", "fraud"]


class Labels:
    """Keeps what people found out about calls; `Store.labels`. Several verdicts on a call stand beside each other, and
    the newest counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, call_id: str, verdict: Verdict, *, author: str, note: str, at: float) -> bool:
        """Keep a verdict, its note encrypted, and record in the call's chain that it was given; False for an unknown
        call."""
        sealed = self._database.cipher.encrypt(note.encode()).decode() if note else None
        async with self._database.write("keep a verdict") as connection:
            known = await connection.execute(select(calls.c.call_id).where(calls.c.call_id == call_id))
            if known.one_or_none() is None:
                return False
            await connection.execute(
                insert(verdicts).values(call_id=call_id, verdict=verdict, author=author, at=at, note=sealed)
            )
            await chains.append(
                connection, call_id, [{"kind": "verdict", "at": at, "verdict": verdict, "author": author}]
            )
        return True

    async def list(
        self, *, call_id: str | None = None, limit: int = 100, tenant: str | None = None
    ) -> list[dict[str, Any]]:
        """`verdict_id`, `call_id`, `verdict`, `author`, `at` and `note` of the newest verdicts on a tenant's calls, or
        on all, newest first."""
        query = select(verdicts).order_by(verdicts.c.verdict_id.desc()).limit(limit)
        if call_id is not None:
            query = query.where(verdicts.c.call_id == call_id)
        if tenant is not None:
            query = query.where(verdicts.c.call_id.in_(select(calls.c.call_id).where(calls.c.tenant == tenant)))
        async with self._database.read("read verdicts") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{**row, "note": self._opened(row["note"])} for row in rows]

    def _opened(self, note: str | None) -> str:
        if note is None:
            return ""
        try:
            return str(self._database.cipher.decrypt(note.encode()).decode())
        except InvalidToken:
            raise StoreError("a note was encrypted with another key, or was changed") from None
