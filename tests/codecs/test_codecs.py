"""Decoding must not depend on how the audio was cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.codecs import StreamDecoder
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples

TONE = (np.sin(np.arange(3200) * 0.3) * 9000).astype("<i2").tobytes()


@given(
    cuts=st.lists(st.integers(1, 700), min_size=1, max_size=40),
    encoding=st.sampled_from(["pcmu", "pcma", "l16"]),
    rate_hz=st.sampled_from([8000, 16000]),
)
def test_chunking_does_not_matter(cuts: list[int], encoding: Encoding, rate_hz: int) -> None:
    """Whole or in pieces of any size, the same bytes give the same 8 kHz samples."""
    whole = StreamDecoder(encoding, rate_hz).feed(TONE)
    decoder, at = StreamDecoder(encoding, rate_hz), 0
    parts: list[Samples] = []
    size = 2 if encoding == "l16" else 1
    while at < len(TONE):
        step = cuts[len(parts) % len(cuts)] * size
        parts.append(decoder.feed(TONE[at : at + step]))
        at += step
    pieces = np.concatenate(parts)
    length = min(len(whole), len(pieces))
    assert abs(len(whole) - len(pieces)) <= 256
    assert np.allclose(whole[:length], pieces[:length], atol=1e-6)


def test_half_a_sample_is_the_peers_fault() -> None:
    """An odd number of bytes of l16 is refused with a code, not rounded."""
    with pytest.raises(PeerError) as caught:
        StreamDecoder("l16", 8000).feed(b"\x00\x00\x00")
    assert caught.value.code == "bad_audio"
