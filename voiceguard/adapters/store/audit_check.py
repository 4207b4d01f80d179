"""Holds what the database says against the audit's own rules: checkpoints, chains, and the tables that restate them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeGuard

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, cast, func, select, union
from sqlalchemy.sql.elements import ColumnElement

from voiceguard.adapters.store.tables import (
    actions,
    audit_events,
    calls,
    chain_heads,
    checkpoints,
    grants,
    swept_chains,
)
from voiceguard.audit.chain import Entry, Fault, Head, genesis, verify
from voiceguard.audit.checkpoint import Mark, checkpoint_hash, merkle_root, verify_checkpoint
from voiceguard.audit.record import canonical
from voiceguard.events.tenants import tenant_of

PAGE = 200
"""Chains or checkpoints read at a time."""
UNSIGNED_S = 300.0
"""A record that no checkpoint covers after so long is a fault: the service signs one a minute."""


class Newest(NamedTuple):
    """The newest checkpoint."""

    number: int
    issued_at: float
    """Unix seconds."""


@dataclass
class ChainSeen:
    """What verification saw of one chain."""

    faults: list[Fault]
    records: int
    times: Sequence[float] = ()
    """Unix seconds of the records, in order."""
    restored: Sequence[dict[str, Any]] = ()
    """Records of restores that were accepted."""
    named_keys: Sequence[str] = ()
    """Kids of signing keys that its records say were replaced, or known when a restore was accepted."""


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


def check_checkpoints(
    connection: Connection, signed: Callable[[bytes, str], bool]
) -> tuple[int, Newest | None, list[Fault]]:
    """How many checkpoints there are, the newest, everything wrong with them, and what they saw that is gone."""
    claims = dict(connection.execute(
        select(_integer(chain_heads.c.signed_in), func.count()).where(chain_heads.c.signed_in.is_not(None))
        .group_by(_integer(chain_heads.c.signed_in))
    ).all())
    confirmed = 0

    def hash_at(chain: str, seq: int) -> bytes | None:
        nonlocal confirmed
        head = connection.execute(
            select(_integer(chain_heads.c.signed_in), _integer(chain_heads.c.signed_count))
            .where(chain_heads.c.chain == chain)
        ).one_or_none()
        confirmed += head == (last, seq + 1)
        place = audit_events.c.chain == chain, audit_events.c.seq == seq
        stored = connection.execute(select(_binary(audit_events.c.hash)).where(*place)).scalar_one_or_none()
        return _swept_hash(connection, chain, seq) if stored is None else stored

    faults: list[Fault] = []
    count, newest, last, previous = 0, None, 0, b""
    while True:
        query = select(checkpoints.c.checkpoint_id, _binary(checkpoints.c.body), checkpoints.c.signature)
        after = query.where(checkpoints.c.checkpoint_id > last).order_by(checkpoints.c.checkpoint_id).limit(PAGE)
        page = connection.execute(after).all()
        if not page:
            break
        for last, body, signature in page:
            count, confirmed = count + 1, 0
            if is_text(signature) and signed(body, signature):
                found = verify_checkpoint(body, previous, hash_at)
                faults += [replace(fault, seq=last) if fault.chain == "checkpoints" else fault for fault in found]
                if claims.get(last, 0) > confirmed:
                    text = f"{claims[last] - confirmed} chains name this checkpoint, and it does not name them"
                    faults.append(Fault("checkpoints", last, "changed", text))
                newest = Newest(last, json.loads(body)["issued_at"])
            else:
                faults.append(Fault("checkpoints", last, "changed", "this signature is not the service's own"))
            previous = checkpoint_hash(body)
    # The newest checkpoints are named by no later one, only by the heads that they cover.
    gone = select(_integer(chain_heads.c.signed_in)).outerjoin(
        checkpoints, checkpoints.c.checkpoint_id == chain_heads.c.signed_in
    ).where(chain_heads.c.signed_in.is_not(None), checkpoints.c.checkpoint_id.is_(None))
    faults += [
        Fault("checkpoints", number, "removed", "chains name this checkpoint, and it is gone")
        for number in sorted(connection.execute(gone.distinct()).scalars())
    ]
    return count, newest, faults


def check_mark(connection: Connection, mark: Mark, restored: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """What contradicts a mark that was kept outside the database and whose signature is good. `restored`: records of
    restores that were accepted, which say why."""
    body = connection.execute(
        select(_binary(checkpoints.c.body)).where(checkpoints.c.checkpoint_id == mark.number)
    ).scalar_one_or_none()
    if body is not None and checkpoint_hash(body).hex() == mark.hash:
        return []
    chains, records = connection.execute(
        select(func.count(), cast(func.coalesce(func.sum(chain_heads.c.count), 0), Integer)).select_from(chain_heads)
    ).one()
    newest = connection.execute(select(func.max(checkpoints.c.checkpoint_id))).scalar_one()
    has = "no checkpoint" if newest is None else f"checkpoints up to {newest}"
    text = (
        f"{mark_text(mark)}; the database has {'another checkpoint of this number' if body is not None else has}, "
        f"{chains} chains and {records} records: it was rolled back, emptied or exchanged"
    )
    for one in restored:
        if explains(one, mark):
            text += f" (a restore was accepted at {iso(one['at'])} by {one['by']}: {one['reason']})"
    return [Fault("checkpoints", mark.number, "removed" if body is None else "changed", text)]


def explains(restored: Mapping[str, Any], mark: Mark) -> bool:
    """Whether this accepted restore is why the database does not lead to a mark."""
    kept = restored.get("kept_checkpoint")
    return restored["at"] >= mark.issued_at and (kept is None or (isinstance(kept, int) and mark.number > kept))


def mark_text(mark: Mark) -> str:
    """What a mark says, as the beginning of a fault's text."""
    return (
        f"the mark of checkpoint {mark.number} at {iso(mark.issued_at)} saw {mark.chains} chains and "
        f"{mark.records} records"
    )


