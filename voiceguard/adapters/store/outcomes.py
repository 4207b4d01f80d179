"""What came of calls: restated from their records as they are written, and summed up by SQL."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Integer, and_, case, cast, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.database import Database, put
from voiceguard.adapters.store.tables import calls, subjects, verdicts
from voiceguard.adapters.store.tables_outcomes import asked_actions, call_groups, complaints
from voiceguard.measures.outcomes import Counts

By = Literal["all", "policy", "action", "language", "line", "segment", "region", "day"]
GROUPS: Final = ("language", "line", "segment", "region")
"""Entries of a call's metadata by which outcomes can be told apart."""
_GROUP_CHARS: Final = 64
_SETTLED: Final = frozenset({"allowed", "denied", "expired", "lapsed", "abandoned"})
_FAILED: Final = frozenset({"wrong_code", "too_many_tries"})
WEEK_S: Final = 7 * 86400.0
COMPLAINT_AFTER_S: Final = 30 * 86400.0
"""A complaint that names no call is about the customer's last call within so long before it."""


class Outcomes:
    """Sums up what came of calls, and keeps complaints; `Store.outcomes`. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(
        self, since: float, until: float, by: By = "all", *, now: float, tenant: str | None = None
    ) -> dict[str, Counts]:
        """Group to what happened on its calls that began from `since` to before `until`. A call with several actions
        counts once in each group that one of them is in; an empty name is of calls that are in no group."""
        inner = _per_call(since, until, by, now, tenant).subquery()
        sums = [func.coalesce(func.sum(inner.c[name]), 0) for name in Counts.__dataclass_fields__]
        async with self._database.read("sum up outcomes") as connection:
            rows = await connection.execute(select(inner.c.key, *sums).group_by(inner.c.key).order_by(inner.c.key))
            return {str(row[0]): _counts(row[1:]) for row in rows}

    async def complain(
        self, *, kind: str, at: float, author: str, call_id: str | None = None, customer_ref: str | None = None
    ) -> str | None:
        """Keep a complaint about a call, or about the customer's last call before it; its id, None for no such call."""
        async with self._database.write("keep a complaint") as connection:
            query = select(calls.c.call_id)
            if call_id is not None:
                query = query.where(calls.c.call_id == call_id)
            else:
                subject = select(subjects.c.subject).where(subjects.c.ref == customer_ref)
                query = query.where(
                    calls.c.customer_ref.in_(subject), calls.c.started_at <= at,
                    calls.c.started_at >= at - COMPLAINT_AFTER_S,
                ).order_by(calls.c.started_at.desc()).limit(1)
            about = (await connection.execute(query)).scalar_one_or_none()
            if about is None:
                return None
            complaint_id = secrets.token_hex(16)
            await connection.execute(insert(complaints).values(
                complaint_id=complaint_id, call_id=about, kind=kind, at=at, author=author
            ))
        return complaint_id


def _counts(values: Sequence[Any]) -> Counts:
    made: dict[str, Any] = {
        name: float(value) if name.endswith("_s") else int(value)
        for name, value in zip(Counts.__dataclass_fields__, values, strict=True)
    }
    return Counts(**made)


