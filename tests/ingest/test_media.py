"""How long payloads last, against the decoders that play them."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voiceguard.codecs import DECODERS
from voiceguard.errors import PeerError
from voiceguard.ingest.media import opus_samples, payload, samples_in

PACKETS = st.one_of(
    st.binary(max_size=40),
    st.binary(min_size=1, max_size=1500),
    # Code 3, where frames, padding and lengths are told: all their combinations with little behind them.
    st.builds(
        lambda config, count, rest: bytes([config << 3 | 3, count]) + rest,
        st.integers(0, 31), st.integers(0, 255), st.lists(st.sampled_from([0, 1, 3, 251, 252, 254, 255])).map(bytes),
    ),
    st.builds(
        lambda config, first, rest: bytes([config << 3 | 2]) + first + bytes(rest),
        st.integers(0, 31), st.sampled_from([b"", b"\x00", b"\xfb", b"\xfc", b"\xfc\x00", b"\xff\xff"]),
        st.integers(0, 2600),
    ),
    st.builds(lambda code, size: bytes([code]) + bytes(size), st.integers(0, 255), st.integers(0, 2600)),
)


@given(PACKETS)
@example(b"")
@example(b"\x03\x41\xff\xff\x00")
@example(b"\x1b\x03")
@example(b"\x83\x30")
def test_opus_packets_are_as_long_as_libopus_makes_them(packet: bytes) -> None:
    """What is well formed decodes to just the samples that its head promises; what is not, not at all."""
    promised = opus_samples(packet)
    try:
        decoded = DECODERS["opus"]()(packet)
    except PeerError:
        assert promised is None
    else:
        assert promised == (len(decoded) or None)
        assert len(decoded) <= 5760
        assert np.all(np.abs(decoded) <= 1.0)


@pytest.mark.parametrize(
    ("config", "milliseconds"),
    [(0, 10), (3, 60), (9, 20), (12, 10), (15, 20), (16, 2.5), (19, 20), (28, 2.5), (31, 20)],
)
def test_opus_durations(config: int, milliseconds: float) -> None:
    """Frames are as long as RFC 6716 table 2 says."""
    assert 48 * milliseconds == opus_samples(bytes([config << 3]))


@given(st.binary(max_size=400))
def test_samples_in(data: bytes) -> None:
    """A byte is one tick of mu-law, A-law and G.722, half of one of linear PCM."""
    assert {len(data)} == {samples_in("pcmu", data), samples_in("pcma", data), samples_in("g722", data)}
    assert (None if len(data) % 2 else len(data) // 2) == samples_in("l16", data)


@given(st.binary(max_size=400))
def test_payload(data: bytes) -> None:
    """Base64 reads back."""
    assert data == payload({"payload": base64.b64encode(data).decode()})


@pytest.mark.parametrize("value", [None, 5, ["/w=="], "/w=", "/w", "\ud800", "//// ", "é"])
def test_bad_payload(value: Any) -> None:
    """Anything else is the peer's fault, and is not repeated."""
    with pytest.raises(PeerError) as caught:
        payload({"payload": value})
    assert caught.value.code in ("bad_message", "bad_audio")


@given(st.text())
def test_any_payload(value: str) -> None:
    """No text raises anything but PeerError."""
    with contextlib.suppress(PeerError):
        payload({"payload": value})
