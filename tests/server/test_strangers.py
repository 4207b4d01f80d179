"""What strangers make the audit write is bounded."""

from __future__ import annotations

from voiceguard.server.strangers import Strangers


def test_due_is_one_a_minute_of_each_kind() -> None:
    """What came in between is told with the next record."""
    strangers = Strangers()
    times = [0.0, 1.0, 59.9, 60.0, 60.1, 500.0, 500.0]

    assert [0, None, None, 2, None, 1, None] == [strangers.due("refused", at) for at in times]
    assert 0 == strangers.due("other", 500.0)
