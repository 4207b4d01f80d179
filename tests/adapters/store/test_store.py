"""Tests of voiceguard.adapters.store, on real SQLite files."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import event

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.database import connect
from voiceguard.adapters.store.tables import metadata
from voiceguard.audit.chain import genesis, link
from voiceguard.errors import ConfigurationError
from voiceguard.events import ActionDecided, Band, Challenge, Decision, Evidence, Grant, Reason, Risk, RiskState

RISK = Risk(8.0, 5.0, 4, Band.LOW, RiskState.OK, (Evidence("synthetic_voice", -1.25, 0.5, -0.625, 3),))
MODELS = {"synthetic": "synthetic-stream@0123456789ab"}
POLICY = "ba9876543210"
STARTED = {"kind": "started", "at": 100.0, "call_id": "call-1", "customer_ref": "customer-1"}
NOTE = {"kind": "media", "at": 101.0, "note": "gap", "ms": 20.0}
ENDED = {"kind": "ended", "at": 160.0, "reason": "stopped"}

STEP_UP = ActionDecided(
    "a1", "refund", "money", Decision.STEP_UP, "challenged", (Reason("because", "Because."),), "ask", RISK, "00",
    challenge=Challenge("totp", 400.0, 3, "urn:voiceguard:acr:otp"),
)
ALLOW = replace(
    STEP_UP, decision=Decision.ALLOW, state="allowed", rule="code_right", challenge=None, accepted_totp_step=77,
    grant=Grant("jti-1", "call-1", "customer-1", "refund", "00", 1000.0),
)
DENY = replace(
    STEP_UP, decision=Decision.DENY, state="denied", rule="too_many_tries", challenge=None,
    lock_customer_until=2000.0,
)


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


async def decide(store: Store, decided: ActionDecided, call_id: str = "call-1", at: float = 110.0) -> None:
    """Record a decision."""
    await store.decisions.record(call_id, decided, at=at, models=MODELS, policy=POLICY)


async def one_call(store: Store, call_id: str = "call-1", jti: str = "jti-1") -> None:
    """A call with a step-up that ends in a grant."""
    await store.customers.upsert("customer-1")
    await store.calls.append(call_id, [STARTED | {"call_id": call_id}, NOTE])
    await decide(store, STEP_UP, call_id)
    grant = replace(ALLOW.grant, jti=jti, call_id=call_id)
    await decide(store, replace(ALLOW, grant=grant, accepted_totp_step=None), call_id, 120.0)
    await store.calls.append(call_id, [ENDED])


def accept(_: bytes, __: str) -> bool:
    """Takes every signature for the service's own."""
    return True


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_migrations_make_the_tables(tmp_path: Path) -> None:
    """What Alembic makes is what the code expects, column for column."""
    async def run() -> list[Any]:
        async with connect(url(tmp_path / "v.db")) as engine, engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
            )

    assert asyncio.run(run()) == []


