"""Attack speech that the training set lacks: classic engines, and vocoder copies of genuine clips.

A copy differs from its original only by the vocoder, which teaches the artefact and not the corpus.
Each function gives float32 mono at 8 kHz.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import numpy as np
import pyworld
from numpy.typing import NDArray
from scipy import signal

from voiceguard.detectors.features import mel_filters

RATE_HZ = 8000
Samples = NDArray[np.float32]

FLITE_VOICES = ("kal16", "awb", "rms", "slt")
ESPEAK_LANGUAGES = ("en-us", "en-gb", "en-gb-scotland", "en-029", "de", "fr-fr", "es", "es-419", "it", "ru", "hi", "pl")
_ESPEAK_VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+f5", "+klatt2", "+klatt4")


def espeak(text: str, language: str, rng: np.random.Generator) -> Samples:
    """espeak-ng with a random variant, pitch and speed."""
    voice = language + _ESPEAK_VARIANTS[rng.integers(len(_ESPEAK_VARIANTS))]
    pitch, speed = str(rng.integers(25, 80)), str(rng.integers(130, 200))
    command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "--stdout", text]
    return _to_8_khz(*_wav(subprocess.run(command, check=True, capture_output=True).stdout))


def flite(text: str, voice: str) -> Samples:
    """flite with one of its built-in voices."""
    command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    return _to_8_khz(*_wav(subprocess.run(command, check=True, capture_output=True).stdout))


def world_copy(samples: Samples) -> Samples:
    """Analysis and synthesis by WORLD at 16 kHz (Morise et al. 2016)."""
    rate = 2 * RATE_HZ
    wide = signal.resample_poly(samples.astype(np.float64), 2, 1)
    coarse, times = pyworld.dio(wide, rate)
    pitch = pyworld.stonemask(wide, coarse, times, rate)
    envelope = pyworld.cheaptrick(wide, pitch, times, rate)
    copied = pyworld.synthesize(pitch, envelope, pyworld.d4c(wide, pitch, times, rate), rate)
    return np.asarray(signal.resample_poly(copied, 1, 2), dtype=np.float32)


def griffin_lim_copy(samples: Samples, rng: np.random.Generator) -> Samples:
    """Mel spectrogram inverted with random starting phase (Griffin and Lim 1984); 20 to 60 iterations."""
    stft = signal.ShortTimeFFT(signal.windows.hann(200, sym=False), 80, RATE_HZ, fft_mode="onesided")
    power = np.abs(stft.stft(samples)) ** 2
    filters = mel_filters()[:, mel_filters().sum(0) > 0].astype(np.float64)
    magnitude = np.sqrt(np.maximum(np.linalg.pinv(filters.T) @ (filters.T @ power), 1e-10))
    spectrum = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(int(rng.integers(20, 61))):
        rebuilt = stft.stft(stft.istft(spectrum, k1=len(samples)))
        spectrum = magnitude * np.exp(1j * np.angle(rebuilt))
    return np.asarray(stft.istft(spectrum, k1=len(samples)), dtype=np.float32)


def like_the_corpus(samples: Samples, rng: np.random.Generator) -> Samples:
    """Trim silence, cut to 4.6 s, level to -24 dBFS active, dither to 10 bits: what was done to every other clip."""
    samples = samples - np.float32(samples.mean())
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    energy = np.sqrt((frames**2).mean(1))
    active = np.flatnonzero(energy > 0.03 * energy.max())
    samples = samples[active[0] * 160 : (active[-1] + 1) * 160][: int(4.6 * RATE_HZ)]
    level = float(np.sqrt(np.mean(frames[active] ** 2)))
    step = 1 / 512
    dither = (rng.random(len(samples)) - rng.random(len(samples))) * step
    scaled = samples * np.float32(10 ** (-24 / 20) / level)
    return (np.round((scaled + dither) / step) * step).astype(np.float32)


def texts(rows: Sequence[dict[str, str]]) -> list[str]:
    """Sentences of the training set, in order, without repeats."""
    return list(dict.fromkeys(row["text"] for row in rows if len(row["text"]) > 20))


def _wav(content: bytes) -> tuple[NDArray[np.float32], int]:
    # Engines that write to a pipe cannot fill in the length, so the samples are read as raw after the header.
    start = content.index(b"data") + 8
    rate = int.from_bytes(content[24:28], "little")
    whole = start + (len(content) - start) // 2 * 2
    return np.asarray(np.frombuffer(content[start:whole], "<i2") / 32768, dtype=np.float32), rate


def _to_8_khz(samples: NDArray[np.float32], rate: int) -> Samples:
    divisor = int(np.gcd(rate, RATE_HZ))
    return np.asarray(signal.resample_poly(samples, RATE_HZ // divisor, rate // divisor), dtype=np.float32)
