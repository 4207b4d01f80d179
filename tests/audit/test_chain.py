"""Chains: whatever is done to them is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.audit.grown import grown
from voiceguard.audit.chain import Entry, link, verify


@given(st.integers(0, 30))
def test_an_untouched_chain_is_whole(count: int) -> None:
    """No fault where nothing was done."""
    assert [] == verify(*grown("call-1", count))


@given(st.integers(1, 30), st.data())
def test_a_changed_record_is_found_at_its_place(count: int, data: st.DataObject) -> None:
    """Any one record with other bytes."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 1))
    entries[place] = replace(entries[place], record=b"another")

    assert [("changed", place)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


@given(st.integers(1, 20), st.data())
def test_one_flipped_bit_is_found(count: int, data: st.DataObject) -> None:
    """In any record or any stored hash."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 1))
    field = data.draw(st.sampled_from(["record", "hash"]))
    value = bytearray(getattr(entries[place], field))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    change: dict[str, Any] = {field: bytes(value)}
    entries[place] = replace(entries[place], **change)

    assert place in {fault.seq for fault in verify(entries, head)}


@given(st.lists(st.sampled_from(range(6)), max_size=8).filter(lambda order: order != list(range(6))))
def test_no_other_selection_or_order_of_the_records_passes(order: list[int]) -> None:
    """Lost, repeated and moved entries in any mixture, numbered as they were or anew."""
    entries, head = grown("call-1", 6)
    kept = [entries[place] for place in order]

    assert verify(kept, head)
    assert verify([replace(entry, seq=seq) for seq, entry in enumerate(kept)], head)


@given(st.integers(2, 30), st.data())
def test_a_removed_record_is_found_at_its_place(count: int, data: st.DataObject) -> None:
    """Any one but the last."""
    entries, head = grown("call-1", count)
    place = data.draw(st.integers(0, count - 2))
    del entries[place]

    assert [("removed", place)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


@given(st.integers(2, 20), st.data())
def test_swapped_records_are_found(count: int, data: st.DataObject) -> None:
    """Any two records with their hashes, at each other's place."""
    entries, head = grown("call-1", count)
    first, second = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2)))
    one, two = entries[first], entries[second]
    entries[first], entries[second] = replace(two, seq=first), replace(one, seq=second)

    assert "reordered" in {fault.kind for fault in verify(entries, head)}


@given(st.integers(1, 30), st.data())
def test_a_truncated_chain_is_found(count: int, data: st.DataObject) -> None:
    """Any number of records from the end."""
    entries, head = grown("call-1", count)
    left = data.draw(st.integers(0, count - 1))

    assert [("truncated", left)] == [(fault.kind, fault.seq) for fault in verify(entries[:left], head)]


def test_records_that_nobody_recorded_are_found() -> None:
    """Appended behind the head."""
    entries, _ = grown("call-1", 5)
    _, head = grown("call-1", 3)

    assert ["added"] == [fault.kind for fault in verify(entries, head)]


def test_a_chain_linked_anew_does_not_fit_its_head() -> None:
    """A last record exchanged together with its hash is whole in itself; the head remembers the other."""
    entries, head = grown("call-1", 3)
    entries[2] = Entry("call-1", 2, b"another", link(entries[1].hash, b"another"))

    assert [("changed", 2)] == [(fault.kind, fault.seq) for fault in verify(entries, head)]


def test_a_chain_does_not_pass_for_another() -> None:
    """The same records under another call's id."""
    entries, head = grown("call-1", 3)
    stolen = [replace(entry, chain="call-2") for entry in entries]

    assert verify(stolen, replace(head, chain="call-2"))
