"""Chains and checkpoints: whatever is done to them is found."""

from __future__ import annotations

import hashlib
import json
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


@given(st.integers(1, 20), st.data())
def test_one_flipped_bit_is_found(count: int, data: st.DataObject):
    """In any record or any stored hash."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 1))
    field = data.draw(st.sampled_from(["record", "hash"]))
    value = bytearray(getattr(entries[place], field))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    entries[place] = replace(entries[place], **{field: bytes(value)})

    assert place in {fault.seq for fault in verify(entries, head)}


@given(st.lists(st.sampled_from(range(6)), max_size=8).filter(lambda order: order != list(range(6))))
def test_no_other_selection_or_order_of_the_records_passes(order: list[int]):
    """Lost, repeated and moved entries in any mixture, numbered as they were or anew."""
    entries, head = grown("call-1", 6)
    kept = [entries[place] for place in order]

    assert verify(kept, head)
    assert verify([replace(entry, seq=seq) for seq, entry in enumerate(kept)], head)


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


def test_a_chain_linked_anew_does_not_fit_its_head():
    """A last record exchanged together with its hash is whole in itself; the head remembers the other."""
    entries, head = grown("call-1", 3)
    entries[2] = Entry("call-1", 2, b"another", link(entries[1].hash, b"another"))

    assert [("changed", 2)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


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


@pytest.mark.parametrize(("count", "root"), [
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
])
def test_the_root_is_that_of_certificate_transparency(count: int, root: str):
    """The leaves and roots that implementations of RFC 6962 are tested with."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]

    assert root == merkle_root([bytes.fromhex(leaf) for leaf in leaves[:count]]).hex()


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


def test_a_checkpoint_of_a_chain_that_had_not_begun_holds():
    """Nothing recorded is nothing lost."""
    checkpoint = checkpoint_bytes([Head("a", 0, genesis("a"))], issued_at=1.0, previous=b"")

    assert [] == verify_checkpoint(checkpoint, b"", stored())
    assert [] == verify_checkpoint(checkpoint, b"", stored(grown("a", 2)[0]))


def test_the_order_of_heads_does_not_matter():
    """The same heads give the same bytes to sign."""
    heads = [grown(chain, 2)[1] for chain in "cab"]

    assert checkpoint_bytes(heads, issued_at=1.0, previous=b"") == checkpoint_bytes(
        heads[::-1], issued_at=1.0, previous=b""
    )


def test_a_checkpoint_whose_root_is_another_is_found():
    """The root stands for exactly the heads that are named."""
    entries, head = grown("a", 2)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")
    root = merkle_root([]).hex().encode()
    said = json.loads(checkpoint)["root"].encode()

    faults = verify_checkpoint(checkpoint.replace(said, root), b"", stored(entries))
    assert [("checkpoints", "changed")] == [(fault.chain, fault.kind) for fault in faults]


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