def check_counts(mark: Mark, chains: int, records: int) -> list[Fault]:
    """Fewer chains or records than a mark saw: none of them ever goes."""
    if chains >= mark.chains and records >= mark.records:
        return []
    text = f"{mark_text(mark)}; there are {chains} chains and {records} records"
    return [Fault("checkpoints", mark.number, "removed", text)]


def iso(at: float) -> str:
    """Unix seconds as ISO 8601 in UTC; as they are where no calendar has them."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{at} s"


def is_text(value: object) -> TypeGuard[str]:
    """Whether what the database gives for text is some; bytes that are none come as lone surrogates."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def chains_after(connection: Connection, last: str, skip: int) -> Sequence[Any]:
    """The next chains in order of their id, wherever in the database they are named, without the first `skip`."""
    named = (chain_heads.c.chain, audit_events.c.chain, calls.c.call_id, actions.c.call_id, grants.c.call_id)
    chains = union(*(select(column.label("chain")).where(column > last) for column in named)).subquery()
    page = select(chains.c.chain).order_by(chains.c.chain).limit(PAGE).offset(skip)
    return connection.execute(page).scalars().all()


def check_chain(connection: Connection, chain: str, now: float) -> ChainSeen:
    """One chain: everything wrong with it and, when it is whole, with the tables that restate it."""
    entries = [Entry(chain, *row) for row in connection.execute(
        select(_integer(audit_events.c.seq), _binary(audit_events.c.record), _binary(audit_events.c.hash))
        .where(audit_events.c.chain == chain).order_by(audit_events.c.seq)
    )]
    head = connection.execute(select(
        _integer(chain_heads.c.count), _binary(chain_heads.c.hash), _integer(chain_heads.c.signed_count),
        _integer(chain_heads.c.signed_in),
    ).where(chain_heads.c.chain == chain)).one_or_none()
    if not entries and head is not None and _swept_hash(connection, chain, head[0] - 1) == head[1]:
        return ChainSeen([], head[0])
    found = verify(entries, Head(chain, 0, genesis(chain)) if head is None else Head(chain, *head[:2]))
    if found:
        return ChainSeen(found, len(entries))
    seen = ChainSeen([], len(entries))
    try:
        records = [json.loads(entry.record) for entry in entries]
        seen.times = [float(record["at"]) for record in records]
        seen.restored = [record for record in records if record["kind"] == "restored" and _is_restore(record)]
        seen.named_keys = [kid for record in records for kid in _named_keys(record)]
        covered = 0 if head is None or head.signed_in is None else min(max(head.signed_count or 0, 0), len(records))
        if covered < len(records) and seen.times[covered] < now - UNSIGNED_S:
            text = f"no checkpoint covers {len(records) - covered} records since {iso(seen.times[covered])}"
            seen.faults.append(Fault(chain, covered, "unsigned", text))
        seen.faults += _check_tables(connection, chain, records)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        seen.faults.append(Fault(chain, 0, "changed", "a record does not have the form of its kind"))
    return seen


def _swept_hash(connection: Connection, chain: str, seq: int) -> bytes | None:
    """What retention kept of a record that it deleted: the last one's hash, b"" of one before, None of any other."""
    row = connection.execute(
        select(_integer(swept_chains.c.count), _binary(swept_chains.c.hash)).where(swept_chains.c.chain == chain)
    ).one_or_none()
    if row is None or seq >= row[0]:
        return None
    return row[1] if seq == row[0] - 1 else b""


def check_sweeps(connection: Connection, own_chain: str) -> list[Fault]:
    """Chains whose records are gone, and no record of the service's own chain says that retention deleted them."""
    said: dict[str, Any] = {}
    own = select(_binary(audit_events.c.record)).where(audit_events.c.chain == own_chain)
    for record in connection.execute(own).scalars():
        if b'"calls_swept"' in record:
            entry = json.loads(record)
            said[entry["sweep"]] = entry["root"]
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(select(swept_chains)).mappings():
        rows.setdefault(row["sweep"], []).append(dict(row))
    return [
        Fault(chains[0]["chain"], 0, "removed", f"no sweep is on record that deleted these {len(chains)} chains")
        for sweep, chains in rows.items() if said.get(sweep) != swept_root(chains)
    ]


def swept_root(rows: Iterable[Mapping[str, Any]]) -> str:
    """Merkle root, hex, of swept chains: what the record of their sweep names."""
    leaves = sorted([row["chain"], row["count"], row["hash"].hex()] for row in rows)
    return merkle_root([canonical(leaf) for leaf in leaves]).hex()


def _named_keys(record: Mapping[str, Any]) -> Sequence[Any]:
    match record["kind"]:
        case "signing_key_rotated":
            return [record["old_kid"]]
        case "restored":
            return list(record.get("retired_keys", ()))
    return []


def _is_restore(record: Mapping[str, Any]) -> bool:
    return all(isinstance(record[name], str) for name in ("by", "reason"))


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
