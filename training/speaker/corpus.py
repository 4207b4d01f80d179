"""Labelled genuine speech of the training set, through random telephone lines, cut into the encoder's windows."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.detection.scoring import net_speech
from training.synthetic.channels import through_line
from voiceguard.detectors.speaker import MIN_WINDOW_SAMPLES, SAMPLE_RATE_HZ, WINDOW_SAMPLES

Samples = NDArray[np.float32]

SOURCES = (
    "librispeech-resemblyzer",
    "arabic-speech-commands",
    "neonbjb/tortoise-tts",
    "dyoshioka-555/SponTTS-samples",
    "ami-pyannote",
    "fsdd",
    "atul-speakerid",
)
"""Sources of several speakers whose labels are people (not files), none of whom speaks in the development set."""
MORE_SOURCES = (
    "wake-up-word/wuw-corpus-ii",
    "kolesov93/lt_speech_commands",
    "BachchuPaul/Bengali-Isolated-Spoken-Digit",
)
"""Further ones that projection and calibration are fitted to: callers of several real calls each, and read words. Some
of their clips, without their names, are among those that weights are rounded by."""
HOP_SAMPLES = int(1.5 * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Clip:
    """One clip of the training set."""

    speaker: str
    source: str
    samples: Samples
    """8 kHz mono."""


def read_clips(data: Path) -> list[Clip]:
    """Clips of every speaker of `SOURCES` and `MORE_SOURCES`, in the order of train.csv."""
    labelled = {*SOURCES, *MORE_SOURCES}
    return [_clip(data, row) for row in _genuine(data) if row["source"] in labelled and row["speaker"]]


def read_others(data: Path, count: int, seed: int) -> list[Clip]:
    """So many clips drawn from sources other than `SOURCES`."""
    rows = [row for row in _genuine(data) if row["source"] not in SOURCES]
    drawn = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [_clip(data, rows[place]) for place in drawn]


def _genuine(data: Path) -> list[dict[str, str]]:
    with (data / "train.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["label"] == "bonafide"]


def _clip(data: Path, row: dict[str, str]) -> Clip:
    return Clip(row["speaker"], row["source"], read_audio(data / row["path"]))


def read_noises(data: Path) -> list[Samples]:
    """Every clip of noise.csv."""
    with (data / "noise.csv").open(newline="") as file:
        return [read_audio(data / row["path"]) for row in csv.DictReader(file)]


def speech_on_line(clip: Clip, noises: list[Samples], line: int) -> Samples:
    """Net speech (n,) of a clip at the far end of a random line; a number is one handset, room and codec."""
    return net_speech(through_line(clip.samples, noises, np.random.default_rng(line)))


def windows(speech: Samples) -> list[Samples]:
    """Windows of 3 s every 1.5 s; the last one as long as what is left, when that is 2 s or all there is."""
    starts = range(0, max(1, len(speech) - MIN_WINDOW_SAMPLES + 1), HOP_SAMPLES)
    return [speech[start : start + WINDOW_SAMPLES] for start in starts]


def by_speaker(clips: list[Clip]) -> dict[str, list[int]]:
    """Speaker to places in `clips`."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, clip in enumerate(clips):
        places[clip.speaker].append(place)
    return dict(places)


def read_audio(path: Path) -> Samples:
    """A clip's samples, (n,). Raises ValueError when they are not at 8 kHz."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ:
        raise ValueError(f"{path.name} is not at 8 kHz")
    return np.asarray(samples, dtype=np.float32)
