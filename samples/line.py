"""The telephone line of the sample calls: every voice, real or synthetic, goes through this same processing.

8 kHz, 300 to 3400 Hz, one active level, line noise; the mu-law step (ITU-T G.711) is the WAV file's own encoding.
"""

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

Audio = NDArray[np.float32]

RATE = 8000
FRAME = RATE // 50  # 20 ms
_BAND = butter(4, [300, 3400], "bandpass", fs=RATE, output="sos")
# ITU-T Q.23: the low and the high frequency (Hz) of each key.
_KEYS = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123", "456", "789", "*0#"), strict=True)
    for key, high in zip(row, (1209, 1336, 1477), strict=True)
}


def voiced(audio: Audio, mode: int = 2) -> NDArray[np.bool_]:
    """One flag per whole 20 ms frame of 8 kHz `audio`: what webrtcvad takes for speech."""
    vad = webrtcvad.Vad(mode)
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    pcm = (np.clip(frames, -1, 1) * 32767).astype("<i2")
    return np.array([vad.is_speech(frame.tobytes(), RATE) for frame in pcm], dtype=bool)


def net_speech(audio: Audio) -> float:
    """Seconds of voiced frames, digital silence left out."""
    return float(voiced(audio).sum()) * FRAME / RATE


def telephone(audio: Audio, rate: int, level_dbfs: float) -> Audio:
    """Resamples to 8 kHz, band-limits, trims silence at both ends, brings active speech to `level_dbfs` RMS.

    Raises ValueError without speech.
    """
    narrow = sosfiltfilt(_BAND, soxr.resample(audio, rate, RATE)).astype(np.float32)
    active = voiced(narrow / max(float(np.abs(narrow).max()), 1e-6) * 0.5)
    if not active.any():
        raise ValueError("no speech in the clip")
    frames = narrow[: len(active) * FRAME].reshape(-1, FRAME)
    gain = 10 ** (level_dbfs / 20) / np.sqrt(np.mean(frames[active] ** 2))
    first, last = np.flatnonzero(active)[[0, -1]]
    cut = narrow[max(0, first - 2) * FRAME : (last + 4) * FRAME] * gain
    fade = np.linspace(0, 1, FRAME // 2, dtype=np.float32)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return np.asarray(cut, np.float32)


def line_noise(rng: np.random.Generator, samples: int, level_dbfs: float = -62.0) -> Audio:
    """Band-limited white noise: what a quiet line carries."""
    return _level(sosfiltfilt(_BAND, rng.standard_normal(samples)), level_dbfs)


def street_noise(rng: np.random.Generator, samples: int, level_dbfs: float) -> Audio:
    """Traffic made from nothing: noise falling 3 dB an octave, swelling as cars pass, over an idling engine's hum."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 50.0))
    rumble = np.fft.irfft(spectrum, samples)
    time = np.arange(samples) / RATE
    swell = np.full(samples, 0.6)
    for centre in np.arange(rng.uniform(1, 4), time[-1], 5.0):
        swell += rng.uniform(0.4, 1.0) * np.exp(-(((time - centre - rng.uniform(-1, 1)) / rng.uniform(0.8, 1.6)) ** 2))
    hum = sum(np.sin(2 * np.pi * 41.0 * harmonic * time + rng.uniform(0, 6)) / harmonic for harmonic in range(8, 20))
    return _level(sosfiltfilt(_BAND, rumble / rumble.std() * swell + 0.3 * hum), level_dbfs)


def dtmf(digits: str, level_dbfs: float = -12.0) -> Audio:
    """Keyed digits as pairs of tones (ITU-T Q.23), each of `level_dbfs` peak: 90 ms long, 90 ms apart.

    Raises KeyError for what is no key.
    """
    time = np.arange(int(0.09 * RATE)) / RATE
    pause = np.zeros_like(time)
    tones = [sum(np.sin(2 * np.pi * frequency * time) for frequency in _KEYS[digit]) for digit in digits]
    keyed = np.concatenate([part for tone in tones for part in (tone, pause)])
    return np.asarray(10 ** (level_dbfs / 20) * keyed, np.float32)


def hold_music(seconds: float, level_dbfs: float) -> Audio:
    """Music on hold made from nothing: four chords of a soft organ, an arpeggio of plucked strings and a bass."""
    time = np.arange(int(seconds * RATE)) / RATE
    music = np.zeros(len(time))
    for beat in range(int(seconds / _BEAT_S)):
        chord = _CHORDS[beat // 4 % len(_CHORDS)]
        now = time[: len(time) - int(beat * _BEAT_S * RATE)]
        string = sum(np.sin(2 * np.pi * _hz(chord[beat % 3] + 12) * k * now) / k**1.5 for k in range(1, 6))
        music[-len(now) :] += 0.8 * np.exp(-now / 0.35) * string
        if beat % 4 == 0:
            held = now[now < 4 * _BEAT_S]
            swell = np.abs(np.sin(np.pi * held / (4 * _BEAT_S))) ** 0.5
            organ = sum(np.sin(2 * np.pi * _hz(note) * k * held) / k for note in chord for k in (1, 2, 3))
            bass = sum(np.sin(2 * np.pi * _hz(chord[0] - 12) * k * held) / k for k in (1, 2, 3, 4))
            music[len(time) - len(now) :][: len(held)] += swell * (0.3 * organ + 0.5 * bass)
    return _level(sosfiltfilt(_BAND, music), level_dbfs)


_BEAT_S = 0.4
_CHORDS = (60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62)
"""C, A minor, F and G as MIDI notes."""


def _hz(note: int) -> float:
    return 440.0 * float(2 ** ((note - 69) / 12))


def _level(audio: NDArray[np.float64], level_dbfs: float) -> Audio:
    return np.asarray(audio / audio.std() * 10 ** (level_dbfs / 20), np.float32)
