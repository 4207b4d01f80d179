"""The speech that is compared: clips of the development set at the far end of a line, and who is tried with whom."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from benchmarks.detection.conditions import Recording, read_noises, seed_of, through
from benchmarks.speaker.encoder import Embedding
from voiceguard.adapters.audio_files import read_mono_8k
from voiceguard.detectors import speaker
from voiceguard.events import Samples

Line = Literal["pcmu", "gsm", "noise"]
LINES: tuple[Line, ...] = get_args(Line)
Extent = Literal["1 s", "2 s", "3 s", "whole"]
"""Of a clip's net speech: what comes first, or all."""
EXTENTS: tuple[Extent, ...] = get_args(Extent)
Condition = Literal[
    "clip against clip", "clip against 3 s", "clip against 2 s", "clip against 1 s", "3 short clips against 3 s", "3 s",
    "6 s", "12 s",
]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
_SIDES: Mapping[Condition, tuple[Extent, Extent]] = {
    "clip against 3 s": ("whole", "3 s"), "clip against 2 s": ("whole", "2 s"), "clip against 1 s": ("whole", "1 s"),
    "3 short clips against 3 s": ("2 s", "3 s"), "3 s": ("3 s", "3 s"),
}
"""What either side hears of its clips; whole ones where nothing is named."""
_SHORT_CLIPS = 3
"""Clips of 2 s each that enrol together."""
_LEAST_S: Mapping[Condition, float] = {"6 s": 6.0, "12 s": 12.0}
"""Net speech of a side that is made of several clips, seconds: whole clips until there is so much."""
Key = tuple[Line, str, Extent]
"""Line, path of the clip, and how much of it."""
Voice = tuple[Embedding, float]
"""Unit-length embedding and the net speech behind it, seconds."""


@dataclass(frozen=True)
class Trial:
    """One comparison: each side is one or more pieces of one person's speech."""

    same: bool
    source: str
    speaker: str
    """Who was enrolled."""
    enrol: tuple[Key, ...]
    test: tuple[Key, ...]


def far_end(data: Path, path: str, line: Line) -> Samples:
    """A clip at the far end of a line."""
    named = Recording((path,), "bonafide", "", "", "", "", "", False, 0.0)
    return through(read_mono_8k(data / path), line, read_noises(data), seed_of(named))


def trials(data: Path, line: Line, condition: Condition, seconds: Mapping[str, float]) -> list[Trial]:
    """The trials of ``dev_speaker_trials.csv`` in their order, less those whose sides cannot be made so long.

    `seconds`: net speech of every clip on this line. Longer sides take further clips of the same person, no clip twice.
    """
    with (data / "dev.csv").open(newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["label"] == "bonafide" and row["speaker"]]
    who = {row["path"]: (row["source"], row["speaker"]) for row in clips}
    of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in clips:
        of[who[row["path"]]].append(row["path"])
    found = []
    with (data / "dev_speaker_trials.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            enrol, test, same = row["enrol"], row["test"], row["label"] == "target"
            sides: Sequence[Sequence[str]] | None = ([enrol], [test])
            if condition in _LEAST_S or condition == "3 short clips against 3 s":
                rest = [[path for path in of[who[side]] if path not in (enrol, test)] for side in (enrol, test)]
                if condition in _LEAST_S:
                    spare = (rest[0][0::2], rest[0][1::2]) if same else rest
                    sides = _fill((enrol, test), spare, seconds, _LEAST_S[condition])
                else:
                    several = [enrol, *rest[0][: _SHORT_CLIPS - 1]]
                    sides = (several, [test]) if len(several) == _SHORT_CLIPS else None
            if sides is not None:
                extents = _SIDES.get(condition, ("whole", "whole"))
                pieces = [tuple((line, path, extent) for path in side)
                          for side, extent in zip(sides, extents, strict=True)]
                found.append(Trial(same, row["source"], who[enrol][1], pieces[0], pieces[1]))
    return found


def _fill(
    first: tuple[str, str], spare: Sequence[Sequence[str]], seconds: Mapping[str, float], least_s: float
) -> list[list[str]] | None:
    sides = []
    for begin, more in zip(first, spare, strict=True):
        side, total = [begin], seconds.get(begin, 0.0)
        for path in more:
            if total < least_s:
                side.append(path)
                total += seconds.get(path, 0.0)
        if total < least_s:
            return None
        sides.append(side)
    return sides


def clips_tried(data: Path) -> list[str]:
    """Every clip that a trial may need: those of everybody in the trials."""
    with (data / "dev.csv").open(newline="") as file:
        clips = {row["path"]: (row["source"], row["speaker"]) for row in csv.DictReader(file)
                 if row["label"] == "bonafide" and row["speaker"]}
    with (data / "dev_speaker_trials.csv").open(newline="") as file:
        people = {clips[row[side]] for row in csv.DictReader(file) for side in ("enrol", "test")}
    return sorted(path for path, person in clips.items() if person in people)


def joined(pieces: Iterable[Key], voices: Mapping[Key, Voice]) -> Voice | None:
    """One voice of several pieces, each weighted by its seconds; None where none of them was heard."""
    heard = [voices[piece] for piece in pieces if piece in voices]
    if not heard:
        return None
    seconds = [one[1] for one in heard]
    return speaker.enrol([one[0] for one in heard], seconds), float(np.sum(seconds))