def test_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The folder is made 0700 and the file 0600."""
    path = tmp_path / "data" / "v.db"
    on(path, lambda store: store.calls.list())

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_everything_stays(tmp_path: Path) -> None:
    """A second opening finds what the first one kept."""
    on(tmp_path / "v.db", one_call)

    assert [call["call_id"] for call in on(tmp_path / "v.db", lambda store: store.calls.list())] == ["call-1"]


def test_two_open_an_empty_file_at_once(tmp_path: Path) -> None:
    """Two processes may start together: the tables are made once."""
    async def run() -> None:
        async def start() -> None:
            async with Store.open(url(tmp_path / "v.db")) as store:
                await store.calls.list()

        await asyncio.gather(*(start() for _ in range(4)))

    asyncio.run(run())


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A database whose migrations are unknown here is left alone."""
    on(tmp_path / "v.db", lambda store: store.calls.list())
    sql(tmp_path / "v.db", "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError):
        on(tmp_path / "v.db", lambda store: store.calls.list())


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Another file is told as such and not changed."""
    path = tmp_path / "v.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    before = path.read_bytes()

    with pytest.raises(StoreError, match="SQLITE_NOTADB"):
        on(path, lambda store: store.calls.list())
    assert path.read_bytes() == before


@pytest.mark.parametrize("bad", ["", "nonsense", "sqlite:///v.db", "nosuchdb+driver://secret@host/db"])
def test_bad_url_is_the_operators_fault(bad: str) -> None:
    """A URL that names no async driver is refused, and never quoted: it may hold a password."""
    async def run() -> None:
        async with Store.open(bad):
            pass

    with pytest.raises(ConfigurationError) as refusal:
        asyncio.run(run())
    assert "secret" not in str(refusal.value)


def test_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("")

    with pytest.raises(StoreError):
        on(tmp_path / "data" / "v.db", lambda store: store.calls.list())


# ── calls and decisions ──────────────────────────────────────────────────────────────────────────────────────────────


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """`events` gives every record as it was handed in."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, NOTE])
        await store.calls.append("call-1", [])
        await store.calls.append("call-1", [ENDED])
        return await store.calls.events("call-1"), await store.calls.events("call-2")

    assert on(tmp_path / "v.db", use) == ([STARTED, NOTE, ENDED], [])


def test_call_tells_its_actions(tmp_path: Path) -> None:
    """A call's row has its start, its end and the latest decision on each action."""
    async def use(store: Store) -> Any:
        await one_call(store)
        return await store.calls.find("call-1"), await store.calls.find("call-2")

    known, unknown = on(tmp_path / "v.db", use)
    assert unknown is None
    assert known == {
        "call_id": "call-1", "customer_ref": "customer-1", "started_at": 100.0, "ended_at": 160.0,
        "end_reason": "stopped",
        "actions": [{
            "action_id": "a1", "at": 120.0, "action": "refund", "tier": "money", "decision": "allow",
            "state": "allowed", "rule": "code_right", "person": None,
        }],
    }


def test_calls_are_newest_first(tmp_path: Path) -> None:
    """The list has the latest starts, as many as asked for, each with its own actions."""
    async def use(store: Store) -> Any:
        for number in (1, 3, 2):
            await store.calls.append(f"call-{number}", [STARTED | {"at": float(number)}])
        await decide(store, STEP_UP, "call-2")
        return await store.calls.list(limit=2)

    found = on(tmp_path / "v.db", use)
    assert [(call["call_id"], len(call["actions"])) for call in found] == [("call-3", 0), ("call-2", 1)]


def test_call_id_used_again_goes_on_with_its_chain(tmp_path: Path) -> None:
    """The row shows the latest start; nothing of the first call is lost."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, ENDED])
        await store.calls.append("call-1", [STARTED | {"at": 200.0, "customer_ref": None}])
        return await store.calls.find("call-1"), await store.calls.events("call-1")

    call, events = on(tmp_path / "v.db", use)
    assert (call["started_at"], call["ended_at"], call["customer_ref"]) == (200.0, None, None)
    assert [event["kind"] for event in events] == ["started", "ended", "started"]


def test_nothing_comes_before_the_start(tmp_path: Path) -> None:
    """A chain begins with its call's start, so that no decision hangs in the air."""
    async def use(store: Store) -> None:
        with pytest.raises(StoreError):
            await store.calls.append("call-1", [NOTE])
        with pytest.raises(StoreError):
            await decide(store, STEP_UP)

    on(tmp_path / "v.db", use)
    assert rows(tmp_path / "v.db", "SELECT * FROM audit_events") == []


def test_concurrent_writers_share_a_chain(tmp_path: Path) -> None:
    """Two processes that write to one call lose nothing and break no link."""
    async def run() -> Any:
        async with Store.open(url(tmp_path / "v.db")) as one, Store.open(url(tmp_path / "v.db")) as other:
            await one.calls.append("call-1", [STARTED])
            await asyncio.gather(*(
                store.calls.append("call-1", [NOTE | {"number": number}, NOTE | {"number": number}])
                for store in (one, other) for number in range(20)
            ))
            events = await one.calls.events("call-1")
            return [record["number"] for record in events[1:]], await one.audit.verify(accept)

    numbers, faults = asyncio.run(run())
    assert sorted(numbers) == sorted(4 * list(range(20)))
    assert numbers[::2] == numbers[1::2]
    assert faults == []


# ── grants, codes, locks ─────────────────────────────────────────────────────────────────────────────────────────────


def test_grant_is_spent_once(tmp_path: Path) -> None:
    """Of many that redeem at once, over two connections, one succeeds, and the chain says so."""
    async def run() -> Any:
        async with Store.open(url(tmp_path / "v.db")) as one, Store.open(url(tmp_path / "v.db")) as other:
            await one_call(one)
            spent = await asyncio.gather(*(store.decisions.redeem_grant("jti-1", 130.0) for store in 4 * (one, other)))
            return spent, (await one.calls.events("call-1"))[-1]

    spent, last = asyncio.run(run())
    assert sorted(spent) == 7 * [False] + [True]
    assert last == {"kind": "grant_redeemed", "at": 130.0, "action_id": "a1", "jti": "jti-1"}


@pytest.mark.parametrize(("jti", "now"), [("jti-2", 130.0), ("jti-1", 1000.0)])
def test_unrecorded_or_expired_grant_is_not_spent(tmp_path: Path, jti: str, now: float) -> None:
    """A signature alone is not enough, and the moment of expiry is too late."""
    async def use(store: Store) -> Any:
        await one_call(store)
        return await store.decisions.redeem_grant(jti, now)

    assert on(tmp_path / "v.db", use) is False


def test_code_opens_one_thing(tmp_path: Path) -> None:
    """A TOTP step that another call has used is refused, and its grant is not kept."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1")
        for call_id in ("call-1", "call-2"):
            await store.calls.append(call_id, [STARTED])
        await decide(store, ALLOW)
        for step in (76, 77):
            grant = replace(ALLOW.grant, jti="jti-2", call_id="call-2")
            with pytest.raises(StoreError, match="used before"):
                await decide(store, replace(ALLOW, grant=grant, accepted_totp_step=step), "call-2")
        customer = await store.customers.find("customer-1")
        redeemed = await store.decisions.redeem_grant("jti-2", 130.0)
        return customer.last_totp_step, redeemed, await store.calls.events("call-2")

    assert on(tmp_path / "v.db", use) == (77, False, [STARTED])


def test_lock_is_never_shortened(tmp_path: Path) -> None:
    """A lock-out lasts until the latest of the ends that were asked for."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1")
        await store.calls.append("call-1", [STARTED])
        ends = []
        for until in (2000.0, 1500.0, 2500.0):
            await decide(store, replace(DENY, lock_customer_until=until))
            ends.append((await store.customers.find("customer-1")).locked_until)
        return ends

    assert on(tmp_path / "v.db", use) == [2000.0, 2000.0, 2500.0]


