"""The store as a whole: what it kept is there after the next opening."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.store.helpers import on, one_call


def test_everything_stays(tmp_path: Path) -> None:
    """A second opening finds what the first one kept."""
    on(tmp_path / "v.db", one_call)

    assert [call["call_id"] for call in on(tmp_path / "v.db", lambda store: store.calls.list())] == ["call-1"]
