"""A hash chain per call: a record that was changed, removed or moved no longer fits its neighbours.

A chain alone shows what was changed, removed or put elsewhere inside it. Its head (count and last hash) shows a missing
end. Whoever can write the database can rewrite head and chain together; `voiceguard.audit.checkpoint` finds that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded event."""

    chain: str
    seq: int
    """Place in the chain, from 0."""
    record: bytes
    """Canonical bytes."""
    hash: bytes
    """`link` of the entry before and this record."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain has grown."""

    chain: str
    count: int
    hash: bytes
    """Hash of the last entry; `genesis` of the chain when there is none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was recorded."""

    chain: str
    seq: int
    kind: Literal["changed", "removed", "reordered", "truncated", "added", "unsigned", "unreadable"]
    text: str


def genesis(chain: str) -> bytes:
    """What a chain's first entry is linked to: bound to the chain's id, so that no chain passes for another."""
    return hashlib.sha256(b"voiceguard audit chain 1\x00" + chain.encode()).digest()


def link(previous: bytes, record: bytes) -> bytes:
    """SHA-256 over the hash before (32 bytes) and this record's canonical bytes.

    The chain's id and the record's place are inside: each hash holds all before it, back to `genesis` of that chain.
    """
    return hashlib.sha256(b"\x02" + previous + record).digest()


def verify(entries: Iterable[Entry], head: Head) -> list[Fault]:
    """Everything wrong with one chain, whose stored entries come in the order of `seq`."""
    found = list(entries)
    known = {genesis(head.chain), *(entry.hash for entry in found)}
    faults: list[Fault] = []
    previous, expected = genesis(head.chain), 0
    for entry in found:
        if entry.seq > expected:
            faults.append(Fault(head.chain, expected, "removed", f"{entry.seq - expected} records are gone"))
        elif link(previous, entry.record) != entry.hash:
            elsewhere = any(link(other, entry.record) == entry.hash for other in known)
            faults.append(
                Fault(head.chain, entry.seq, "reordered", "this record was recorded at another place") if elsewhere
                else Fault(head.chain, entry.seq, "changed", "this record is not what was recorded")
            )
        previous, expected = entry.hash, entry.seq + 1
    if expected < head.count:
        text = f"{head.count - expected} records are gone from the end"
        faults.append(Fault(head.chain, expected, "truncated", text))
    elif expected > head.count:
        faults.append(Fault(head.chain, head.count, "added", f"{expected - head.count} records that nobody recorded"))
    elif not faults and previous != head.hash:
        faults.append(Fault(head.chain, max(0, expected - 1), "changed", "the head names another last record"))
    return faults