@pytest.mark.parametrize("decided", [DENY, ALLOW])
def test_unknown_customer_is_not_made_known(tmp_path: Path, decided: ActionDecided) -> None:
    """To lock or to spend a code of nobody is a fault, and nothing of the decision stays."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED])
        with pytest.raises(StoreError):
            await decide(store, decided)
        call = await store.calls.find("call-1")
        return await store.customers.find("customer-1"), await store.calls.events("call-1"), call["actions"]

    assert on(tmp_path / "v.db", use) == (None, [STARTED], [])


def test_nonce_is_used_once(tmp_path: Path) -> None:
    """Of many uses at once, one is the first."""
    async def use(store: Store) -> Any:
        together = await asyncio.gather(*(store.nonces.use("n", 1e6) for _ in range(4)))
        return sorted(together), await store.nonces.use("other", 1e6), await store.nonces.use("n", 1e6)

    assert on(tmp_path / "v.db", use) == ([False, False, False, True], True, False)


def test_old_nonces_are_forgotten(tmp_path: Path) -> None:
    """A nonce whose token died a week ago takes no room."""
    async def use(store: Store) -> None:
        for expires in (0.0, 86400.0, 8 * 86400.0):
            assert await store.nonces.use(f"n{expires}", expires)

    on(tmp_path / "v.db", use)
    assert rows(tmp_path / "v.db", "SELECT expires FROM nonces ORDER BY 1") == [(86400.0,), (8 * 86400.0,)]


# ── customers and keys ───────────────────────────────────────────────────────────────────────────────────────────────


def test_customer_is_kept_encrypted(tmp_path: Path) -> None:
    """The TOTP secret comes back, and does not lie in the file."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP")
        return await store.customers.find("customer-1"), await store.customers.find("customer-2")

    known, unknown = on(tmp_path / "v.db", use, Fernet(Fernet.generate_key()))
    assert (known.totp_secret, known.last_totp_step, known.locked_until) == ("JBSWY3DPEHPK3PXP", -1, 0.0)
    assert unknown is None
    assert all(b"JBSWY3DPEHPK3PXP" not in file.read_bytes() for file in tmp_path.iterdir())


