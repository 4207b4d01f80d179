"""Step 3: fit the map from cosines to log-likelihood ratios.

Trials are those of the service: the first speech of a call against later speech on the same line, and an enrolment
against speech on another line. Writes ``model.json``: hash, input, output and calibration.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from training.speaker.export import NAME, PLAIN
from training.speaker.network import ORIGIN
from training.speaker.trials import HOP_S, SEED, SPANS, Trials, by_unseen_projections, draw, seconds, voices
from training.speaker.whiten import fit as fit_projection
from voiceguard.detectors import speaker
from voiceguard.detectors.features import BANDS, SAMPLE_RATE_HZ
from voiceguard.measures import metrics


def main() -> None:
    """Embed the training speakers, draw trials, fit, write ``models/speaker-campplus/model.json``."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.calibrate", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    parser.add_argument("--commit", required=True, help="commit that holds this code")
    arguments = parser.parse_args()
    heard = voices(arguments.data, PLAIN)
    unseen = by_unseen_projections(heard, lambda source: fit_projection(heard, without=source))
    kinds = {"on one line": draw(unseen), "across lines": draw(unseen, across=True)}
    trials = kinds["on one line"] + kinds["across lines"]
    calibration = fit(trials)
    write_card(Path("models") / NAME, calibration, trials, arguments.data, arguments.commit)
    print(calibration, describe(trials, evidence(trials, calibration)), sep="\n")
    print("each source by a fit to the others:")
    of_others = {source: fit(trials[trials.source != source]) for source in sorted(set(trials.source))}
    for source, foreign in of_others.items():
        rows = trials[trials.source == source]
        print(f"  {source}: {describe(rows, evidence(rows, foreign))}")
    for kind, drawn in kinds.items():
        print(f"  mean {kind}: {_mean(drawn, of_others)}")


def fit(trials: Trials) -> speaker.Calibration:
    """Weighted logistic regression with equal priors; sources weigh by the square root of their trials, per class.

    N people can show an error rate of 3 / N at best (rule of three): evidence of different speakers is bounded by
    ln(N / 3), and evidence of one speaker by that of all pairs of people who were compared.
    """
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

    scale, duration, offset = minimize(cost, np.array([10.0, 0.0, -5.0]), method="BFGS").x
    people = len(set(trials.speaker[trials.same]))
    of_source = [len(set(trials.speaker[trials.source == source])) for source in set(trials.source)]
    pairs = sum(count * (count - 1) // 2 for count in of_source)
    return speaker.Calibration(
        scale=round(float(scale), 4), duration=round(float(duration), 4), offset=round(float(offset), 4),
        min_speech_s=seconds(SPANS["recent"][0]), max_speech_s=seconds(SPANS["reference"][-1]),
        limit=round(float(np.log(people / 3.0)), 2), same_limit=round(float(np.log(pairs / 3.0)), 2),
    )


def evidence(trials: Trials, calibration: speaker.Calibration) -> NDArray[np.float64]:
    """ln p(x | same speaker) / p(x | different speakers) of every trial."""
    return speaker.same_speaker_llr(trials.cosine, trials.reference_s, trials.recent_s, calibration)


def describe(trials: Trials, llr: NDArray[np.float64]) -> str:
    """The measures of these trials, in a line."""
    same, other = llr[trials.same], llr[~trials.same]
    people = len(set(trials.speaker[trials.same]))
    return (f"{len(same)} same by {people} people, {len(other)} different, EER {metrics.eer(same, other):.4f}, "
            f"Cllr {metrics.cllr(same, other):.3f}, min {metrics.cllr_min(same, other):.3f}, "
            f"same below zero {np.mean(same < 0):.4f}, different above {np.mean(other > 0):.4f}")


def _mean(trials: Trials, of_others: Mapping[str, speaker.Calibration]) -> str:
    """Over the sources, each by a fit to the others."""
    figures = []
    for source, calibration in of_others.items():
        rows = trials[trials.source == source]
        llr = evidence(rows, calibration)
        same, other = llr[rows.same], llr[~rows.same]
        figures.append((metrics.eer(same, other), metrics.cllr(same, other)))
    eer, cllr = np.mean(figures, axis=0)
    return f"EER {eer:.4f}, Cllr {cllr:.3f}"


def write_card(folder: Path, calibration: speaker.Calibration, trials: Trials, data: Path, commit: str) -> None:
    """Write model.json."""
    digests: Mapping[str, str] = {
        **{name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in ("train.csv", "noise.csv")},
        "trials": hashlib.sha256(trials.cosine.round(3).tobytes()).hexdigest(),
    }
    card = {
        "name": NAME, "task": "speaker_embedding", "version": "5.0.0",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "sample_rate_hz": SAMPLE_RATE_HZ, "window_s": speaker.WINDOW_S, "min_window_s": speaker.MIN_WINDOW_S,
        "hop_s": HOP_S, "frontend": "fbank80_16k",
        "input": {"name": "log_mel", "shape": ["batch", "frames", BANDS]},
        "output": {"name": "embedding", "polarity": "higher cosine is the same speaker"},
        "calibration": {name: getattr(calibration, name) for name in speaker.Calibration.__dataclass_fields__},
        "origin": ORIGIN, "training": {"seed": SEED, "data_sha256": digests, "commit": commit},
    }
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
