"""Telephone lines for training: the same random line for genuine and synthetic speech.

All functions take and give float32 mono at 8 kHz in [-1, 1]. Randomness comes from the generator handed in.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

RATE_HZ = 8000
Samples = NDArray[np.float32]


def through_line(samples: Samples, noises: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """One random call path: handset and room, noise, keys, level, codecs, lost packets, and G.711 at the end."""
    if rng.random() < 0.7:
        samples = _handset(samples, rng)
    if rng.random() < 0.15:
        samples = _room(samples, rng)
    if rng.random() < 0.5:
        # Few lines are as bad as 0 dB: the square root draws half of them above 21 dB.
        snr_db = float(30.0 * np.sqrt(rng.random()))
        samples = add_noise(samples, noises[int(rng.integers(len(noises)))], snr_db, rng)
    if rng.random() < 0.05:
        samples = _press_keys(samples, rng)
    peak = float(np.abs(samples).max()) + 1e-6
    loudest = 10 ** (rng.uniform(0.1, 0.6) if rng.random() < 0.07 else rng.uniform(-1.5, 0.1))
    samples = np.clip(samples * np.float32(loudest / peak), -1.0, 1.0).astype(np.float32)
    # One codec on half of the lines, a tandem of two on some of those.
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.38, 0.12]))):
        samples = _CODECS[rng.integers(len(_CODECS))](samples, rng)
    if rng.random() < 0.15:
        samples = _lose_packets(samples, rng)
    return g711(samples, "ULAW" if rng.random() < 0.7 else "ALAW")


def hard_line(samples: Samples, noises: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """One of GSM, Opus and noise 10 dB below the speech, and mu-law after it."""
    line = int(rng.integers(3))
    if line == 2:
        samples = add_noise(samples, noises[int(rng.integers(len(noises)))], 10.0, rng)
    else:
        samples = (_gsm, _opus)[line](samples, rng)
    return g711(np.clip(samples, -1.0, 1.0).astype(np.float32), "ULAW")


def g711(samples: Samples, law: str) -> Samples:
    """Through G.711 and back; ``law`` is ULAW or ALAW, as libsndfile names them."""
    return _libsndfile(samples, law)


def add_noise(samples: Samples, noise: Samples, snr_db: float, rng: np.random.Generator) -> Samples:
    """Mix a looped stretch of noise at a signal-to-noise ratio over the whole clip."""
    start = int(rng.integers(len(noise)))
    looped = np.resize(np.roll(noise, -start), len(samples))
    noise_power = float(np.mean(looped**2)) + 1e-12
    gain = np.sqrt(float(np.mean(samples**2)) / noise_power / 10 ** (snr_db / 10))
    return (samples + np.float32(gain) * looped).astype(np.float32)


def _handset(samples: Samples, rng: np.random.Generator) -> Samples:
    low, high = rng.uniform(60.0, 400.0), rng.uniform(2900.0, 3900.0)
    sos = signal.butter(int(rng.integers(1, 4)), [low, high], "bandpass", fs=RATE_HZ, output="sos")
    # A smooth random colour, so that the long-term spectrum tells a corpus apart less well.
    gains = 10 ** (rng.uniform(-8.0, 8.0, 7) / 20)
    colour = signal.firwin2(63, np.linspace(0, RATE_HZ / 2, 7), gains, fs=RATE_HZ)
    filtered = signal.lfilter(colour, [1.0], signal.sosfilt(sos, samples))
    return np.asarray(filtered, dtype=np.float32)


def _room(samples: Samples, rng: np.random.Generator) -> Samples:
    time = np.arange(int(0.25 * RATE_HZ)) / RATE_HZ
    response = rng.standard_normal(len(time)) * 10 ** (-3.0 * time / rng.uniform(0.1, 0.5))
    response *= rng.uniform(0.05, 0.3)
    response[0] = 1.0
    return np.asarray(signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)


def _press_keys(samples: Samples, rng: np.random.Generator) -> Samples:
    """One to four DTMF tones (ITU-T Q.23) of 80 ms somewhere on top of the speech."""
    out, time = samples.copy(), np.arange(int(0.08 * RATE_HZ)) / RATE_HZ
    for _ in range(int(rng.integers(1, 5))):
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        start = int(rng.integers(max(1, len(out) - len(time))))
        place = out[start : start + len(time)]
        tone = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
        place += (rng.uniform(0.02, 0.15) * tone[: len(place)]).astype(np.float32)
    return out


def _lose_packets(samples: Samples, rng: np.random.Generator) -> Samples:
    """Packets of 20 ms lost alone or in bursts of up to five; silent, or repeated and fading (G.711 Appendix I)."""
    packet = 160
    out = samples.copy()
    lost = np.flatnonzero(rng.random(len(samples) // packet) < rng.uniform(0.01, 0.08))
    burst = int(rng.integers(1, 6)) if rng.random() < 0.3 else 1
    concealed = rng.random() < 0.7
    for index in sorted({int(first) + later for first in lost for later in range(burst)}):
        here = slice(index * packet, (index + 1) * packet)
        if index > 0 and len(out[here]) == packet:
            out[here] = out[(index - 1) * packet : index * packet] * np.float32(0.7) if concealed else 0.0
    return out


def _libsndfile(samples: Samples, subtype: str) -> Samples:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE_HZ, format="WAV", subtype=subtype)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return np.asarray(decoded[: len(samples)], dtype=np.float32)


def _gsm(samples: Samples, rng: np.random.Generator) -> Samples:
    return _libsndfile(samples, "GSM610")


def _opus(samples: Samples, rng: np.random.Generator) -> Samples:
    return _libav(samples, "libopus", int(rng.choice([6000, 8000, 12000, 16000, 24000])))


def _amr(samples: Samples, rng: np.random.Generator) -> Samples:
    return _libav(samples, "libopencore_amrnb", int(rng.choice([4750, 6700, 7950, 12200])))


def _g722(samples: Samples, rng: np.random.Generator) -> Samples:
    wide = np.asarray(signal.resample_poly(samples, 2, 1), dtype=np.float32)
    return _libav(wide, "g722", 64000, 2 * RATE_HZ)[: len(samples)]


_CODECS: tuple[Callable[[Samples, np.random.Generator], Samples], ...] = (_gsm, _opus, _amr, _g722)


def _libav(samples: Samples, codec: str, bit_rate: int, rate: int = RATE_HZ) -> Samples:
    encoder, decoder = _context(codec, "w", rate), _context(codec, "r", rate)
    sample_format = (encoder.codec.audio_formats or [av.AudioFormat("s16")])[0]
    encoder.bit_rate, encoder.format, encoder.time_base = bit_rate, sample_format, Fraction(1, rate)
    encoder.open()
    decoder.extradata = encoder.extradata
    decoder.open()
    as_float = sample_format.name.startswith("flt")
    values = samples if as_float else np.clip(samples * 32767, -32768, 32767).astype(np.int16)
    size = encoder.frame_size or 160
    decoded: list[Samples] = []
    for start in range(0, len(values), size):
        block = np.zeros(size, values.dtype)
        block[: len(values[start : start + size])] = values[start : start + size]
        frame = av.AudioFrame.from_ndarray(block[None], format=sample_format.name, layout="mono")
        frame.sample_rate, frame.pts = rate, start
        for packet in encoder.encode(frame):
            decoded.extend(_mono(out) for out in decoder.decode(packet))
    joined = np.concatenate(decoded) if decoded else np.zeros(0, np.float32)
    # libopus always decodes to 48 kHz.
    joined = np.asarray(signal.resample_poly(joined, 1, decoder.sample_rate // RATE_HZ), dtype=np.float32)
    return np.pad(joined, (0, max(0, len(samples) - len(joined))))[: len(samples)]


def _context(codec: str, mode: Literal["r", "w"], rate: int) -> av.AudioCodecContext:
    context = cast(av.AudioCodecContext, av.CodecContext.create(codec, mode))
    context.sample_rate, context.layout = rate, "mono"
    return context


def _mono(frame: av.AudioFrame) -> Samples:
    values = frame.to_ndarray().reshape(-1)
    return np.asarray(values / (32768 if values.dtype == np.int16 else 1), dtype=np.float32)
