"""Front ends of the detectors: telephone speech in, model input out.

Pure numpy. Training imports this very file, so a model never sees features that the running system cannot make.

The synthetic-voice detector hears the log-mel bands that Whisper was trained on (Radford et al. 2022, section 2.2).
Whisper frames 16 kHz audio by 400 samples every 160. At 8 kHz, 200 samples every 80 give frames of the same 25 ms and
bins of the same 40 Hz, so no resampling is needed: the mel filters above 4 kHz stay empty, as they do for telephone
speech brought up to 16 kHz.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8000
FRAME_SAMPLES = 200
HOP_SAMPLES = 80
MEL_BANDS = 80
_BINS = FRAME_SAMPLES // 2 + 1

# A root mean square of 0.05 is the level at which Whisper's dynamic-range floor (8 decades) keeps room below speech.
_TARGET_RMS = 0.05
# The same sound at 16 kHz has twice the samples in a frame, hence four times the power in a bin.
_POWER_AT_16_KHZ = 4.0
_POWER_FLOOR = 1e-10
_LOG_RANGE = 8.0


def normalise_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Remove DC and bring a waveform of shape (n,) to one root mean square; silence stays silence."""
    centred = samples - np.float32(samples.mean())
    rms = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    if rms < 1e-7:
        return np.zeros_like(centred)
    return (centred * np.float32(_TARGET_RMS / rms)).astype(np.float32)


def power_spectrum(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Short-time power of shape (n // 80, 101): periodic Hann of 25 ms every 10 ms, centred, reflected at both ends.

    Raises ValueError when there are not more than 100 samples, for then there is nothing to reflect.
    """
    half = FRAME_SAMPLES // 2
    if samples.ndim != 1 or len(samples) <= half:
        raise ValueError(f"a spectrum needs one channel of more than {half} samples")
    padded = np.pad(samples, half, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES]
    # Whisper drops the last frame, which is centred on the end of the audio.
    frames = frames[: len(samples) // HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * _hann(), axis=-1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)


def whisper_log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel bands scaled as Whisper scales them: (n,) at 8 kHz in, (n // 80, 80) float32 out.

    The level of the input does not matter. Raises ValueError on 100 samples or fewer.
    """
    power = power_spectrum(normalise_level(samples)) * np.float32(_POWER_AT_16_KHZ)
    mel = np.log10(np.maximum(power @ mel_filters(), _POWER_FLOOR))
    return np.asarray((np.maximum(mel, mel.max() - _LOG_RANGE) + 4.0) / 4.0, dtype=np.float32)


@cache
def mel_filters() -> NDArray[np.float32]:
    """Whisper's 80 mel filters over 0 to 8 kHz, cut at the telephone's 4 kHz: shape (101, 80).

    Slaney's mel scale (linear to 1 kHz, logarithmic above) and his area normalisation (Auditory Toolbox, 1998).
    """
    bin_hz = np.arange(_BINS) * (SAMPLE_RATE_HZ / FRAME_SAMPLES)
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(8000.0), MEL_BANDS + 2))
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bin_hz[:, None] - lower) / (centre - lower)
    falling = (upper - bin_hz[:, None]) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (upper - lower)), dtype=np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    phase = 2.0 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float32)


_MEL_PER_HZ = 3.0 / 200.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ * _MEL_PER_HZ
_LOG_STEP = float(np.log(6.4)) / 27.0


def _hz_to_mel(hz: float) -> float:
    return hz * _MEL_PER_HZ if hz < _BREAK_HZ else _BREAK_MEL + float(np.log(hz / _BREAK_HZ)) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel / _MEL_PER_HZ, logarithmic)
