"""Step 2: cosines to log-likelihood ratios, as calls meet them: a first voice against who speaks later on the same line.

Writes ``model.json``: the weights' hash, how to use them, and the calibration.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from training.speaker.corpus import by_speaker, read_clips, read_noises, speech_on_line, windows
from training.speaker.export import NAME, ORIGIN
from voiceguard.adapters.onnx_models import open_session
from voiceguard.analysis import metrics
from voiceguard.detectors import speaker

LINES = 3
HEARD_S = 45
"""Net speech of each person that is embedded, seconds."""
REFERENCE_WINDOWS = (3, 5, 9)
"""6, 9 and 15 s of net speech."""
RECENT_WINDOWS = (1, 2)
"""3 and 4.5 s."""
HOP_S = 1.5
TRIALS = 12
"""Of each kind, for every speaker, line and pair of lengths."""
SEED = 20261123


@dataclass(frozen=True)
class Voice:
    """One person's embeddings on one line, in the order of speech: (windows, 192)."""

    speaker: str
    source: str
    embeddings: NDArray[np.float32]


@dataclass(frozen=True)
class Trials:
    """Comparisons, one array element each."""

    cosine: NDArray[np.float64]
    reference_s: NDArray[np.float64]
    recent_s: NDArray[np.float64]
    same: NDArray[np.bool_]
    source: NDArray[np.str_]


def main() -> None:
    """Embed the training speakers, draw trials, fit, write ``models/speaker-campplus/model.json``."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.calibrate", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    parser.add_argument("--commit", required=True, help="commit that holds this code")
    arguments = parser.parse_args()
    folder = Path("models") / NAME
    trials = draw(voices(arguments.data, folder / "model.onnx"))
    scale, duration, offset = fit(trials)
    limit = float(np.log(people(arguments.data) / 3.0))
    calibration = speaker.Calibration(
        scale=round(scale, 4), duration=round(duration, 4), offset=round(offset, 4),
        min_speech_s=3.0, max_speech_s=15.0, limit=round(limit, 4),
    )
    write_card(folder, calibration, arguments.data, arguments.commit)
    evidence = speaker.same_speaker_llr(trials.cosine, trials.reference_s, trials.recent_s, calibration)
    print(calibration)
    print(f"{len(trials.same)} trials, EER {metrics.eer(evidence[trials.same], evidence[~trials.same]):.3f}, "
          f"Cllr {metrics.cllr(evidence[trials.same], evidence[~trials.same]):.3f}")


def people(data: Path) -> int:
    """Speakers in the calibration set: how many errors it could have seen."""
    return len(by_speaker(read_clips(data)))


def voices(data: Path, model: Path) -> list[list[Voice]]:
    """For each line, everybody on it."""
    session = open_session(model.read_bytes())
    clips, noises = read_clips(data), read_noises(data)
    lines = []
    for line in range(LINES):
        found = []
        for name, places in by_speaker(clips).items():
            speech = np.concatenate([speech_on_line(clips[place], noises, SEED + line) for place in places[:12]])
            cut = windows(speech[: HEARD_S * speaker.SAMPLE_RATE_HZ])
            cut = [window for window in cut if len(window) == speaker.WINDOW_SAMPLES]
            if len(cut) < 2:
                continue
            outputs = [session.run(None, {"log_mel": speaker.prepare([window])})[0][0] for window in cut]
            found.append(Voice(name, clips[places[0]].source, speaker.normalise(np.stack(outputs))))
        lines.append(found)
    return lines


def draw(lines: list[list[Voice]]) -> Trials:
    """Comparisons within a source and a line: the same person later, and another person instead."""
    random = np.random.default_rng(SEED)
    rows: list[tuple[float, float, float, bool, str]] = []
    for found in lines:
        peers = defaultdict(list)
        for voice in found:
            peers[voice.source].append(voice)
        for voice in found:
            others = [other for other in peers[voice.source] if other.speaker != voice.speaker]
            for first in REFERENCE_WINDOWS:
                for count in RECENT_WINDOWS:
                    reference = voice.embeddings[:first].sum(axis=0)
                    # A window that overlaps the reference would be compared with itself.
                    later = range(first + 1, len(voice.embeddings) - count + 1)
                    for place in random.permutation(list(later))[:TRIALS]:
                        rows.append(_row(reference, voice.embeddings[place : place + count], first, True, voice.source))
                    for other in random.permutation(np.array(others, dtype=object))[:TRIALS] if others else ():
                        place = random.integers(0, max(1, len(other.embeddings) - count + 1))
                        rows.append(_row(reference, other.embeddings[place : place + count], first, False, voice.source))
    cosine, reference_s, recent_s, same, source = zip(*rows, strict=True)
    return Trials(np.array(cosine), np.array(reference_s), np.array(recent_s), np.array(same), np.array(source))


def _row(
    reference: NDArray[np.float32], recent: NDArray[np.float32], first: int, same: bool, source: str
) -> tuple[float, float, float, bool, str]:
    alike = speaker.cosine(speaker.normalise(reference), speaker.normalise(recent.sum(axis=0)))
    return float(alike), 3.0 + HOP_S * (first - 1), 3.0 + HOP_S * (len(recent) - 1), same, source


def fit(trials: Trials) -> tuple[float, float, float]:
    """Weighted logistic regression with equal priors; sources weigh by the square root of their trials, per class."""
    weights = np.ones(len(trials.same))
    for same in (True, False):
        rows = trials.same == same
        _, group, count = np.unique(trials.source[rows], return_inverse=True, return_counts=True)
        weights[rows] = 1.0 / np.sqrt(count[group])
        weights[rows] *= 0.5 / weights[rows].sum()
    speech = np.log(trials.reference_s) + np.log(trials.recent_s)
    sign = np.where(trials.same, -1.0, 1.0)

    def cost(parameters: NDArray[np.float64]) -> float:
        odds = parameters[0] * trials.cosine + parameters[1] * speech + parameters[2]
        return float(np.sum(weights * np.logaddexp(0, sign * odds)))

    found = minimize(cost, np.array([10.0, 0.0, -5.0]), method="Nelder-Mead", options={"maxiter": 4000})
    return float(found.x[0]), float(found.x[1]), float(found.x[2])


def write_card(folder: Path, calibration: speaker.Calibration, data: Path, commit: str) -> None:
    """The papers that a program reads."""
    digests = {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in ("train.csv", "noise.csv")}
    card = {
        "name": NAME, "task": "speaker_embedding", "version": "1.0.0",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "sample_rate_hz": speaker.SAMPLE_RATE_HZ, "window_s": speaker.WINDOW_S, "min_window_s": speaker.MIN_WINDOW_S,
        "hop_s": HOP_S, "frontend": "fbank80_16k",
        "input": {"name": "log_mel", "shape": ["batch", 298, speaker.BANDS]},
        "output": {"name": "embedding", "polarity": "higher cosine is the same speaker"},
        "calibration": {name: getattr(calibration, name) for name in speaker.Calibration.__dataclass_fields__},
        "origin": ORIGIN, "training": {"seed": SEED, "data_sha256": digests, "commit": commit},
    }
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
