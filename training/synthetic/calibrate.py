"""Step 3: fit the map from raw scores to log-likelihood ratios, on the cross-validated scores of step 2."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.detection.report import high_after
from training.synthetic.dataset import Clips, read_clips
from training.synthetic.settings import read_settings
from voiceguard.detectors import synthetic
from voiceguard.measures import metrics


def main() -> None:
    """Write ``calibration.json``: scale, offset, limit."""
    settings = read_settings("calibrate")
    clips = read_clips(settings.work)
    # Plain mu-law and a random line, the first two views: a call is not always as bad as the hard ones.
    held_out = np.load(settings.made / "held_out.npy")[:2]
    # Vocoder copies are a laboratory case: evidence is weighed for the attacks that callers meet.
    rows = ~clips.spoof | clips.is_attack
    raw, labels = held_out[:, rows].reshape(-1), np.tile(clips.spoof[rows], len(held_out))
    weights = np.tile(shares(clips, settings.config["calibrate"]["telephone"])[rows], len(held_out))
    scale, offset = fit_affine(raw, labels, weights)
    limit = evidence_limit(*(len(np.unique(clips.page[rows])) for rows in (clips.is_attack, ~clips.spoof)))
    calibration = {"scale": round(scale, 4), "offset": round(offset, 4), "limit": round(limit, 4)}
    (settings.made / "calibration.json").write_text(json.dumps(calibration))
    evidence = np.clip(scale * raw + offset, -limit, limit)
    plain, high = np.clip(scale * held_out[0] + offset, -limit, limit), high_after(synthetic.WINDOW_S)
    print(
        calibration, f"Cllr {metrics.cllr(evidence[labels], evidence[~labels]):.3f}; at a high risk after 4 s:"
        f" {(plain[clips.is_telephone] >= high).mean():.3f} of genuine telephone speech,"
        f" {(plain[~clips.spoof] >= high).mean():.3f} of genuine speech, {(plain[clips.is_attack] >= high).mean():.3f}"
        " of attacks",
    )  # fmt: skip


def shares(clips: Clips, telephone: float) -> NDArray[np.float64]:
    """Weight of each clip; `telephone` of the genuine half goes to real telephone lines, where false alarms hurt."""
    weights = clips.weights(1.0)
    for rows, share in ((clips.is_telephone, telephone), (~clips.spoof & ~clips.is_telephone, 1.0 - telephone)):
        weights[rows] *= share / 2.0 / weights[rows].sum()
    return weights


def fit_affine(
    raw: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Weighted logistic regression with equal priors, whose log-odds are then the log-likelihood ratio."""
    sign = np.where(labels, -1.0, 1.0)

    def cost(parameters: NDArray[np.float64]) -> float:
        return float(np.sum(weights * np.logaddexp(0, sign * (parameters[0] * raw + parameters[1]))) / weights.sum())

    found = minimize(cost, np.array([1.0, 0.0]), method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def evidence_limit(spoof_pages: int, genuine_pages: int) -> float:
    """Largest LLR that so many pages can support: no error in n trials still allows a rate of up to 3/n (95 %).

    Pages are counted instead of clips, because the errors of one page's clips are correlated.
    """
    return float(np.log(min(spoof_pages, genuine_pages) / 3.0))


if __name__ == "__main__":
    main()
