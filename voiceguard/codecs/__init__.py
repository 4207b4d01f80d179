"""Payload bytes to samples: one decoder per encoding, then float32 mono at 8 kHz."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from voiceguard.codecs import g711
from voiceguard.codecs.resample import Resampler
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples


def decode_l16(payload: bytes) -> Samples:
    """Signed 16-bit little-endian PCM to float32 in [-1, 1). Raises PeerError for half a sample."""
    if len(payload) % 2:
        raise PeerError("bad_audio", "l16 audio must hold whole 16-bit samples", close_code=1007)
    return np.frombuffer(payload, "<i2").astype(np.float32) / np.float32(32768)


DECODERS: dict[Encoding, Callable[[bytes], Samples]] = {
    "pcmu": g711.decode_ulaw,
    "pcma": g711.decode_alaw,
    "l16": decode_l16,
}
BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcmu": 1, "pcma": 1, "l16": 2}


class StreamDecoder:
    """One channel of a call: payloads at the wire's encoding and rate in, 8 kHz samples out."""

    def __init__(self, encoding: Encoding, rate_hz: int) -> None:
        self._decode = DECODERS[encoding]
        self._resampler = Resampler(rate_hz)

    def feed(self, payload: bytes) -> Samples:
        """Decode and resample; raises PeerError("bad_audio") for a payload that holds half a sample."""
        return self._resampler.feed(self._decode(payload))
