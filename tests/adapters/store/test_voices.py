"""Voices in the store, on real SQLite files: kept encrypted, found again, ended and erased."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import STARTED, on
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.voices import DAY_S, Listing, Voices
from voiceguard.events import Voice

CIPHER = Fernet(Fernet.generate_key())
HERS, HIS = (Voice(vector, 20.0, 12) for vector in np.eye(192, dtype=np.float32)[:2])
KNOWN = Listing("seen in case 12", expires_days=100.0, review_days=10.0)


def using(folder: Path, use: Callable[[Voices], Awaitable[Any]], model: str = "m@1") -> Any:
    """What `use` gives on a store with one customer and one call."""
    async def run(store: Store) -> Any:
        if await store.calls.find("call-1") is None:
            await store.calls.append("call-1", [STARTED])
            await store.customers.upsert("customer-1")
        return await use(Voices(store.database, model))

    return on(folder / "v.db", run, CIPHER)


async def enrol(voices: Voices, voice: Voice = HERS, now: float = 1.0) -> str:
    return await voices.enrol("customer-1", voice, call_id="call-1", author="ann", now=now)


async def listed(voices: Voices, now: float = 0.0, voice: Voice = HIS) -> str:
    return await voices.list_voice(voice, KNOWN, call_id="call-1", author="ann", now=now)


def file(folder: Path) -> bytes:
    """Everything that lies on the disk."""
    return b"".join(path.read_bytes() for path in folder.glob("v.db*"))


def test_a_voiceprint_comes_back_and_lies_encrypted(tmp_path: Path) -> None:
    """The same numbers for whoever has the key, and nothing of them on the disk."""
    using(tmp_path, enrol)
    found = using(tmp_path, lambda voices: voices.voiceprint("customer-1"))

    assert np.array_equal(HERS.embedding, found.embedding)
    assert (20.0, 12) == (found.net_speech_s, found.windows)
    assert HERS.embedding.tobytes()[:64] not in file(tmp_path)


def test_to_enrol_anew_keeps_the_history_and_not_the_voice(tmp_path: Path) -> None:
    """The newest voiceprint is the one in force; of the one before stay its dates and who made it."""
    async def twice(voices: Voices) -> Any:
        await enrol(voices)
        await enrol(voices, HIS, now=2.0)
        return await voices.voiceprint("customer-1"), await voices.voiceprint_history("customer-1")

    now, (newest, oldest) = using(tmp_path, twice)
    assert np.array_equal(HIS.embedding, now.embedding)
    assert newest["ended_at"] is None
    assert (2.0, "ann", "enrolled anew") == (oldest["ended_at"], oldest["ended_by"], oldest["end_reason"])
    with closing(sqlite3.connect(tmp_path / "v.db")) as database:
        kept = database.execute("SELECT count(*) FROM voiceprints WHERE embedding IS NOT NULL").fetchone()
    assert (1,) == kept


def test_to_forget_erases_voice_and_key(tmp_path: Path) -> None:
    """Afterwards nobody is enrolled; who asked for it and why is kept. A second time there is nothing to forget."""
    async def forget(voices: Voices) -> Any:
        await enrol(voices)
        done = [
            await voices.forget_voiceprint("customer-1", author="bob", reason="moved", now=5.0) for _ in range(2)
        ]
        return done, await voices.voiceprint("customer-1"), await voices.voiceprint_history("customer-1")

    done, voice, (history,) = using(tmp_path, forget)
    assert ([True, False], None, "bob", "moved") == (done, voice, history["ended_by"], history["end_reason"])
    with closing(sqlite3.connect(tmp_path / "v.db")) as database:
        assert (None,) == database.execute("SELECT data_key FROM customers").fetchone()


def test_another_encoder_does_not_know_the_voice(tmp_path: Path) -> None:
    """An embedding means nothing to a model that did not make it."""
    using(tmp_path, enrol)
    using(tmp_path, listed)

    assert using(tmp_path, lambda voices: voices.voiceprint("customer-1"), model="m@2") is None
    assert [] == using(tmp_path, lambda voices: voices.listed(1.0), model="m@2")


def test_an_unknown_customer_cannot_be_enrolled(tmp_path: Path) -> None:
    """Nothing is written."""
    async def enrol_nobody(voices: Voices) -> None:
        await voices.enrol("nobody", HERS, call_id="call-1", author="ann", now=1.0)

    with pytest.raises(StoreError, match="unknown"):
        using(tmp_path, enrol_nobody)
    assert [] == using(tmp_path, lambda voices: voices.voiceprint_history("nobody"))


def test_a_key_that_does_not_fit_is_a_fault(tmp_path: Path) -> None:
    """Not somebody else's voice, and no traceback with one."""
    using(tmp_path, enrol)

    async def read(store: Store) -> Any:
        return await Voices(store.database, "m@1").voiceprint("customer-1")

    with pytest.raises(StoreError, match="another key"):
        on(tmp_path / "v.db", read, Fernet(Fernet.generate_key()))


@pytest.mark.parametrize(("day", "counts"), [(9.9, True), (10.1, False)])
def test_an_entry_nobody_reviewed_counts_no_longer(tmp_path: Path, day: float, counts: bool) -> None:
    """Ten days here."""
    using(tmp_path, listed)

    assert counts == bool(using(tmp_path, lambda voices: voices.listed(day * DAY_S)))


def test_a_review_takes_a_second_person(tmp_path: Path) -> None:
    """The author's own does not count; another's keeps the entry until the next, but never past its expiry."""
    async def review(voices: Voices) -> Any:
        entry = await listed(voices)
        reviewed = [
            await voices.review_listed(entry, author=who, days=200.0, now=DAY_S) for who in ("ann", "bob")
        ]
        return reviewed, [len(await voices.listed(day * DAY_S)) for day in (50.0, 99.0, 101.0)]

    assert ([False, True], [1, 1, 0]) == using(tmp_path, review)


def test_who_is_taken_off_is_erased(tmp_path: Path) -> None:
    """The entry stays as history, without the voice, and cannot be taken off twice or reviewed."""
    async def unlist(voices: Voices) -> Any:
        entry = await listed(voices)
        done = [await voices.unlist(entry, author="bob", reason="mistaken", now=2.0) for _ in range(2)]
        reviewed = await voices.review_listed(entry, author="bob", days=9.0, now=3.0)
        return done, reviewed, await voices.listed(3.0), await voices.watchlist_history()

    done, reviewed, now, (history,) = using(tmp_path, unlist)
    assert ([True, False], False, []) == (done, reviewed, now)
    assert ("seen in case 12", "mistaken") == (history["reason"], history["end_reason"])
    assert "embedding" not in history


def test_what_expired_is_erased(tmp_path: Path) -> None:
    """The sweep ends what is due, and only that."""
    async def expire(voices: Voices) -> Any:
        await listed(voices)
        await listed(voices, now=50 * DAY_S)
        await voices.erase_due(101 * DAY_S)
        return [row["end_reason"] for row in await voices.watchlist_history()]

    assert [None, "expired"] == using(tmp_path, expire)


@pytest.mark.parametrize("terms", [
    {"reason": " "}, {"expires_days": 731.0}, {"review_days": 0.0}, {"expires_days": 5.0, "review_days": 6.0},
])
def test_a_listing_without_reason_or_end_is_refused(terms: dict[str, Any]) -> None:
    """Nobody stays on the list for ever, or without cause."""
    with pytest.raises(ValueError, match="needs"):
        Listing(**({"reason": "known"} | terms))


def test_heard_voices_expire(tmp_path: Path) -> None:
    """The voice of a call is there until its time, once however often it is kept, and then gone from the disk."""
    async def hear(voices: Voices) -> Any:
        for voice in (HERS, HIS):
            await voices.remember_heard("customer-1", voice, call_id="call-1", expires=10.0)
        return await voices.heard(9.0), await voices.heard(10.0), await voices.heard(9.0)

    (call_id, customer, voice), *more = using(tmp_path, hear)[0]
    assert ("call-1", "customer-1", []) == (call_id, customer, more)
    assert np.array_equal(HIS.embedding, voice.embedding)
    with closing(sqlite3.connect(tmp_path / "v.db")) as database:
        assert (0,) == database.execute("SELECT count(*) FROM heard_voices").fetchone()


def test_reasons_of_people_are_masked(tmp_path: Path) -> None:
    """Card numbers and mail addresses typed as a reason lie in no byte of the database."""
    async def use(voices: Voices) -> None:
        entry = await voices.list_voice(
            HIS, Listing("fraud with 4111111111111111", 100.0, 10.0), call_id="call-1", author="ann", now=1.0
        )
        await voices.unlist(entry, author="ben", reason="asked by erika@example.org", now=2.0)
        await enrol(voices)
        await voices.forget_voiceprint("customer-1", author="ann", reason="it is 4111 1111 1111 1111", now=3.0)

    using(tmp_path, use)
    kept = file(tmp_path)
    assert b"fraud with" in kept and b"asked by" in kept
    assert not any(word in kept for word in (b"4111111111111111", b"4111 1111", b"erika@example"))
