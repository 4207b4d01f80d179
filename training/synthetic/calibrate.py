"""Step 3: turn raw scores into log-likelihood ratios, on the held-out sources."""

from __future__ import annotations

import json

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from training.synthetic.dataset import Clips, evaluation_window, read_clips, read_noises
from training.synthetic.settings import Settings, read_settings
from training.synthetic.train import new_detector, raw_scores
from voiceguard.analysis import metrics


def main() -> None:
    """Write ``calibration.json``: scale, offset, limit."""
    settings = read_settings("calibrate")
    torch.set_num_threads(1)
    model = new_detector(settings.config)
    model.load_state_dict(torch.load(settings.work / "detector.pt", weights_only=True))
    clips = read_clips(settings.work, {"validation"})
    windows, labels, weights = calibration_windows(settings, clips)
    raw = raw_scores(model, windows).astype(np.float64)
    scale, offset = fit_affine(raw, labels, weights)
    limit = evidence_limit(int(clips.spoof.sum()), int((1 - clips.spoof).sum()))
    calibration = {"scale": round(scale, 4), "offset": round(offset, 4), "limit": round(limit, 4)}
    (settings.work / "calibration.json").write_text(json.dumps(calibration))
    evidence = np.clip(scale * raw + offset, -limit, limit)
    spoof, bonafide = evidence[labels == 1], evidence[labels == 0]
    print(calibration, f"EER {metrics.eer(spoof, bonafide):.3f} Cllr {metrics.cllr(spoof, bonafide):.3f}")


def calibration_windows(
    settings: Settings, clips: Clips
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64], NDArray[np.float64]]:
    """Each held-out clip through mu-law and through a random line, 4 s and 2 s of it; labels; weights by source."""
    noises = read_noises(settings.work)
    windows = []
    for seconds in (4.0, 2.0):
        for lined in (False, True):
            for index in range(len(clips.spoof)):
                rng = np.random.default_rng([settings.seed, index]) if lined else None
                windows.append(evaluation_window(clips.audio(index), noises, seconds, rng))
    return windows, np.tile(clips.spoof, 4).astype(np.float64), np.tile(balance(clips), 4)


def balance(clips: Clips) -> NDArray[np.float64]:
    """Weights under which both classes count the same and, within a class, a source by the root of its size."""
    weight = np.zeros(len(clips.spoof))
    for label in (0.0, 1.0):
        rows = clips.spoof == label
        _, group, count = np.unique(clips.source[rows], return_inverse=True, return_counts=True)
        part = 1.0 / np.sqrt(count[group])
        weight[rows] = part / part.sum()
    return weight


def fit_affine(
    raw: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Weighted logistic regression with equal priors, whose log-odds are then the log-likelihood ratio."""
    sign = np.where(labels == 1, -1.0, 1.0)

    def cost(parameters: NDArray[np.float64]) -> float:
        return float(np.sum(weights * np.logaddexp(0, sign * (parameters[0] * raw + parameters[1]))) / weights.sum())

    found = minimize(cost, np.array([1.0, 0.0]), method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def evidence_limit(spoofs: int, genuine: int) -> float:
    """Largest LLR that a set of this size can vouch for: no error in n trials leaves a rate of up to 3/n (95 %)."""
    return float(np.log(min(spoofs, genuine) / 3.0))


if __name__ == "__main__":
    main()
