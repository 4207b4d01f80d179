"""Chains for the tests of this folder."""

from __future__ import annotations

from voiceguard.audit.chain import Entry, Head, genesis, link


def grown(chain: str, count: int) -> tuple[list[Entry], Head]:
    """A chain of that many different records."""
    entries, previous = [], genesis(chain)
    for seq in range(count):
        record = f"record {seq}".encode()
        previous = link(previous, record)
        entries.append(Entry(chain, seq, record, previous))
    return entries, Head(chain, count, previous)
