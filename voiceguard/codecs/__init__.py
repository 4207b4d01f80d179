"""Payload bytes to samples: one decoder per channel, then float32 mono at 8 kHz.

Wide-band audio is brought to 8 kHz: the detectors were trained on telephone speech, and hear nothing above 4 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from voiceguard.codecs import g711
from voiceguard.codecs.announced import Announced
from voiceguard.codecs.libav import G722_RATE_HZ, OPUS_RATE_HZ, PacketDecoder
from voiceguard.codecs.resample import Resampler
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples

Decode = Callable[[bytes], Samples]


def decode_l16(payload: bytes) -> Samples:
    """Signed 16-bit little-endian PCM to float32 in [-1, 1). Raises PeerError for half a sample."""
    if len(payload) % 2:
        raise PeerError("bad_audio", "l16 audio must hold whole 16-bit samples", close_code=1007)
    return np.frombuffer(payload, "<i2").astype(np.float32) / np.float32(32768)


DECODERS: Final[dict[Encoding, Callable[[], Decode]]] = {
    "pcmu": lambda: g711.decode_ulaw,
    "pcma": lambda: g711.decode_alaw,
    "l16": lambda: decode_l16,
    "g722": lambda: PacketDecoder("g722", G722_RATE_HZ),
    "opus": lambda: PacketDecoder("libopus", OPUS_RATE_HZ),
}
"""Encoding to what makes one channel's decoder; those of packets keep a state."""


class StreamDecoder:
    """One channel of a call: payloads in the wire's encoding in, 8 kHz samples out."""

    def __init__(self, encoding: Encoding, rate_hz: int) -> None:
        """`rate_hz`: of the stream's clock, which is that of the samples but for G.722."""
        self._decode = DECODERS[encoding]()
        self._announced = Announced(encoding)
        self._resampler = Resampler(G722_RATE_HZ if encoding == "g722" else rate_hz)

    def feed(self, payload: bytes) -> Samples:
        """Decode and resample; raises PeerError("bad_audio") for a payload that its encoding cannot hold, or that turns
        out to be in another one."""
        samples = self._decode(payload)
        self._announced.check(payload)
        return self._resampler.feed(samples)
