"""Streams of speech and of what is none, with their blocks' measures: what the check of net speech learns from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from training.speech.blocks import VOICES, Block, held_out, read, spoken, unspoken
from training.speech.tones import KINDS, Samples

STREAM_S = 12.0
KEPT_PIECE = "macroform-robot_dity"
"""The piece of music that is held out."""
HARD = ("dog_bark", "baby_cry", "fire_crackling", "clock_tick", "person_sneeze", "rooster", "kitchen")
"""Sounds that come in bursts, or out of a throat: twice as often as the others."""


@dataclass(frozen=True)
class Stream:
    """One channel: its kind, whence it came, and its blocks with their shares of voiced frames."""

    kind: str
    source: str
    """Clip, piece, speaker or number: streams of one source stay together."""
    blocks: list[Block]
    shares: list[float]

    def labels(self) -> NDArray[np.float32]:
        """1 for speech, 0 for none, NaN where a block is neither clearly."""
        shares = np.array(self.shares)
        least = -1.0 if self.kind == "speech" else 0.0  # a speaker's own background may be anything
        return np.where(shares >= 0.5, 1.0, np.where((shares <= 0) & (least >= 0), 0.0, np.nan)).astype(np.float32)


def rows(path: Path) -> list[dict[str, str]]:
    """A data set's table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Sources:
    """Clips on disk, of what is held out or of the rest."""

    def __init__(self, data: Path, music: Path, kept: bool) -> None:
        noises = [row for row in rows(data / "noise.csv") if held_out(row["path"]) == kept]
        self.noises = [read(data / row["path"]) for row in noises]
        self._by_class: dict[str, list[tuple[str, Samples]]] = {}
        for row, noise in zip(noises, self.noises, strict=True):
            if row["class"] not in (VOICES, "hold_music", "misc", "train") and len(noise) > 4000:
                self._by_class.setdefault(row["class"], []).append((row["path"], noise))
        self._classes = [name for name in sorted(self._by_class) for _ in range(2 if name in HARD else 1)]
        self._pieces = [path for path in sorted(music.glob("*.wav")) if (path.stem == KEPT_PIECE) == kept]
        self._data = data
        self._people = [row for row in rows(data / "train.csv")
                        if row["label"] == "bonafide" and held_out(row["speaker"] or row["path"]) == kept]

    def clips(self, count: int, rng: np.random.Generator) -> tuple[str, list[Samples]]:
        """Clips of one source's neighbours, and the first one's speaker."""
        first = int(rng.integers(len(self._people)))
        chosen = [self._people[(first + step) % len(self._people)] for step in range(count)]
        return chosen[0]["speaker"] or chosen[0]["path"], [read(self._data / row["path"]) for row in chosen]

    def sound(self, seconds: float, rng: np.random.Generator) -> tuple[str, str, Samples]:
        """Kind, source and samples of something that is no speech."""
        chance, length = rng.random(), int(seconds * 8000)
        if chance < 0.2:
            path = self._pieces[int(rng.integers(len(self._pieces)))]
            samples = read(path)
            at = int(rng.integers(len(samples) - 2 * length))
            return "music on hold", path.stem, _varied(samples[at : at + 2 * length], length, rng)
        if chance < 0.6:
            kind = self._classes[int(rng.integers(len(self._classes)))]
            path_, noise = self._by_class[kind][int(rng.integers(len(self._by_class[kind])))]
            return kind, path_, _varied(np.roll(noise, -int(rng.integers(len(noise)))), length, rng)
        kind = list(KINDS)[int(rng.integers(len(KINDS)))]
        return kind, f"{kind} {rng.integers(1 << 30)}", KINDS[kind](seconds, rng)


def _varied(samples: Samples, length: int, rng: np.random.Generator) -> Samples:
    """Played faster or slower by up to a fifth, in half of the cases, and looped to this length."""
    if rng.random() < 0.5:
        samples = np.asarray(signal.resample(samples, round(len(samples) * rng.uniform(0.83, 1.2))), np.float32)
    return np.resize(samples, length)


def streams(sources: Sources, spoken_count: int, unspoken_count: int, rng: np.random.Generator) -> Iterator[Stream]:
    """So many callers, a third of them with other sounds between what they say, and so many sounds."""
    for _ in range(spoken_count):
        who, clips = sources.clips(3, rng)
        sounds = []
        if rng.random() < 1 / 3:
            sounds = [sources.sound(float(rng.uniform(1.5, 5)), rng)[2] for _ in range(len(clips) + 1)]
        yield Stream("mixed" if sounds else "speech", who, *spoken(clips, sounds, sources.noises, rng))
    for _ in range(unspoken_count):
        kind, source, samples = sources.sound(STREAM_S, rng)
        found = unspoken(samples, sources.noises, rng)
        yield Stream(kind, source, found, [0.0] * len(found))
