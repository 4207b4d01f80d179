"""Signals that are no speech, generated: call-progress tones (ITU-T E.180), fax, modems, text telephones, engines,
clicks, comfort noise and simple music. All functions give float32 at 8 kHz, (n,), with a peak of at most 0.5."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE_HZ = 8000

PROGRESS: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = (
    ((440, 480), (2, 4)), ((480, 620), (0.5, 0.5)), ((480, 620), (0.25, 0.25)), ((350, 440), (9, 0.1)),
    ((400, 450), (0.4, 0.2, 0.4, 2)), ((400,), (0.375, 0.375)), ((425,), (1, 4)), ((425,), (0.5, 0.5)),
    ((425,), (0.25, 0.25)), ((425,), (0.2, 0.3, 0.7, 0.8)), ((400, 425), (1, 2)), ((400,), (0.5, 0.5)),
    ((440,), (1.5, 3.5)), ((450,), (1, 4)), ((450,), (0.35, 0.35)), ((420,), (0.4, 0.2, 0.4, 2)),
    ((383, 417), (0.4, 0.2, 0.4, 2)), ((400, 438), (0.4, 0.2, 0.4, 2.6)), ((425,), (1.5, 3)), ((440, 350), (1.2, 4.6)),
    ((1400,), (0.4, 15)), ((330, 440), (1, 1)), ((2100,), (3.3, 0.5)), ((1100,), (0.5, 3)), ((1004,), (9, 1)),
)
"""Frequencies in Hz, and seconds on and off in turn: ringing, busy, congestion, dial, howler, fax and test tones."""
INFORMATION = ((950, 1400, 1800), (913.8, 1370.6, 1776.7), (985.2, 1370.6, 1776.7), (985.2, 1428.5, 1776.7))


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def progress(seconds: float, rng: np.random.Generator) -> Samples:
    """One country's tone in its cadence; some are modulated by 25 or 50 Hz, as old exchanges send them."""
    hz, cadence = PROGRESS[int(rng.integers(len(PROGRESS)))]
    time = _time(seconds)
    cycle = np.concatenate([np.full(round(s * RATE_HZ), place % 2 == 0) for place, s in enumerate(cadence)])
    wave = sum(np.sin(2 * np.pi * one * rng.uniform(0.98, 1.02) * time) for one in hz)
    if rng.random() < 0.25:
        wave = wave * (1 + np.sin(2 * np.pi * rng.choice([16.7, 25.0, 50.0]) * time)) / 2
    return (0.2 * wave * np.roll(np.resize(cycle, len(time)), int(rng.integers(RATE_HZ)))).astype(np.float32)


def information(seconds: float, rng: np.random.Generator) -> Samples:
    """Special information tones: three of 330 ms, a pause of a second."""
    hz = INFORMATION[int(rng.integers(len(INFORMATION)))]
    tones = [0.3 * np.sin(2 * np.pi * one * _time(0.33)) for one in hz]
    return np.resize(np.concatenate([*tones, np.zeros(round(rng.uniform(0.5, 1.2) * RATE_HZ))]),
                     round(seconds * RATE_HZ)).astype(np.float32)


def keyed(seconds: float, rng: np.random.Generator) -> Samples:
    """Frequency-shift keying: TTY (45.45 and 50 baud), V.21, V.23, Bell 103 and 202, and slow alarm panels."""
    low, high, baud = [(1400, 1800, 45.45), (1400, 1800, 50), (980, 1180, 300), (1650, 1850, 300), (1270, 1070, 300),
                       (1300, 2100, 1200), (1200, 2200, 1200), (1400, 2300, 20), (390, 450, 75)][int(rng.integers(9))]
    bits = rng.integers(0, 2, int(seconds * baud) + 2)
    chosen = bits[(np.arange(round(seconds * RATE_HZ)) * baud / RATE_HZ).astype(int)]
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(np.where(chosen, low, high)) / RATE_HZ)
    if rng.random() < 0.5:  # characters come in bursts as a person types
        gate = np.repeat(rng.random(int(seconds / 0.3) + 1) < rng.uniform(0.3, 0.8), round(0.3 * RATE_HZ))[: len(wave)]
        wave[: len(gate)] *= gate
    return wave.astype(np.float32)


