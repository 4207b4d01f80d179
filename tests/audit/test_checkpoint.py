"""Checkpoints and marks: whatever is done behind them is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.grown import grown
from voiceguard.audit.chain import Entry, Head, genesis
from voiceguard.audit.checkpoint import (
    Mark,
    SignedMark,
    checkpoint_bytes,
    checkpoint_hash,
    mark_bytes,
    merkle_root,
    read_mark,
    verify_checkpoint,
)

MARK = Mark(12, "ab" * 32, 1_800_000_000.5, 3, 74)


def test_read_mark_reads_what_as_line_wrote() -> None:
    """Number, hash, time and counts come back, and the signed bytes with them."""
    kept = SignedMark(MARK, "signature")

    assert kept == read_mark(kept.as_line())
    assert mark_bytes(MARK) == read_mark(kept.as_line()).signed


@given(st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["type", "number", "hash", "issued_at", "chains", "records", "signature"]), inner
    ),
).map(json.dumps))
def test_read_mark_refuses_everything_else(line: str | bytes) -> None:
    """No other error than ValueError, whatever a file holds."""
    with pytest.raises(ValueError, match="not a mark"):
        read_mark(line)


@pytest.mark.parametrize("change", [
    {"number": -1}, {"number": True}, {"records": 1.5}, {"hash": "\ud800"}, {"hash": "AB" * 32}, {"issued_at": "now"},
    {"issued_at": float("nan")}, {"signature": None}, {"type": "voiceguard-mark-2"}, {"more": 1},
])
def test_read_mark_refuses_fields_of_another_form(change: dict[str, object]) -> None:
    """One field that is wrong."""
    line = json.dumps(json.loads(SignedMark(MARK, "signature").as_line()) | change)

    with pytest.raises(ValueError, match="not a mark"):
        read_mark(line)


@pytest.mark.parametrize("count", range(9))
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
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
def test_the_root_is_that_of_certificate_transparency(count: int, root: str) -> None:
    """The leaves and roots that implementations of RFC 6962 are tested with."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]

    assert root == merkle_root([bytes.fromhex(leaf) for leaf in leaves[:count]]).hex()


def stored(*chains: list[Entry]) -> Callable[[str, int], bytes | None]:
    hashes = {(entry.chain, entry.seq): entry.hash for chain in chains for entry in chain}
    return lambda chain, seq: hashes.get((chain, seq))


def test_a_checkpoint_holds_while_chains_grow() -> None:
    """It vouches for what was, not for what came after."""
    first, head = grown("a", 3)
    longer, _ = grown("a", 7)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")

    assert [] == verify_checkpoint(checkpoint, b"", stored(first))
    assert [] == verify_checkpoint(checkpoint, b"", stored(longer))


def test_a_checkpoint_of_a_chain_that_had_not_begun_holds() -> None:
    """Nothing recorded is nothing lost."""
    checkpoint = checkpoint_bytes([Head("a", 0, genesis("a"))], issued_at=1.0, previous=b"")

    assert [] == verify_checkpoint(checkpoint, b"", stored())
    assert [] == verify_checkpoint(checkpoint, b"", stored(grown("a", 2)[0]))


def test_the_order_of_heads_does_not_matter() -> None:
    """The same heads give the same bytes to sign."""
    heads = [grown(chain, 2)[1] for chain in "cab"]

    assert checkpoint_bytes(heads, issued_at=1.0, previous=b"") == checkpoint_bytes(
        heads[::-1], issued_at=1.0, previous=b""
    )


def test_a_checkpoint_whose_root_is_another_is_found() -> None:
    """The root stands for exactly the heads that are named."""
    entries, head = grown("a", 2)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")
    root = merkle_root([]).hex().encode()
    said = json.loads(checkpoint)["root"].encode()

    faults = verify_checkpoint(checkpoint.replace(said, root), b"", stored(entries))
    assert [("checkpoints", "changed")] == [(fault.chain, fault.kind) for fault in faults]


def test_a_chain_rewritten_with_its_head_is_found_by_the_checkpoint() -> None:
    """The chain itself is whole; the signed past says otherwise."""
    _, head = grown("a", 3)
    checkpoint = checkpoint_bytes([head], issued_at=1.0, previous=b"")
    record = b"rewritten"
    rewritten = [Entry("a", seq, record, bytes(32)) for seq in range(3)]

    assert ["changed"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored(rewritten))]
    assert ["truncated"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored(grown("a", 2)[0]))]
    assert ["truncated"] == [fault.kind for fault in verify_checkpoint(checkpoint, b"", stored())]


def test_a_missing_checkpoint_is_found_by_the_next() -> None:
    """Each names the one before."""
    entries, head = grown("a", 1)
    first = checkpoint_bytes([], issued_at=1.0, previous=b"")
    second = checkpoint_bytes([head], issued_at=2.0, previous=checkpoint_hash(first))

    assert [] == verify_checkpoint(second, checkpoint_hash(first), stored(entries))
    assert ["removed"] == [fault.kind for fault in verify_checkpoint(second, b"", stored(entries))]
