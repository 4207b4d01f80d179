"""Signed checkpoints over all chains, and marks: what is kept of the newest checkpoint outside the database.

Each checkpoint names the heads of the chains that moved and the hash of the checkpoint before it, so the newest one
stands for all of them. Whoever can write the database can delete the newest checkpoints too. A mark holds the number
and the hash of a checkpoint, and how much there was, under the service's signature: a database that does not lead to it
has lost something.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from voiceguard.audit.chain import Fault, Head, genesis
from voiceguard.audit.record import canonical

MARK: Final = "voiceguard-mark-1"
"""Stands in every mark, so that nothing else that the service signs passes for one."""
_HASH: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the audit had come."""

    number: int
    """Of the newest checkpoint."""
    hash: str
    """`checkpoint_hash` of it, hex."""
    issued_at: float
    """When it was signed, Unix seconds."""
    chains: int
    """Chains in the database when the mark was made."""
    records: int
    """Records in them."""


@dataclass(frozen=True, slots=True)
class SignedMark:
    """A mark as it is kept."""

    mark: Mark
    signature: str

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is for."""
        return mark_bytes(self.mark)

    def as_line(self) -> str:
        """One line of JSON, which `read_mark` reads."""
        return json.dumps({"type": MARK, **asdict(self.mark), "signature": self.signature}, separators=(",", ":"))


def mark_bytes(mark: Mark) -> bytes:
    """What is signed of a mark."""
    return canonical({"type": MARK, **asdict(mark)})


def read_mark(line: str | bytes) -> SignedMark:
    """A line of `SignedMark.as_line`; whether its signature is good is not looked at. Raises ValueError."""
    try:
        said = json.loads(line)
        if said.pop("type") != MARK:
            raise ValueError
        signature = said.pop("signature")
        mark = Mark(**said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("this is not a mark of the audit") from None
    counts = (mark.number, mark.chains, mark.records)
    if not (
        all(type(count) is int and 0 <= count < 2**53 for count in counts)
        and type(mark.hash) is str and _HASH.fullmatch(mark.hash) is not None
        and type(mark.issued_at) in (int, float) and math.isfinite(mark.issued_at) and type(signature) is str
    ):
        raise ValueError("this is not a mark of the audit")
    return SignedMark(mark, signature)


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

    `hash_at(chain, seq)`: the stored hash there, None when there is none, b"" where retention deleted it. Chains may
    have grown since.
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
        elif stored and stored.hex() != digest:
            faults.append(Fault(chain, count - 1, "changed", "a checkpoint saw another record here"))
    return faults
