"""Telephone calls out of clips: levels, the band of a line, noise, key tones, lost packets. Chance is an argument."""

from __future__ import annotations

import numpy as np

from voiceguard.events import RATE_HZ, Samples

PACKET = RATE_HZ // 50
"""Samples of 20 ms."""
_BAND_HZ, _EDGE_HZ = (300.0, 3400.0), 60.0
_KEY_S = 0.09
# ITU-T Q.23: the low and the high frequency (Hz) of each key.
_KEYS = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, high in zip(row, (1209, 1336, 1477, 1633), strict=True)
}


def band(samples: Samples) -> Samples:
    """What a telephone line lets through of (n,) at 8 kHz: 300 to 3400 Hz, with soft edges."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    low, high = _BAND_HZ
    inside = np.minimum(frequencies - (low - _EDGE_HZ), (high + _EDGE_HZ) - frequencies) / _EDGE_HZ
    spectrum *= np.sin(np.clip(inside, 0.0, 1.0) * np.pi / 2) ** 2
    return np.asarray(np.fft.irfft(spectrum, len(samples)), dtype=np.float32)


def level(samples: Samples, dbfs: float) -> Samples:
    """(n,) with the RMS of its louder half of packets at `dbfs`: the active level, whatever the pauses."""
    packets = samples[: len(samples) // PACKET * PACKET].reshape(-1, PACKET)
    if not len(packets):
        packets = samples.reshape(1, -1)
    power = np.mean(packets.astype(np.float64) ** 2, axis=1)
    active = float(np.sqrt(power[power >= np.median(power)].mean()))
    return samples if active == 0.0 else np.asarray(samples * (10 ** (dbfs / 20) / active), dtype=np.float32)


def trimmed(samples: Samples, below_db: float = 40.0) -> Samples:
    """(n,) without its silence at both ends: packets more than `below_db` under the loudest."""
    packets = samples[: len(samples) // PACKET * PACKET].reshape(-1, PACKET)
    if not len(packets):
        return samples
    power = np.mean(packets.astype(np.float64) ** 2, axis=1)
    heard = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return samples[heard[0] * PACKET : (heard[-1] + 1) * PACKET] if len(heard) else samples


def tones(digits: str, dbfs: float = -12.0) -> Samples:
    """Keyed digits as pairs of tones (ITU-T Q.23) of `dbfs` peak, 90 ms long and 90 ms apart. KeyError for no key."""
    time = np.arange(int(_KEY_S * RATE_HZ)) / RATE_HZ
    parts = []
    for digit in digits:
        parts += [sum(np.sin(2 * np.pi * frequency * time) for frequency in _KEYS[digit]) / 2, np.zeros_like(time)]
    return np.asarray(10 ** (dbfs / 20) * np.concatenate(parts or [np.zeros(0)]), dtype=np.float32)


def line_noise(samples: int, dbfs: float, rng: np.random.Generator) -> Samples:
    """White noise (samples,) of RMS `dbfs`: what a quiet line carries."""
    return np.asarray(rng.standard_normal(samples) * 10 ** (dbfs / 20), dtype=np.float32)


def looped(samples: Samples, length: int, rng: np.random.Generator) -> Samples:
    """(length,) of a recording from a random place on, over and over."""
    return np.resize(np.roll(samples, -int(rng.integers(len(samples)))), length)


def lose_packets(samples: Samples, share: float, rng: np.random.Generator, burst: float = 2.0) -> Samples:
    """(n,) with about `share` of its 20 ms packets silent, `burst` in a row on average (Gilbert's two states, 1960).

    Nothing conceals them: that is the line's worst. Raises ValueError for a share that bursts cannot reach.
    """
    packets = -(-len(samples) // PACKET)
    if not 0.0 <= share < 1.0 or share / (1.0 - share) > burst:
        raise ValueError("so large a share of packets cannot be lost in such bursts")
    begins, ends = share / (1.0 - share) / burst, 1.0 / burst
    drawn = rng.random(packets)
    lost, kept = False, np.ones(packets, dtype=np.float32)
    for place in range(packets):
        lost = drawn[place] >= ends if lost else drawn[place] < begins
        kept[place] = 0.0 if lost else 1.0
    return np.asarray(samples * np.repeat(kept, PACKET)[: len(samples)], dtype=np.float32)
