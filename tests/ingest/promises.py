"""The limits that codecs keep, whose check the tests of several share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from voiceguard.errors import PeerError
from voiceguard.ingest import IngestOptions


def keeps_limits(make: Callable[..., Any]) -> None:
    """The largest message passes, and one byte more does not; for codecs that skip events they do not know."""
    codec = make(options=IngestOptions(max_text_bytes=20, max_binary_bytes=4))
    with contextlib.suppress(PeerError):
        codec.receive_binary(b"\xff" * 4)
    assert [] == codec.receive_text('{"event": "unknown"}')
    for receive, data in ((codec.receive_binary, b"\xff" * 5), (codec.receive_text, '{"event":  "unknown"}')):
        with pytest.raises(PeerError) as raised:
            receive(data)
        assert ("too_big", 1009) == (raised.value.code, raised.value.close_code)
