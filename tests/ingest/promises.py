"""What every codec promises, whatever is sent; the tests of each ask for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, WireEvent
from voiceguard.ingest import IngestOptions


def takes_anything(codec: Any, frames: Sequence[str | bytes]) -> None:
    """Only PeerError is raised."""
    for frame in frames:
        with contextlib.suppress(PeerError):
            codec.receive_text(frame) if isinstance(frame, str) else codec.receive_binary(frame)


def keeps_limits(make: Callable[..., Any]) -> None:
    """The largest message passes, and one byte more does not; for codecs that skip events they do not know."""
    codec = make(options=IngestOptions(max_text_bytes=20, max_binary_bytes=4))
    with contextlib.suppress(PeerError):
        codec.receive_binary(b"\xff" * 4)
    assert [] == codec.receive_text('{"event": "unknown"}')
    for receive in (lambda: codec.receive_binary(b"\xff" * 5), lambda: codec.receive_text('{"event":  "unknown"}')):
        with pytest.raises(PeerError) as raised:
            receive()
        assert ("too_big", 1009) == (raised.value.code, raised.value.close_code)


def is_one_call(events: Sequence[WireEvent], bytes_per_sample: int) -> None:
    """Start, then audio without a hole, then at most one end."""
    kinds = [type(event).__name__ for event in events]
    assert kinds[:1] in ([], ["CallStarted"])
    assert kinds.count("CallStarted") <= 1
    assert "CallEnded" not in kinds[:-1]
    heard = 0
    for event in events:
        if isinstance(event, AudioReceived):
            assert heard == event.start_sample
            heard += len(event.payload) // bytes_per_sample
