"""Streaming resampling to the rate at which voiceguard works."""

from __future__ import annotations

import numpy as np
import soxr

from voiceguard.events import RATE_HZ, Samples


class Resampler:
    """Feeds of any size in, 8 kHz out; the same samples come out however the feeds are cut (libsoxr, quality HQ)."""

    def __init__(self, from_hz: int, to_hz: int = RATE_HZ) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def feed(self, samples: Samples) -> Samples:
        """Samples (n,) to those that are ready at the target rate; the filter holds back a few milliseconds."""
        return samples if self._stream is None else np.asarray(self._stream.resample_chunk(samples), np.float32)

    def flush(self) -> Samples:
        """What the filter still holds at the end of the stream."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)
