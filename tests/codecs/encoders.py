"""FFmpeg's own encoders: what a telephone on the other end of the line would have sent."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import soundfile
import soxr

from voiceguard.events import Samples

ROOT = Path(__file__).parents[2]


@cache
def speech(rate_hz: int = 16_000, seconds: float = 4.0) -> Samples:
    """That much of a caller, (n,) at this rate."""
    path = ROOT / "samples" / "02-recovery.wav"
    samples, file_hz = soundfile.read(path, dtype="float32", frames=int(seconds * 8000))
    return np.asarray(soxr.resample(np.ascontiguousarray(samples[:, 0]), file_hz, rate_hz), np.float32)


def encode(
    name: Literal["g722", "libopus"], samples: Samples, rate_hz: int = 16_000, *, frame_ms: float = 20.0,
    channels: int = 1,
) -> list[bytes]:
    """Packets of (n,) samples; of Opus in frames of `frame_ms`."""
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.time_base, context.format = rate_hz, Fraction(1, rate_hz), "s16"
    context.layout = "mono" if channels == 1 else "stereo"
    if name == "libopus":
        context.bit_rate, context.options = 24_000, {"application": "voip", "frame_duration": f"{frame_ms:g}"}
    context.open()
    size = int(rate_hz * frame_ms / 1000)
    pcm = np.repeat(np.round(samples * 32767).clip(-32768, 32767).astype(np.int16), channels)
    packets: list[bytes] = []
    for start in range(0, len(samples) - size + 1, size):
        part = pcm[None, start * channels : (start + size) * channels]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout=context.layout.name)
        frame.sample_rate, frame.pts = rate_hz, start
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets
