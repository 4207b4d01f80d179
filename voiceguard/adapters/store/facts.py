"""Counts of the store that region packs are measured by."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.retention import DAY_S, Retention
from voiceguard.adapters.store.tables import (
    actions,
    api_keys,
    audit_events,
    consents,
    customers,
    grants,
    holds,
    people,
    subjects,
    verdicts,
    voiceprints,
    watchlist,
)
from voiceguard.adapters.store.users import CHAIN
from voiceguard.privacy.retention import RetentionOptions

_UNUSED_S: Final = 90 * DAY_S
_SEALED: Final = b"gAAAA"
"""How everything begins that a Fernet key encrypted."""
_SECRETS: Final = (
    customers.c.totp_secret, customers.c.data_key, subjects.c.key, verdicts.c.note, people.c.totp_secret,
    voiceprints.c.embedding, watchlist.c.embedding,
)


async def counts(database: Database, options: RetentionOptions, now: float) -> dict[str, int]:
    """Name to how many there are now. `now`: Unix seconds."""
    due = await Retention(database).plan(options, now - DAY_S)
    async with database.read("measure evidence") as connection:
        return {
            "overdue": sum(one.due - one.held for one in due), "held": sum(one.held for one in due),
            **{name: await _count(connection, where) for name, where in _wanted(now).items()},
            **await _sealed(connection),
        }


async def last_swept(database: Database) -> float | None:
    """When retention last ended something, Unix seconds; None: never, or not within the newest 10,000 acts."""
    newest = select(audit_events.c.record).where(audit_events.c.chain == CHAIN)
    async with database.read("look for the last sweep") as connection:
        rows = await connection.execute(newest.order_by(audit_events.c.seq.desc()).limit(10_000))
        for (record,) in rows:
            try:
                said = json.loads(record)
            except ValueError:  # changed by somebody: the verification tells
                continue
            if said.get("kind") in ("calls_swept", "retention_ended"):
                return float(said["at"])
    return None


def _wanted(now: float) -> dict[str, ColumnElement[bool]]:
    old = now - _UNUSED_S
    in_force = consents.c.withdrawn_at.is_(None) & or_(consents.c.expires_at.is_(None), consents.c.expires_at > now)
    agreed = select(subjects.c.ref).join(consents, consents.c.customer == subjects.c.subject).where(
        in_force, consents.c.purpose == "enrol")
    kept = voiceprints.c.ended_at.is_(None)
    may_sign_in = people.c.disabled_at.is_(None) & (people.c.password_hash.is_not(None) | people.c.issuer.is_not(None))
    return {
        "decisions": actions.c.action_id.is_not(None),
        "handed_over": (actions.c.decision == "handover") | actions.c.person.is_not(None),
        "by_person": actions.c.person.is_not(None),
        "grants": grants.c.jti.is_not(None),
        "grants_redeemed": grants.c.redeemed_at.is_not(None),
        "consents_in_force": in_force,
        "consents_withdrawn": consents.c.withdrawn_at.is_not(None),
        "voiceprints": kept,
        "voiceprints_without_consent": kept & voiceprints.c.customer_ref.not_in(agreed),
        "ended_voices": voiceprints.c.ended_at.is_not(None),
        "ended_voices_kept": voiceprints.c.ended_at.is_not(None) & voiceprints.c.embedding.is_not(None),
        "people": may_sign_in,
        "people_without_second_factor": may_sign_in & people.c.issuer.is_(None) & people.c.totp_secret.is_(None),
        "people_with_password": may_sign_in & people.c.password_hash.is_not(None),
        "people_unused": may_sign_in & (func.coalesce(people.c.signed_in_at, people.c.created_at) < old),
        "keys": api_keys.c.name.is_not(None),
        "keys_for_ever": api_keys.c.expires_at.is_(None),
        "keys_unused": func.coalesce(api_keys.c.last_used_at, api_keys.c.created_at) < old,
        "keys_cut": api_keys.c.fields.is_not(None) | api_keys.c.actions.is_not(None),
        "assistants": api_keys.c.kind == "assistant",
        "holds": holds.c.released_at.is_(None),
    }


async def _count(connection: AsyncConnection, where: ColumnElement[bool]) -> int:
    return int((await connection.execute(select(func.count()).where(where))).scalar_one())


async def _sealed(connection: AsyncConnection) -> dict[str, int]:
    """How many secrets are kept, and how many of them do not begin as encrypted data does."""
    kept = bare = 0
    for column in _SECRETS:
        begin = func.substr(column, 1, len(_SEALED))
        rows: Any = await connection.execute(select(begin, func.count()).where(column.is_not(None)).group_by(begin))
        for start, number in rows:
            kept += number
            bare += number if (start if isinstance(start, bytes) else start.encode()) != _SEALED else 0
    return {"secrets": kept, "secrets_in_clear": bare}