def modem(seconds: float, rng: np.random.Generator) -> Samples:
    """Phase and amplitude modulation at 600 to 2400 symbols a second, as V.22 to V.29 and fax pages sound."""
    time, baud = _time(seconds), float(rng.choice([600, 1200, 1600, 2400]))
    points = rng.integers(-2, 3, (2, int(seconds * baud) + 2)) + 0.5
    place = (time * baud).astype(int)
    carrier = 2 * np.pi * rng.uniform(1100, 2200) * time
    return (0.1 * (points[0, place] * np.cos(carrier) + points[1, place] * np.sin(carrier))).astype(np.float32)


def engine(seconds: float, rng: np.random.Generator) -> Samples:
    """Road, wind and machines: coloured noise with slow swells, and for some the harmonics of a motor."""
    count = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum / np.maximum(hz, 30) ** rng.uniform(0, 1.6), count)
    time = _time(seconds)
    depth, rate = rng.uniform(0, 0.8), rng.uniform(0.05, 12)
    wave = noise / (np.abs(noise).max() + 1e-9) * (1 + depth * np.sin(2 * np.pi * rate * time))
    if rng.random() < 0.5:
        drift = 1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.05, 1) * time)
        phase = 2 * np.pi * np.cumsum(rng.uniform(25, 180) * drift)
        wave = wave + sum(rng.uniform(0, 0.3) * np.sin(k * phase / RATE_HZ) for k in range(1, 12))
    return (0.4 * wave / (np.abs(wave).max() + 1e-9)).astype(np.float32)


def clicks(seconds: float, rng: np.random.Generator) -> Samples:
    """Clicks, typing and crackle on comfort noise."""
    out = rng.standard_normal(round(seconds * RATE_HZ)) * 10 ** rng.uniform(-3.5, -2)
    for at in rng.integers(0, len(out) - 900, int(seconds * rng.uniform(1, 25))):
        length = int(rng.integers(8, 800))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / length * 5)
        out[at : at + length] += rng.uniform(0.05, 0.5) * burst
    return np.clip(out, -0.5, 0.5).astype(np.float32)


def comfort(seconds: float, rng: np.random.Generator) -> Samples:
    """Comfort noise (RFC 3389): shaped noise whose level jumps now and then."""
    out = rng.standard_normal(round(seconds * RATE_HZ))
    out = np.convolve(out, rng.standard_normal(int(rng.integers(2, 11))), "same")
    steps = np.repeat(10 ** rng.uniform(-1, 0, int(seconds / 0.5) + 2), RATE_HZ // 2)[: len(out)]
    return (0.2 * out / np.abs(out).max() * steps).astype(np.float32)


def melody(seconds: float, rng: np.random.Generator) -> Samples:
    """Music of notes: one to four voices with harmonics, envelopes, vibrato and a drum for some."""
    count, beat = round(seconds * RATE_HZ), rng.uniform(0.12, 0.6)
    out = np.zeros(count)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    for _ in range(int(rng.integers(1, 5))):
        root, slope = rng.uniform(100, 500), rng.uniform(0.5, 2)
        vibrato, decay = rng.uniform(0, 0.01), rng.uniform(0, 8)
        at = 0.0
        while at < seconds:
            length = beat * rng.choice([0.5, 1, 1, 2, 4])
            time = _time(min(length, seconds - at))
            hz = root * 2 ** (rng.choice(scale) / 12)
            phase = 2 * np.pi * hz * time + vibrato * hz / 5.5 * np.sin(2 * np.pi * 5.5 * time)
            note = sum(np.sin(k * phase) / k**slope for k in range(1, 1 + min(12, int(3500 / hz))))
            start = round(at * RATE_HZ)
            note = note * np.exp(-decay * time) * np.minimum(time / 0.01, 1)
            out[start : start + len(note)] += note[: count - start] * rng.uniform(0.4, 1)
            at += length
    if rng.random() < 0.4:
        for at_s in np.arange(0, seconds - 0.2, beat):
            hit = rng.standard_normal(800) * np.exp(-np.arange(800) / rng.uniform(60, 300))
            out[round(at_s * RATE_HZ) : round(at_s * RATE_HZ) + 800] += rng.uniform(0.5, 2) * hit
    return (0.4 * out / (np.abs(out).max() + 1e-9)).astype(np.float32)


KINDS: dict[str, Callable[[float, np.random.Generator], Samples]] = {
    "call progress": progress, "information tones": information, "TTY and FSK": keyed, "modem and fax": modem,
    "road and machines": engine, "clicks": clicks, "comfort noise": comfort, "melody": melody,
}