def test_new_secret_keeps_lock_and_step(tmp_path: Path) -> None:
    """Enrolling anew opens neither a lock nor a used code."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP")
        await store.calls.append("call-1", [STARTED])
        await decide(store, ALLOW)
        await decide(store, replace(DENY, action_id="a2"))
        await store.customers.upsert("customer-1")
        return await store.customers.find("customer-1")

    kept = on(tmp_path / "v.db", use, Fernet(Fernet.generate_key()))
    assert (kept.totp_secret, kept.last_totp_step, kept.locked_until) == (None, 77, 2000.0)


def test_secret_needs_a_cipher(tmp_path: Path) -> None:
    """Without a cipher no secret is written; without the right one none is read."""
    path, key = tmp_path / "v.db", Fernet(Fernet.generate_key())
    with pytest.raises(StoreError):
        on(path, lambda store: store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP"))
    on(path, lambda store: store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP"), key)

    for cipher in (None, Fernet(Fernet.generate_key())):
        with pytest.raises(StoreError) as fault:
            on(path, lambda store: store.customers.find("customer-1"), cipher)
        assert "JBSWY3DPEHPK3PXP" not in str(fault.value)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def small_disk(path: Path) -> AsyncIterator[Store]:
    """A store whose file may grow by only a few pages."""
    async with Store.open(url(path)) as store:
        await one_call(store)
        [(pages,)] = rows(path, "PRAGMA page_count")

        @event.listens_for(store.database.engine.sync_engine, "begin")
        def _limit(connection: Any) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

        yield store


def test_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When the disk is full the write fails whole, and the chain still verifies."""
    path = tmp_path / "v.db"

    async def run() -> Any:
        async with small_disk(path) as store:
            before = dump(path)
            with pytest.raises(StoreError, match="SQLITE_FULL") as fault:
                await store.calls.append("call-1", [NOTE | {"text": 2000 * "secret"} for _ in range(20)])
            with pytest.raises(StoreError, match="SQLITE_FULL"):
                await decide(store, replace(ALLOW, action_id="a2", rule=50_000 * "r", accepted_totp_step=None))
            return before, str(fault.value), await store.audit.verify(accept)

    before, text, faults = asyncio.run(run())
    assert dump(path) == before
    assert "secret" not in text
    assert faults == []


def test_locked_database_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that holds the write lock too long makes a fault, and reading goes on."""
    monkeypatch.setattr("voiceguard.adapters.store.database.BUSY_MS", 10)
    path = tmp_path / "v.db"
    on(path, one_call)

    async def use(store: Store) -> Any:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="SQLITE_BUSY"):
                await decide(store, STEP_UP)
            return await store.calls.find("call-1")

    assert on(path, use)["call_id"] == "call-1"


def test_fault_text_holds_no_value(tmp_path: Path) -> None:
    """A broken constraint is told by its kind, not by the row."""
    async def use(store: Store) -> str:
        await one_call(store)
        with pytest.raises(StoreError) as fault:
            await decide(store, replace(ALLOW, action_id="a2", accepted_totp_step=None))
        return str(fault.value)

    text = on(tmp_path / "v.db", use)
    assert text == "the store could not record a decision: IntegrityError SQLITE_CONSTRAINT_PRIMARYKEY"


def test_record_without_canonical_form_is_a_store_error(tmp_path: Path) -> None:
    """What cannot be hashed the same by everybody is not recorded, and what came with it neither."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED])
        with pytest.raises(StoreError):
            await store.calls.append("call-1", [NOTE, NOTE | {"ms": float("nan")}])
        return await store.calls.events("call-1")

    assert on(tmp_path / "v.db", use) == [STARTED]


# ── receipts and verification ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.open(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def audited(tmp_path: Path, keys: Keys) -> Path:
    """Three calls: one redeemed grant, and a checkpoint while call-2 and call-3 were on their way."""
    path = tmp_path / "v.db"

    async def use(store: Store) -> None:
        await one_call(store)
        await store.decisions.redeem_grant("jti-1", 130.0)
        await store.calls.append("call-2", [STARTED | {"call_id": "call-2"}, NOTE, NOTE | {"ms": 40.0}])
        await store.audit.checkpoint(keys.sign, 170.0)
        await store.calls.append("call-2", [NOTE | {"ms": 60.0}, ENDED])
        await store.calls.append("call-3", [STARTED | {"call_id": "call-3"}])
        await store.audit.checkpoint(keys.sign, 230.0)
        await store.calls.append("call-3", [NOTE])

    on(path, use)
    return path


