"""Telephone channels for recorded speech: what a line would have left of it, sample for sample in its place.

Deterministic: the same samples give the same samples, on every run.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
import soundfile
import soxr

from voiceguard.codecs import g711
from voiceguard.events import RATE_HZ, Samples

ChannelName = Literal["pcmu", "pcma", "gsm", "opus", "none"]

_OPUS_BITS_PER_S = 16_000
"""What web calls commonly spend on narrow-band speech; RFC 6716 section 2.1.1 asks for 8 to 12 kbit/s at least."""
_OPUS_RATE_HZ = 48_000


def apply(samples: Samples, channel: ChannelName) -> Samples:
    """Speech (n,) at 8 kHz after encoding and decoding, (n,) float32 in [-1, 1].

    pcmu, pcma: G.711. gsm: GSM 06.10 full rate. opus: 16 kbit/s in frames of 20 ms, tuned for voice. none: as it was.
    Raises KeyError for another channel.
    """
    transmit = _CHANNELS[channel]
    return samples if len(samples) == 0 else np.clip(transmit(samples), np.float32(-1), np.float32(1))


def _gsm(samples: Samples) -> Samples:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE_HZ, format="WAV", subtype="GSM610")
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return np.asarray(decoded[: len(samples)], dtype=np.float32)


def _opus(samples: Samples) -> Samples:
    encoder = _codec_context("w", RATE_HZ)
    encoder.bit_rate, encoder.time_base = _OPUS_BITS_PER_S, Fraction(1, RATE_HZ)
    encoder.format, encoder.options = av.AudioFormat("s16"), {"application": "voip", "frame_duration": "20"}
    encoder.open()
    decoder = _codec_context("r", _OPUS_RATE_HZ)
    # OpusHead tells the decoder how much of the encoder's look-ahead to drop (RFC 7845 section 4.2).
    decoder.extradata = encoder.extradata
    decoder.open()
    size = encoder.frame_size
    pcm = np.round(samples * 32767).clip(-32768, 32767).astype(np.int16)
    pcm = np.pad(pcm, (0, -len(pcm) % size))
    packets: list[av.Packet[Any]] = []
    for start in range(0, len(pcm), size):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, start
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = [frame.to_ndarray().reshape(-1) for packet in packets for frame in decoder.decode(packet)]
    wide = np.concatenate(decoded).astype(np.float32) / np.float32(32768)
    narrow = soxr.resample(wide, _OPUS_RATE_HZ, RATE_HZ, quality="HQ")
    return np.asarray(np.pad(narrow, (0, max(0, len(samples) - len(narrow))))[: len(samples)], dtype=np.float32)


def _codec_context(mode: Literal["r", "w"], rate_hz: int) -> av.AudioCodecContext:
    context = av.CodecContext.create("libopus", mode)
    context.sample_rate, context.layout = rate_hz, "mono"
    return context


_CHANNELS: Mapping[ChannelName, Callable[[Samples], Samples]] = {
    "pcmu": lambda samples: g711.decode_ulaw(g711.encode_ulaw(samples)),
    "pcma": lambda samples: g711.decode_alaw(g711.encode_alaw(samples)),
    "gsm": _gsm,
    "opus": _opus,
    "none": lambda samples: samples,
}
