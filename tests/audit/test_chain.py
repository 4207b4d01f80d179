"""Chains and checkpoints: whatever is done to them is found."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.audit.chain import (
    Entry,
    Head,
    checkpoint_bytes,
    checkpoint_hash,
    genesis,
    link,
    merkle_root,
    verify,
    verify_checkpoint,
)


def grown(chain: str, count: int) -> tuple[list[Entry], Head]:
    """A chain of that many different records."""
    entries, previous = [], genesis(chain)
    for seq in range(count):
        record = f"record {seq}".encode()
        previous = link(previous, record)
        entries.append(Entry(chain, seq, record, previous))
    return entries, Head(chain, count, previous)


@given(st.integers(0, 30))
def test_an_untouched_chain_is_whole(count: int):
    """No fault where nothing was done."""
    assert [] == verify(*grown("call-1", count))


@given(st.integers(1, 30), st.data())
def test_a_changed_record_is_found_at_its_place(count: int, data: st.DataObject):
    """Any one record with other bytes."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 1))
    entries[place] = replace(entries[place], record=b"another")

    assert [("changed", place)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


@given(st.integers(2, 30), st.data())
def test_a_removed_record_is_found_at_its_place(count: int, data: st.DataObject):
    """Any one but the last."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 2))
    del entries[place]

    assert [("removed", place)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


@given(st.integers(2, 20), st.data())
def test_swapped_records_are_found(count: int, data: st.DataObject):
    """Any two records with their hashes, at each other's place."""
    entries, head = grown("call-1", count)
    first, second = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2)))
    one, two = entries[first], entries[second]
    entries[first], entries[second] = replace(two, seq=first), replace(one, seq=second)

    assert "reordered" in {fault.kind for fault in verify(entries, head)}


@given(st.integers(1, 30), st.data())
def test_a_truncated_chain_is_found(count: int, data: st.DataObject):
    """Any number of records from the end."""
    entries, head = grown("call-1", count)
    left = data.draw(st.integers(0, count - 1))

    assert [("truncated", left)] == [(fault.kind, fault.seq) for fault in verify(entries[:left], head)]


def test_records_that_nobody_recorded_are_found():
    """Appended behind the head."""
    entries, _ = grown("call-1", 5)
    _, head = grown("call-1", 3)

    assert ["added"] == [fault.kind for fault in verify(entries, head)]


def test_a_chain_does_not_pass_for_another():
    """The same records under another call's id."""
    entries, head = grown("call-1", 3)
    stolen = [replace(entry, chain="call-2") for entry in entries]

    assert verify(stolen, replace(head, chain="call-2"))


@pytest.mark.parametrize("count", range(9))
def test_the_root_is_that_of_rfc_6962(count: int):
    """Against the definition, worked from the leaves up."""
    leaves = [bytes([number]) for number in range(count)]
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]

    assert (level[0] if level else hashlib.sha256(b"").digest()) == merkle_root(leaves)


def stored(*chains: list[Entry]):
    hashes = {(entry.chain, entry.seq): entry.hash for chain in chains for entry in chain}
    return lambda chain, seq: hashes.get((chain, seq))


def test_a_checkpoint_holds_while_chains_grow():
    """It vouches for what was, not for what came after."""
    first, head = grown("a", 3)
    longer, _ = grown("a", 7)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")

    assert [] == verify_checkpoint(checkpoint, b"", stored(first))
    assert [] == verify_checkpoint(checkpoint, b"", stored(longer))


def test_a_chain_rewritten_with_its_head_is_found_by_the_checkpoint():
    """The chain itself is whole; the signed past says otherwise."""
    _, head = grown("a", 3)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")
    record = b"rewritten"
    rewritten = [Entry("a", seq, record, bytes(32)) for seq in range(3)]

    assert ["changed"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored(rewritten))]
    assert ["truncated"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored(grown("a", 2)[0]))]
    assert ["truncated"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored())]


def test_a_missing_checkpoint_is_found_by_the_next():
    """Each names the one before."""
    entries, head = grown("a", 1)
    first = checkpoint_bytes([], issued_at=1.0, previous=b"")
    second = checkpoint_bytes([head], issued_at=2.0, previous=checkpoint_hash(first))

    assert [] == verify_checkpoint(second, checkpoint_hash(first), stored(entries))
    assert ["removed"] == [fault.kind for fault in verify_checkpoint(second, b"", stored(entries))]
