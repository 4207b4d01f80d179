"""G.722 and Opus: what FFmpeg's encoders packed comes out again, whatever else the decoder was fed."""

from __future__ import annotations

import tracemalloc
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.encoders import encode, speech
from voiceguard.codecs import StreamDecoder
from voiceguard.codecs.libav import G722_RATE_HZ, OPUS_RATE_HZ, PacketDecoder
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples
from voiceguard.ingest.media import samples_in

NARROW = speech(8000)
CLOCKS_HZ: dict[Encoding, int] = {"g722": 8000, "opus": 48_000}
HELD_BACK = 1200
"""Samples that the resampler's filter keeps at most: 150 ms."""
Name = Literal["g722", "libopus"]


def _decode(encoding: Encoding, packets: list[bytes]) -> Samples:
    decoder = StreamDecoder(encoding, CLOCKS_HZ[encoding])
    return np.concatenate([decoder.feed(packet) for packet in packets])


def _likeness(decoded: Samples) -> float:
    """Correlation with what was spoken, at the best of the delays that a codec may have (up to 25 ms)."""
    length = len(decoded) - 200
    return max(
        float(np.corrcoef(decoded[delay : delay + length], NARROW[:length])[0, 1]) for delay in range(200)
    )


@pytest.mark.parametrize(("encoding", "name", "alike"), [("g722", "g722", 0.99), ("opus", "libopus", 0.95)])
def test_round_trip(encoding: Encoding, name: Name, alike: float) -> None:
    """Wide-band speech through FFmpeg's encoder is the same speech at 8 kHz, as long as its clock says."""
    packets = encode(name, speech())
    decoded = _decode(encoding, packets)
    clock = sum(samples_in(encoding, packet) or 0 for packet in packets) * 8000 // CLOCKS_HZ[encoding]

    assert _likeness(decoded) > alike
    assert 0 <= clock - len(decoded) <= HELD_BACK
    assert abs(clock - len(NARROW)) <= 160


@pytest.mark.parametrize(
    ("frame_ms", "rate_hz"),
    [(2.5, 48_000), (5.0, 16_000), (10.0, 16_000), (20.0, 8000), (40.0, 24_000), (60.0, 16_000), (120.0, 8000)],
)
def test_opus_frames(frame_ms: float, rate_hz: int) -> None:
    """Packets of every length and bandwidth are as long as their heads say, and sound alike."""
    packets = encode("libopus", speech(rate_hz), rate_hz, frame_ms=frame_ms)

    assert {round(48 * frame_ms)} == {samples_in("opus", packet) for packet in packets}
    assert _likeness(_decode("opus", packets)) > 0.9


def test_stereo_opus_is_mixed_down() -> None:
    """A stereo packet is one channel of a call all the same."""
    assert _likeness(_decode("opus", encode("libopus", speech(), channels=2))) > 0.95


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30))
@settings(max_examples=25)
def test_g722_cut_anywhere(cuts: list[int]) -> None:
    """However its bytes are cut, G.722 gives the same samples."""
    data = b"".join(encode("g722", speech()[:16_000]))
    whole, at = _decode("g722", [data]), 0
    pieces: list[bytes] = []
    while at < len(data):
        pieces.append(data[at : at + cuts[len(pieces) % len(cuts)]])
        at += len(pieces[-1])
    cut = _decode("g722", pieces)

    length = min(len(whole), len(cut))
    assert abs(len(whole) - len(cut)) <= 256
    assert np.allclose(whole[:length], cut[:length], atol=1e-6)


@pytest.mark.parametrize(("encoding", "name"), [("g722", "g722"), ("opus", "libopus")])
def test_channels_do_not_hear_each_other(encoding: Encoding, name: Name) -> None:
    """Each channel's decoder has a state of its own."""
    packets = encode(name, speech())
    alone = _decode(encoding, packets)
    one, two = (StreamDecoder(encoding, CLOCKS_HZ[encoding]) for _ in range(2))
    parts = []
    for forwards, backwards in zip(packets, reversed(packets), strict=True):
        two.feed(backwards)
        parts.append(one.feed(forwards))

    assert np.array_equal(alone, np.concatenate(parts))


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=50)
def test_damaged_packets(damaged: list[bytes]) -> None:
    """Whatever comes between, a packet raises PeerError or decodes to finite samples, and the next is decoded."""
    packets = encode("libopus", speech()[:3200])
    decoder = PacketDecoder("libopus", OPUS_RATE_HZ)
    for packet in damaged:
        try:
            assert np.isfinite(decoder(packet)).all()
        except PeerError as error:
            assert "bad_audio" == error.code

    assert [960] * len(packets) == [len(decoder(packet)) for packet in packets]


@pytest.mark.parametrize(("name", "rate_hz"), [("g722", G722_RATE_HZ), ("libopus", OPUS_RATE_HZ)])
def test_nothing_is_not_the_end(name: Name, rate_hz: int) -> None:
    """An empty payload is no sample, and ends nothing."""
    decoder = PacketDecoder(name, rate_hz)

    assert 0 == len(decoder(b""))
    assert len(decoder(encode(name, speech()[:3200])[0])) > 0


def test_a_flood_of_the_longest_packets_is_held_nowhere() -> None:
    """Two bytes can ask for 120 ms of audio, and for no more; a thousand of them leave nothing behind."""
    decoder = StreamDecoder("opus", 48_000)
    decoder.feed(b"\x83\x30")
    tracemalloc.start()
    try:
        lengths = {len(decoder.feed(b"\x83\x30")) for _ in range(1000)}
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 5760 == samples_in("opus", b"\x83\x30")
    assert max(lengths) <= 960 + HELD_BACK
    assert held < 100_000
