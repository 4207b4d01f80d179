"""A hash chain per call, and checkpoints over all chains: whoever changes what is recorded is found out.

A chain alone shows what was changed, removed or put elsewhere inside it. Its head (count and last hash) shows a missing
end. Whoever can write the database can rewrite head and chain together; that is found by the checkpoints, which are
signed and chained themselves, and whose signatures may be kept where the database's writers cannot reach.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from voiceguard.audit.record import canonical

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
    kind: Literal["changed", "removed", "reordered", "truncated", "added"]
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


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash of leaves (RFC 6962 section 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def checkpoint_bytes(heads: Iterable[Head], *, issued_at: float, previous: bytes) -> bytes:
    """What is signed: the heads that moved since the last checkpoint, their Merkle root, and that checkpoint's hash.

    `issued_at`: Unix seconds. `previous`: `checkpoint_hash` of the last checkpoint, b"" for the first.
    """
    rows = sorted([head.chain, head.count, head.hash.hex()] for head in heads)
    return canonical({
        "heads": rows, "issued_at": issued_at, "previous": previous.hex(),
        "root": merkle_root([canonical(row) for row in rows]).hex(),
    })


def checkpoint_hash(checkpoint: bytes) -> bytes:
    """What the next checkpoint names."""
    return hashlib.sha256(b"\x03" + checkpoint).digest()


def verify_checkpoint(
    checkpoint: bytes, previous: bytes, hash_at: Callable[[str, int], bytes | None]
) -> list[Fault]:
    """Everything that contradicts one checkpoint whose signature is good.

    `hash_at(chain, seq)`: the stored hash there, None when there is none. Chains may have grown since.
    """
    said = json.loads(checkpoint)
    faults: list[Fault] = []
    if said["previous"] != previous.hex():
        faults.append(Fault("checkpoints", 0, "removed", "the checkpoint before this one is gone or another"))
    if said["root"] != merkle_root([canonical(row) for row in said["heads"]]).hex():
        faults.append(Fault("checkpoints", 0, "changed", "the root does not belong to these heads"))
    for chain, count, digest in said["heads"]:
        stored = hash_at(chain, count - 1) if count else genesis(chain)
        if stored is None:
            faults.append(Fault(chain, count - 1, "truncated", f"a checkpoint saw {count} records"))
        elif stored.hex() != digest:
            faults.append(Fault(chain, count - 1, "changed", "a checkpoint saw another record here"))
    return faults