def _per_call(since: float, until: float, by: By, now: float, tenant: str | None) -> Any:
    """One row for each call and group, with the fields of `Counts`."""
    asked = asked_actions.c
    earlier = verdicts.alias()
    newest = (
        select(func.max(earlier.c.verdict_id)).where(earlier.c.call_id == calls.c.call_id).scalar_subquery()
    )
    later = calls.alias()
    again = exists(select(later.c.call_id).where(
        later.c.customer_ref == calls.c.customer_ref, later.c.started_at > calls.c.started_at,
        later.c.started_at <= calls.c.started_at + WEEK_S,
    ))
    complained = exists(select(complaints.c.complaint_id).where(complaints.c.call_id == calls.c.call_id))
    is_repeatable = and_(calls.c.customer_ref.is_not(None), calls.c.started_at <= now - WEEK_S)
    challenged, handed = asked.challenged_at.is_not(None), asked.handed_at.is_not(None)
    opened_at = case(
        (challenged & (~handed | (asked.challenged_at < asked.handed_at)), asked.challenged_at), else_=asked.handed_at
    )
    genuine, fraud = _any(verdicts.c.verdict == "genuine"), _any(verdicts.c.verdict == "fraud")
    has_challenge, has_failed = _any(challenged), _any(asked.failed > 0)
    values: dict[str, ColumnElement[Any]] = {
        "calls": cast(func.max(1), Integer), "genuine": genuine, "fraud": fraud,
        "asked": _any(asked.action_id.is_not(None)), "challenged": has_challenge,
        "challenged_genuine": genuine * has_challenge, "failed_genuine": genuine * has_failed,
        "escalated": _any(handed), "opened": _any(challenged | handed),
        "abandoned": _any(asked.state.in_(("lapsed", "abandoned"))),
        "allowed_fraud": fraud * _any(asked.state == "allowed"), "complained": _flag(complained),
        "repeatable": _flag(is_repeatable), "repeated": _flag(and_(is_repeatable, again)),
        "review_s": func.coalesce(func.sum(asked.settled_at - asked.taken_at), 0.0),
        "added_s": func.coalesce(func.sum(asked.settled_at - opened_at), 0.0),
    }
    key: Any = _key(by)
    query = (
        select(key.label("key"), *(value.label(name) for name, value in values.items()))
        .select_from(calls.outerjoin(asked_actions, asked.call_id == calls.c.call_id)
                     .outerjoin(call_groups, call_groups.c.call_id == calls.c.call_id)
                     .outerjoin(verdicts, verdicts.c.verdict_id == newest))
        .where(calls.c.started_at >= since, calls.c.started_at < until, calls.c.call_id.not_like("~%"))
        .group_by(calls.c.call_id, calls.c.customer_ref, calls.c.started_at, key)
    )
    return query if tenant is None else query.where(calls.c.tenant == tenant)


def _key(by: By) -> Any:
    if by == "all":
        return cast("all", calls.c.call_id.type)
    if by == "day":  # days since 1970, which both databases can tell
        return cast(func.floor(calls.c.started_at / 86400.0), Integer)
    column = asked_actions.c[by] if by in ("policy", "action") else call_groups.c[by]
    return func.coalesce(column, "")


def _flag(condition: Any) -> Any:
    return case((condition, 1), else_=0)


def _any(condition: Any) -> Any:
    return func.max(_flag(condition))


async def restate(connection: AsyncConnection, call_id: str, record: Mapping[str, Any]) -> None:
    """Put into the table what a record says of an asked action."""
    if record["kind"] == "decision":
        state, rule, policy = record["state"], record["rule"], record.get("policy", "not recorded")
    elif record["kind"] == "handover_ended" and record["outcome"] == "abandoned":
        state, rule, policy = "abandoned", "", ""
    else:
        return
    key = {"call_id": call_id, "action_id": record["action_id"]}
    query = select(asked_actions).where(*(asked_actions.c[name] == value for name, value in key.items()))
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None and state == "abandoned":
        return
    at, before = record["at"], dict(row or {})
    values: dict[str, Any] = {
        "state": state, "failed": before.get("failed", 0) + (rule in _FAILED or state == "expired"),
        "settled_at": at if state in _SETTLED else None,
    }
    if row is None:
        values |= {"asked_at": at, "action": record["action"], "policy": policy}
    for name, is_now in (
        ("challenged_at", state == "challenged"), ("handed_at", state == "handed_over"),
        ("taken_at", state == "handed_over" and record.get("person") is not None),
    ):
        if is_now and before.get(name) is None:
            values[name] = at
    await put(connection, asked_actions, key, values)


async def group(connection: AsyncConnection, call_id: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Keep the groups that a call belongs to, as its start says; called with records before they are sealed."""
    for record in records:
        if record["kind"] != "started":
            continue
        said = record.get("metadata") or {}
        found = {name: said[name] for name in GROUPS if isinstance(said.get(name), str)}
        kept = {name: value for name, value in found.items() if value.isprintable() and len(value) <= _GROUP_CHARS}
        if kept:
            await put(connection, call_groups, {"call_id": call_id}, kept)


async def forget(connection: AsyncConnection, call_ids: Iterable[str]) -> None:
    """Delete what is kept here of calls."""
    for table in (asked_actions, call_groups, complaints):
        await connection.execute(delete(table).where(table.c.call_id.in_(list(call_ids))))
