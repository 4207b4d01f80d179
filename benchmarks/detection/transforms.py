"""What an attacker, or a bad line, may do to speech: each transform takes and gives (n,) float32 at 8 kHz in [-1, 1].

Chance comes from the generator that is handed in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from voiceguard.analysis.callsets.channels import ChannelName, apply
from voiceguard.events import RATE_HZ, Samples

_GRAIN = 320
"""Samples of a grain of time stretching, 40 ms: two periods of the lowest voices."""
_SEARCH = 80


def replay(samples: Samples, rng: np.random.Generator) -> Samples:
    """Played by a small loudspeaker in a room: resonances between 200 and 3500 Hz, overdrive, echoes for 0.3 s.

    The loudspeaker is three resonant peaks within a band-pass, its overdrive a soft limiter, the room decaying noise
    after the direct sound (Polack's model).
    """
    band = signal.butter(2, [200, 3500], "bandpass", fs=RATE_HZ, output="sos")
    played = signal.sosfilt(band, samples)
    for centre_hz in rng.uniform([300, 900, 2000], [700, 1800, 3200]):
        played = played + 0.6 * signal.lfilter(*signal.iirpeak(centre_hz, 4.0, fs=RATE_HZ), played)
    loudest = float(np.abs(played).max()) + 1e-9
    played = np.tanh(1.5 * played / loudest) * loudest
    time = np.arange(int(0.3 * RATE_HZ)) / RATE_HZ
    room = rng.standard_normal(len(time)) * 10 ** (-3 * time / 0.3) * 0.08
    room[0] = 1.0
    return _at_level_of(samples, signal.fftconvolve(played, room)[: len(samples)])


def shift_pitch(samples: Samples, semitones: float) -> Samples:
    """Another pitch, formants with it, at the same pace: resampled, then stretched back to as many samples."""
    ratio = 2.0 ** (semitones / 12)
    return _fitted(stretch(speed(samples, ratio), ratio), len(samples))


def speed(samples: Samples, factor: float) -> Samples:
    """Played `factor` times as fast, pitch and all: (n / factor,)."""
    return _bounded(soxr.resample(samples, RATE_HZ * factor, RATE_HZ, quality="HQ"))


def stretch(samples: Samples, factor: float) -> Samples:
    """`factor` times as long at the same pitch, (about n * factor,): overlapping grains, each shifted to where it
    continues the one before best (WSOLA, Verhelst and Roelands 1993)."""
    hop, window = _GRAIN // 2, np.hanning(_GRAIN + 1)[:-1]
    grains = max(1, int(len(samples) * factor) // hop)
    padded = np.pad(samples.astype(np.float64), (_SEARCH, 2 * _GRAIN + 2 * _SEARCH))
    out = np.zeros((grains + 1) * hop)
    follows = padded[_SEARCH : _SEARCH + _GRAIN]
    for index in range(grains):
        start = min(round(index * hop / factor), len(samples) - 1)
        region = padded[start : start + _GRAIN + 2 * _SEARCH]
        best = start + int(np.argmax(np.correlate(region, follows, "valid")))
        out[index * hop : index * hop + _GRAIN] += window * padded[best : best + _GRAIN]
        follows = padded[best + hop : best + hop + _GRAIN]
    return _bounded(out)


def low_pass(samples: Samples, edge_hz: float) -> Samples:
    """Nothing above an edge: Butterworth of order 8."""
    return _bounded(signal.sosfilt(signal.butter(8, edge_hz, fs=RATE_HZ, output="sos"), samples))


def stuff_pauses(samples: Samples, pause: Samples, every_s: float = 0.8) -> Samples:
    """A pause after every so many seconds, at the quietest place within 0.1 s of there."""
    return _joined(_cut_at_quiet_places(samples, every_s), pause)


def bursts(samples: Samples, burst_s: float = 0.4, gap_s: float = 0.4) -> Samples:
    """Speech in bursts with digital silence between them."""
    size = round(burst_s * RATE_HZ)
    parts = [samples[start : start + size] for start in range(0, len(samples), size)]
    return _joined(parts, np.zeros(round(gap_s * RATE_HZ), np.float32))


def alternate(synthetic: Samples, genuine: Samples, share: float) -> Samples:
    """Turns from two recordings, at one level, as long as the shorter recording; `share` of four turns is synthetic.

    A turn is a second, or a quarter of what there is when that is less; each recording goes on where its last turn
    ended, and genuine speech begins.
    """
    length = min(len(synthetic), len(genuine))
    size = max(1, min(RATE_HZ, length // 4))
    genuine = _at_level_of(synthetic, genuine)
    out, taken, owed = np.zeros(length, np.float32), [0, 0], 0.0
    for start in range(0, length, size):
        owed += share
        which = int(owed >= 1.0 - 1e-9)
        owed -= which
        here = min(size, length - start)
        part = (genuine, synthetic)[which][taken[which] : taken[which] + here]
        out[start : start + here] = part
        taken[which] += here
    return out


def tandem(samples: Samples) -> Samples:
    """Coded anew three times: a mobile phone, a web call and the exchange."""
    channels: tuple[ChannelName, ...] = ("gsm", "opus", "pcmu")
    for channel in channels:
        samples = apply(samples, channel)
    return samples


def gain(samples: Samples, decibels: float) -> Samples:
    """Louder or softer; what goes beyond full scale is cut off."""
    return _bounded(samples * 10 ** (decibels / 20))


def overdrive(samples: Samples, share: float = 0.05) -> Samples:
    """So loud that the loudest share of samples is cut off, then back to the level it had."""
    edge = max(float(np.quantile(np.abs(samples), 1 - share)), 1e-9)
    return _at_level_of(samples, np.clip(samples, -edge, edge))


def room_tone(samples: Samples, seconds: float) -> Samples:
    """A pause as the recording has them: its quietest 0.1 s, looped."""
    size = RATE_HZ // 10
    starts = range(0, max(len(samples) - size, 1), size // 2)
    quietest = min(starts, key=lambda start: float(np.square(samples[start : start + size]).sum()))
    return np.resize(samples[quietest : quietest + size], round(seconds * RATE_HZ))


def _cut_at_quiet_places(samples: Samples, every_s: float) -> list[Samples]:
    frame, near = 80, round(0.1 * RATE_HZ)
    cuts, place = [0], round(every_s * RATE_HZ)
    while place + near < len(samples):
        region = samples[place - near : place + near].reshape(-1, frame)
        cuts.append(place - near + frame * int(np.argmin(np.square(region).sum(axis=1))))
        place = cuts[-1] + round(every_s * RATE_HZ)
    return [samples[start:end] for start, end in zip(cuts, [*cuts[1:], len(samples)], strict=True)]


def _joined(parts: list[Samples], pause: Samples) -> Samples:
    return np.concatenate([piece for part in parts for piece in (part, pause)][:-1])


def _at_level_of(model: Samples, samples: NDArray[np.floating[Any]]) -> Samples:
    wanted, given = (float(np.sqrt(np.mean(np.square(one, dtype=np.float64)))) for one in (model, samples))
    return _bounded(samples * (wanted / max(given, 1e-9)))


def _fitted(samples: Samples, length: int) -> Samples:
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _bounded(samples: NDArray[np.floating[Any]]) -> Samples:
    return np.asarray(np.clip(samples, -1.0, 1.0), dtype=np.float32)
