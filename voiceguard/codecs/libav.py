"""G.722 and Opus, by FFmpeg's libraries: decoders that remember what they heard, one to a channel."""

from __future__ import annotations

from typing import Any, Literal

import av
import numpy as np

from voiceguard.errors import PeerError
from voiceguard.events import Samples

G722_RATE_HZ = 16_000
"""Of what is decoded. RTP counts G.722 at 8000 Hz all the same, by an error of RFC 1890 (RFC 3551 section 4.5.2)."""
OPUS_RATE_HZ = 48_000
"""Of what is decoded and of the clock, whatever bandwidth was coded (RFC 7587 section 4.1)."""


class PacketDecoder:
    """One channel of G.722 at 64 kbit/s, two samples a byte, or of Opus (RFC 6716), one packet a call; stereo is mixed
    down."""

    def __init__(self, name: Literal["g722", "libopus"], rate_hz: int) -> None:
        self._context: Any = av.CodecContext.create(name, "r")
        self._context.sample_rate, self._context.layout = rate_hz, "mono"
        self._context.open()

    def __call__(self, payload: bytes) -> Samples:
        """Float32 samples, mono. Raises PeerError("bad_audio"); the packets that follow are decoded all the same."""
        if not payload:  # to libav, an empty packet is the end of the stream
            return np.zeros(0, np.float32)
        try:
            frames = self._context.decode(av.Packet(payload))
        except av.FFmpegError:
            raise PeerError("bad_audio", "a packet cannot be decoded", close_code=1007) from None
        decoded = np.concatenate([np.zeros(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)])
        return decoded.astype(np.float32) / np.float32(32768)
