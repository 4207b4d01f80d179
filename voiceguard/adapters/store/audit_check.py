"""Holds what the database says against the audit's own rules: checkpoints, chains, and the tables that restate them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, cast, select, union
from sqlalchemy.sql.elements import ColumnElement

from voiceguard.adapters.store.tables import actions, audit_events, calls, chain_heads, checkpoints, grants
from voiceguard.audit.chain import Entry, Fault, Head, checkpoint_hash, genesis, verify, verify_checkpoint
from voiceguard.events.tenants import tenant_of

PAGE = 200
"""Chains or checkpoints read at a time."""


def call_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a `started`, `customer_named` or `ended` record says in the table of calls."""
    if record["kind"] == "ended":
        return {"ended_at": record["at"], "end_reason": record["reason"]}
    if record["kind"] == "customer_named":
        return {"customer_ref": record["customer_ref"]}
    customer = record.get("customer_ref")
    return {"customer_ref": customer, "started_at": record["at"], "ended_at": None, "end_reason": None}


def action_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a `decision` record says in the table of actions."""
    return {name: record[name] for name in ("at", "action", "tier", "decision", "state", "rule", "person")}


def grant_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a `decision` record with a grant says in the table of grants."""
    grant = record["grant"]
    return {
        "jti": grant["jti"], "action_id": record["action_id"], "expires_at": grant["expires_at"], "redeemed_at": None,
    }


def check_checkpoints(connection: Connection, signed: Callable[[bytes, str], bool]) -> list[Fault]:
    """Everything wrong with the checkpoints, and what they saw that is no longer there."""
    def hash_at(chain: str, seq: int) -> bytes | None:
        place = audit_events.c.chain == chain, audit_events.c.seq == seq
        return connection.execute(select(_binary(audit_events.c.hash)).where(*place)).scalar_one_or_none()

    faults = []
    last, previous = 0, b""
    while True:
        query = select(checkpoints.c.checkpoint_id, _binary(checkpoints.c.body), checkpoints.c.signature)
        after = query.where(checkpoints.c.checkpoint_id > last).order_by(checkpoints.c.checkpoint_id).limit(PAGE)
        page = connection.execute(after).all()
        if not page:
            break
        for last, body, signature in page:
            if signed(body, signature):
                found = verify_checkpoint(body, previous, hash_at)
                faults += [replace(fault, seq=last) if fault.chain == "checkpoints" else fault for fault in found]
            else:
                faults.append(Fault("checkpoints", last, "changed", "this signature is not the service's own"))
            previous = checkpoint_hash(body)
    # The newest checkpoints are named by no later one, only by the heads that they cover.
    gone = select(chain_heads.c.signed_in).outerjoin(checkpoints).where(
        chain_heads.c.signed_in.is_not(None), checkpoints.c.checkpoint_id.is_(None)
    )
    faults += [
        Fault("checkpoints", number, "removed", "chains name this checkpoint, and it is gone")
        for number in connection.execute(gone.distinct().order_by(chain_heads.c.signed_in)).scalars()
    ]
    return faults


def chains_after(connection: Connection, last: str) -> Sequence[str]:
    """The next chains in order of their id, wherever in the database they are named."""
    named = (chain_heads.c.chain, audit_events.c.chain, calls.c.call_id, actions.c.call_id, grants.c.call_id)
    chains = union(*(select(column.label("chain")).where(column > last) for column in named)).subquery()
    return connection.execute(select(chains.c.chain).order_by(chains.c.chain).limit(PAGE)).scalars().all()


def check_chain(connection: Connection, chain: str) -> list[Fault]:
    """Everything wrong with one chain; when it is whole, with the tables that restate it."""
    entries = [Entry(chain, *row) for row in connection.execute(
        select(_integer(audit_events.c.seq), _binary(audit_events.c.record), _binary(audit_events.c.hash))
        .where(audit_events.c.chain == chain).order_by(audit_events.c.seq)
    )]
    head = connection.execute(
        select(_integer(chain_heads.c.count), _binary(chain_heads.c.hash)).where(chain_heads.c.chain == chain)
    ).one_or_none()
    found = verify(entries, Head(chain, 0, genesis(chain)) if head is None else Head(chain, *head))
    return found or _check_tables(connection, chain, [json.loads(entry.record) for entry in entries])


def _check_tables(connection: Connection, chain: str, records: Sequence[Mapping[str, Any]]) -> list[Fault]:
    call: dict[str, Any] = {}
    decided: dict[str, dict[str, Any]] = {}
    granted: dict[str, dict[str, Any]] = {}
    for record in records:
        match record["kind"]:
            case "started" | "customer_named" | "ended":
                call = {"call_id": chain, "tenant": tenant_of(chain), **call, **call_row(record)}
            case "decision":
                decided[record["action_id"]] = {
                    "call_id": chain, "action_id": record["action_id"], **action_row(record)
                }
                if record["grant"] is not None:
                    granted[record["grant"]["jti"]] = {"call_id": chain, **grant_row(record)}
            case "grant_redeemed":
                granted[record["jti"]]["redeemed_at"] = record["at"]
            case "grant_revoked":
                granted.pop(record["jti"], None)
    expected: list[tuple[Table, Column[str], list[dict[str, Any]]]] = [
        (calls, calls.c.call_id, [call] if call else []),
        (actions, actions.c.action_id, list(decided.values())),
        (grants, grants.c.jti, list(granted.values())),
    ]
    faults = []
    for table, key, said in expected:
        rows = connection.execute(select(table).where(table.c.call_id == chain)).mappings()
        stored = {row[key]: dict(row) for row in rows}
        if stored != {row[key.name]: row for row in said}:
            text = f"the table {table.name} does not say what the records say"
            faults.append(Fault(chain, len(records), "changed", text))
    return faults


# SQLite lets anybody put text where bytes or numbers belong, which must become a fault and not an exception.


def _binary(column: Column[bytes]) -> ColumnElement[bytes]:
    return cast(column, LargeBinary)


def _integer(column: Column[int]) -> ColumnElement[int]:
    return cast(column, Integer)
