"""The speaker trials of the development set: one clip enrols, the first 3 s of another are tested."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speaker.encoder import Embedding, Encoder
from voiceguard.detectors import speaker
from voiceguard.events import RATE_HZ


@dataclass(frozen=True)
class Trial:
    """One comparison."""

    same: bool
    source: str
    speaker: str
    """Who was enrolled."""
    llr: float
    """ln p(x | same speaker) / p(x | different speakers); 0 where a side holds no speech."""
    heard: bool


@dataclass(frozen=True)
class _Voice:
    enrolled: Embedding
    enrolled_s: float
    tested: Embedding
    tested_s: float


def compare(encoder: Encoder, data: Path) -> list[Trial]:
    """Every trial of ``dev_speaker_trials.csv``, in its order."""
    with (data / "dev.csv").open(newline="") as file:
        people = {row["path"]: row["speaker"] for row in csv.DictReader(file)}
    with (data / "dev_speaker_trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    paths = sorted({row[side] for row in rows for side in ("enrol", "test")})
    voices = {path: _voice(encoder, data / path) for path in paths}
    return [
        Trial(row["label"] == "target", row["source"], people[row["enrol"]], *_evidence(
            encoder.calibration, voices[row["enrol"]], voices[row["test"]]
        ))
        for row in rows
    ]


def _voice(encoder: Encoder, path: Path) -> _Voice | None:
    samples = encoder.read(path)
    windows, first = encoder.windows(samples), encoder.first_window(samples)
    if not windows or first is None:
        return None
    seconds = [len(window.samples) / RATE_HZ for window in windows]
    enrolled = speaker.enrol([encoder.embed(window) for window in windows], seconds)
    return _Voice(enrolled, windows[-1].end_net_s, encoder.embed(first), first.end_net_s)


def _evidence(calibration: speaker.Calibration, enrol: _Voice | None, test: _Voice | None) -> tuple[float, bool]:
    if enrol is None or test is None:
        return 0.0, False
    alike = speaker.cosine(enrol.enrolled, test.tested)
    return float(speaker.same_speaker_llr(alike, enrol.enrolled_s, test.tested_s, calibration)), True
