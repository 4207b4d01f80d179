"""Records, decisions and stores on real SQLite files, for the tests of this folder."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.events import (
    ActionDecided,
    ActionState,
    Band,
    Challenge,
    CodeJudged,
    Decision,
    Evidence,
    Grant,
    Reason,
    Risk,
    RiskState,
)
from voiceguard.policy.lockouts import LockoutTerms

RISK = Risk(8.0, 5.0, 4, Band.LOW, RiskState.OK, (Evidence("synthetic_voice", -1.25, 0.5, -0.625, 3),))

MODELS = {"synthetic": "synthetic-stream@0123456789ab"}

POLICY = "ba9876543210"

STARTED = {"kind": "started", "at": 100.0, "call_id": "call-1", "customer_ref": "customer-1"}

NOTE = {"kind": "media", "at": 101.0, "note": "gap", "ms": 20.0}

ENDED = {"kind": "ended", "at": 160.0, "reason": "stopped"}

STEP_UP = ActionDecided(
    "a1", "refund", "money", Decision.STEP_UP, ActionState.CHALLENGED, (Reason("because", "Because."),), "ask", RISK,
    "00", challenge=Challenge("totp", 400.0, 3, "urn:voiceguard:acr:otp"), customer_ref="customer-1",
)

ALLOW = replace(
    STEP_UP, decision=Decision.ALLOW, state=ActionState.ALLOWED, rule="code_right", challenge=None,
    accepted_totp_step=77, grant=Grant("jti-1", "call-1", "customer-1", "refund", "00", 1000.0),
    code=CodeJudged(is_right=True),
)

WRONG = replace(STEP_UP, rule="wrong_code", code=CodeJudged(is_right=False))

DENY = replace(
    STEP_UP, decision=Decision.DENY, state=ActionState.DENIED, rule="too_many_tries", challenge=None,
    lock_customer_until=2000.0, code=CodeJudged(is_right=False),
)

TERMS = LockoutTerms(3, 900.0, 2)


def url(path: Path) -> str:
    """The store's URL of a file."""
    return f"sqlite+aiosqlite:///{path}"


def on(path: Path, use: Callable[[Store], Awaitable[Any]], cipher: Fernet | None = None) -> Any:
    """What `use` gives on the store at this path."""
    async def run() -> Any:
        async with Store.open(url(path), cipher) as store:
            return await use(store)

    return asyncio.run(run())


def sql(path: Path, *statements: str) -> None:
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Read the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def dump(path: Path) -> list[str]:
    """Everything in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


async def decide(store: Store, decided: ActionDecided, call_id: str = "call-1", at: float = 110.0) -> ActionDecided:
    """Record a decision; as it stands then."""
    return await store.decisions.record(call_id, decided, at=at, models=MODELS, policy=POLICY, terms=TERMS)


async def one_call(store: Store, call_id: str = "call-1", jti: str = "jti-1") -> None:
    """A call with a step-up that ends in a grant."""
    await store.customers.upsert("customer-1")
    await store.calls.append(call_id, [STARTED | {"call_id": call_id}, NOTE])
    await decide(store, STEP_UP, call_id)
    assert ALLOW.grant is not None
    grant = replace(ALLOW.grant, jti=jti, call_id=call_id)
    await decide(store, replace(ALLOW, grant=grant, accepted_totp_step=None), call_id, 120.0)
    await store.calls.append(call_id, [ENDED])


def accept(_: bytes, __: str) -> bool:
    """Takes every signature for the service's own."""
    return True


def found(path: Path, keys: Keys) -> set[tuple[str, int, str]]:
    """Chain, place and kind of every fault."""
    faults = on(path, lambda store: store.audit.verify(keys.verify, now=250.0)).faults
    return {(fault.chain, fault.seq, fault.kind) for fault in faults}
