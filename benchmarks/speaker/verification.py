"""The speaker trials of the development set, through every line and with more or less speech on either side."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speaker.encoder import LEAST_S, Encoder
from benchmarks.speaker.speech import (
    CONDITIONS,
    EXTENTS,
    LINES,
    Condition,
    Key,
    Line,
    Trial,
    Voice,
    clips_tried,
    far_end,
    joined,
    trials,
)
from benchmarks.speaker.watchlist import Heard
from voiceguard.detectors import speaker
from voiceguard.events import RATE_HZ, Samples

CACHE = Path(__file__).parent / "cache"


@dataclass(frozen=True)
class Scored:
    """Trials of one line and condition with what an encoder said of them, one array element each."""

    same: NDArray[np.bool_]
    source: NDArray[np.str_]
    speaker: NDArray[np.str_]
    score: NDArray[np.float64]
    """LLR of the shipped encoder; cosine of the others. 0 where a side holds no speech."""
    unheard: int
    seconds: tuple[float, float]
    """Mean net speech of either side."""


def compare(encoder: Encoder, data: Path) -> Iterator[tuple[str, Line, Condition, Scored]]:
    """Encoder, line, condition and scores: the shipped one, and its peers where `benchmarks.speaker.peers` has run."""
    speech: dict[Key, Samples] = {}
    ours: dict[Key, Voice] = {}
    with ProcessPoolExecutor(len(LINES)) as pool:
        for heard, voices in pool.map(_hear_line, repeat(encoder.folder), repeat(data), LINES):
            speech |= heard
            ours |= voices
    everybody = {"shipped": ours, **_peers(speech)}
    for line in LINES:
        seconds = {path: len(samples) / RATE_HZ for (on, path, extent), samples in speech.items()
                   if on == line and extent == "whole"}
        for condition in CONDITIONS:
            tried = trials(data, line, condition, seconds)
            for name, voices in everybody.items():
                yield name, line, condition, _score(tried, voices, encoder if name == "shipped" else None)


def _hear_line(model: Path, data: Path, line: Line) -> tuple[dict[Key, Samples], dict[Key, Voice]]:
    """Net speech of every clip on a line, and the shipped encoder's embeddings of it."""
    encoder, speech, voices = Encoder(model), dict[Key, Samples](), dict[Key, Voice]()
    for path in clips_tried(data):
        samples = far_end(data, path, line)
        everything = encoder.net_speech(samples)
        if len(everything) < LEAST_S * RATE_HZ:
            continue
        for extent in EXTENTS:
            heard = everything if extent == "whole" else everything[: int(extent[0]) * RATE_HZ]
            speech[line, path, extent] = heard
            voices[line, path, extent] = encoder.whole(heard), len(heard) / RATE_HZ
    return speech, voices


def _peers(speech: Mapping[Key, Samples]) -> dict[str, dict[Key, Voice]]:
    """Embeddings of the same speech by other encoders; and the speech itself, for those that have not heard it."""
    CACHE.mkdir(exist_ok=True)
    pcm = [np.round(np.clip(one, -1, 1) * 32767).astype(np.int16) for one in speech.values()]
    ends = np.cumsum([len(one) for one in pcm])
    path, report = CACHE / "speech.npz", CACHE / "peers.json"
    known = path.is_file() and np.array_equal(np.load(path)["samples"], np.concatenate(pcm))
    if not known:
        np.savez(path, samples=np.concatenate(pcm), ends=ends)
    if not known or not report.is_file():
        return {}
    return {
        name: {key: (vector, len(samples) / RATE_HZ) for (key, samples), vector in zip(
            speech.items(), np.load(CACHE / peer["file"]), strict=True
        )}
        for name, peer in peer_costs().items()
    }


def everybodys_voices(encoder: Encoder, data: Path) -> list[Heard]:
    """The first 3 s of every clip of the trials, through mu-law."""
    with (data / "dev.csv").open(newline="") as file:
        who = {row["path"]: f"{row['source']}/{row['speaker']}" for row in csv.DictReader(file)}
    found = []
    for path in clips_tried(data):
        first = encoder.first_window(far_end(data, path, "pcmu"))
        if first is not None:
            found.append(Heard(who[path], encoder.embed(first), first.end_net_s))
    return found


def peer_costs() -> dict[str, Any]:
    """What `benchmarks.speaker.peers` noted of each encoder."""
    report = CACHE / "peers.json"
    return dict(json.loads(report.read_text())) if report.is_file() else {}


def _score(tried: Sequence[Trial], voices: Mapping[Key, Voice], encoder: Encoder | None) -> Scored:
    scores, heard = [], []
    sides: dict[tuple[Key, ...], Voice | None] = {}
    for trial in tried:
        for side in (trial.enrol, trial.test):
            if side not in sides:
                sides[side] = joined(side, voices)
        enrol, test = sides[trial.enrol], sides[trial.test]
        if enrol is None or test is None:
            scores.append(0.0)
            continue
        alike = float(speaker.cosine(enrol[0], test[0]))
        heard.append((enrol[1], test[1]))
        scores.append(alike if encoder is None else encoder.same_speaker_llr(alike, enrol[1], test[1]))
    mean = np.mean(heard, axis=0) if heard else (0.0, 0.0)
    return Scored(
        np.array([trial.same for trial in tried]), np.array([trial.source for trial in tried]),
        np.array([trial.speaker for trial in tried]), np.array(scores), len(tried) - len(heard),
        (float(mean[0]), float(mean[1])),
    )