def found(path: Path, keys: Keys) -> set[tuple[str, int, str]]:
    """Chain, place and kind of every fault."""
    faults = on(path, lambda store: store.audit.verify(keys.verify))
    return {(fault.chain, fault.seq, fault.kind) for fault in faults}


def rewritten(path: Path, chain: str, records: list[bytes]) -> None:
    """A chain that was made anew, every link and the head right."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM audit_events WHERE chain = ?", (chain,))
        previous = genesis(chain)
        for seq, record in enumerate(records):
            previous = link(previous, record)
            connection.execute("INSERT INTO audit_events VALUES (?, ?, ?, ?)", (chain, seq, record, previous))
        connection.execute(
            "UPDATE chain_heads SET count = ?, hash = ? WHERE chain = ?", (len(records), previous, chain)
        )
        connection.commit()


def test_receipts_tell_every_decision(audited: Path) -> None:
    """One receipt a decision, in order, bound to its place and to all that came before."""
    receipts = on(audited, lambda store: store.calls.receipts("call-1"))
    hashes = [digest.hex() for (digest,) in rows(
        audited, "SELECT hash FROM audit_events WHERE chain = 'call-1' ORDER BY seq"
    )]

    assert [receipt["produced"]["decision"] for receipt in receipts] == ["step_up", "allow"]
    assert [receipt["place"]["seq"] for receipt in receipts] == [2, 3]
    assert [receipt["place"]["sha256"] for receipt in receipts] == hashes[2:4]
    assert [receipt["data"]["recorded_before_sha256"] for receipt in receipts] == hashes[1:3]
    assert receipts[1]["system"] == {"models": MODELS, "policy": POLICY, "rule": "code_right"}
    assert on(audited, lambda store: store.calls.receipts("call-9")) == []


def test_untouched_audit_has_no_fault(audited: Path, keys: Keys) -> None:
    """Chains may have grown since their checkpoint."""
    assert found(audited, keys) == set()


def test_checkpoint_covers_what_moved(audited: Path, keys: Keys) -> None:
    """A second checkpoint leaves out what the first one saw unchanged; with nothing new there is none."""
    async def use(store: Store) -> None:
        await store.audit.checkpoint(keys.sign, 300.0)
        await store.audit.checkpoint(keys.sign, 360.0)

    on(audited, use)
    seen = [[head[0] for head in json.loads(body)["heads"]] for (body,) in rows(
        audited, "SELECT body FROM checkpoints ORDER BY checkpoint_id"
    )]
    assert seen == [["call-1", "call-2"], ["call-2", "call-3"], ["call-3"]]


SWAP = (
    "UPDATE audit_events SET seq = 99 WHERE chain = 'call-2' AND seq = 1",
    "UPDATE audit_events SET seq = 1 WHERE chain = 'call-2' AND seq = 2",
    "UPDATE audit_events SET seq = 2 WHERE chain = 'call-2' AND seq = 99",
)


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        (["UPDATE audit_events SET record = CAST(replace(CAST(record AS TEXT), '\"ms\":40', '\"ms\":41') AS BLOB) "
          "WHERE chain = 'call-2' AND seq = 2"], {("call-2", 2, "changed")}),
        (["UPDATE audit_events SET record = 'not json' WHERE chain = 'call-2' AND seq = 1"],
         {("call-2", 1, "changed")}),
        (["UPDATE audit_events SET hash = 'text' WHERE chain = 'call-3' AND seq = 1"],
         {("call-3", 1, "changed")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq = 1"], {("call-2", 1, "removed")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq >= 3"],
         {("call-2", 3, "truncated"), ("call-2", 4, "truncated")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq >= 3",
          "UPDATE chain_heads SET count = 3, hash = (SELECT hash FROM audit_events WHERE chain = 'call-2' AND seq = 2) "
          "WHERE chain = 'call-2'"], {("call-2", 4, "truncated"), ("call-2", 3, "changed")}),
        (["DELETE FROM chain_heads WHERE chain = 'call-3'"], {("call-3", 0, "added")}),
        (["UPDATE chain_heads SET hash = zeroblob(32) WHERE chain = 'call-3'"], {("call-3", 1, "changed")}),
        (["UPDATE calls SET customer_ref = 'customer-2' WHERE call_id = 'call-2'"], {("call-2", 5, "changed")}),
        (["UPDATE calls SET end_reason = 'shutdown' WHERE call_id = 'call-2'"], {("call-2", 5, "changed")}),
        (["DELETE FROM calls WHERE call_id = 'call-3'"], {("call-3", 2, "changed")}),
        (["UPDATE actions SET decision = 'deny' WHERE call_id = 'call-1'"], {("call-1", 6, "changed")}),
        (["DELETE FROM actions"], {("call-1", 6, "changed")}),
        (["INSERT INTO actions SELECT call_id, 'a9', at, action, tier, 'allow', state, rule, person FROM actions"],
         {("call-1", 6, "changed")}),
        (["UPDATE grants SET redeemed_at = NULL"], {("call-1", 6, "changed")}),
        (["UPDATE grants SET expires_at = 1e12"], {("call-1", 6, "changed")}),
        (["INSERT INTO grants VALUES ('jti-9', 'call-9', 'a1', 1e12, NULL)"], {("call-9", 0, "changed")}),
        (["DELETE FROM checkpoints WHERE checkpoint_id = 1"],
         {("checkpoints", 2, "removed"), ("checkpoints", 1, "removed")}),
        (["DELETE FROM checkpoints WHERE checkpoint_id = 2"], {("checkpoints", 2, "removed")}),
        (["UPDATE checkpoints SET signature = 'AAAA' WHERE checkpoint_id = 2"], {("checkpoints", 2, "changed")}),
        (["UPDATE checkpoints SET body = '{}' WHERE checkpoint_id = 2"], {("checkpoints", 2, "changed")}),
    ],
)
def test_tampering_is_found(
    audited: Path, keys: Keys, statements: list[str], faults: set[tuple[str, int, str]]
) -> None:
    """What somebody with the database's password changes, removes or puts in is named by its place."""
    sql(audited, *statements)

    assert found(audited, keys) == faults


def test_swapped_records_are_found(audited: Path, keys: Keys) -> None:
    """Two records that changed places are told as reordered."""
    sql(audited, *SWAP)

    assert ("call-2", 1, "reordered") in found(audited, keys)


def test_whole_call_that_was_removed_is_found(audited: Path, keys: Keys) -> None:
    """The checkpoint remembers a call of which nothing else is left."""
    for table, column in (("audit_events", "chain"), ("chain_heads", "chain"), ("grants", "call_id"),
                          ("actions", "call_id"), ("calls", "call_id")):
        sql(audited, f"DELETE FROM {table} WHERE {column} = 'call-1'")

    assert found(audited, keys) == {("call-1", 5, "truncated")}


def test_chain_that_was_made_anew_is_found(audited: Path, keys: Keys) -> None:
    """A forger who gets every link and the head right still contradicts a signature."""
    records = [record.replace(b'"ms":40', b'"ms":41') for (record,) in rows(
        audited, "SELECT record FROM audit_events WHERE chain = 'call-2' ORDER BY seq"
    )]
    rewritten(audited, "call-2", records)

    assert found(audited, keys) == {("call-2", 2, "changed"), ("call-2", 4, "changed")}


def test_chain_put_under_another_call_is_found(audited: Path, keys: Keys) -> None:
    """A chain is bound to its call's id."""
    sql(audited, *(
        f"UPDATE {table} SET {column} = 'call-4' WHERE {column} = 'call-3'"
        for table, column in (("audit_events", "chain"), ("chain_heads", "chain"), ("calls", "call_id"))
    ))

    assert {("call-4", 0, "changed"), ("call-3", 0, "truncated")} <= found(audited, keys)


def test_checkpoint_of_another_key_is_found(audited: Path, tmp_path: Path) -> None:
    """Who lacks the service's key cannot sign for it."""
    assert found(audited, Keys.open(tmp_path / "other")) == {
        ("checkpoints", 1, "changed"), ("checkpoints", 2, "changed")
    }
