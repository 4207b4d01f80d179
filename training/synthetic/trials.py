"""Compare judges by cross-validation on ``train``: rows of RESULTS.md.

Run ``python -m training.synthetic.trials [--config F] [--way NAME …]`` after ``train``. It prints a row for each way
and writes the cross-validated scores to ``trials/NAME.npy`` in the model's folder.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.synthetic.dataset import Clips, read_clips
from training.synthetic.doubtful import doubtful
from training.synthetic.figures import HEADER, row
from training.synthetic.judge import Floats, Plan, judged, learned
from training.synthetic.settings import settings_of
from training.synthetic.train import Way, held_out, valued

_PLAIN = Plan()


def by(plan: Plan) -> Way:
    """A judge with one hidden layer, fitted as the plan says."""
    return lambda told, clips, weights, asked: judged(learned(told, clips, weights, plan, seed=0), asked)


def linear(ridge: float) -> Way:
    """A logistic regression; `ridge` times the squared weights is added to the mean cross entropy."""

    def way(told: Floats, clips: Clips, weights: NDArray[np.float64], asked: Floats) -> NDArray[np.float64]:
        rows, share = told.reshape(-1, told.shape[2]), np.tile(weights / weights.mean(), len(told))
        regression = LogisticRegression(C=1.0 / (2.0 * ridge * len(rows)), max_iter=500)
        regression.fit(rows, np.tile(clips.spoof, len(told)), sample_weight=share)
        return np.stack([regression.decision_function(view) for view in asked])

    return way


def first_views(way: Way, count: int) -> Way:
    """The same way, fitted on the first views only."""
    return lambda told, clips, weights, asked: way(told[:count], clips, weights, asked)


WAYS: dict[str, Way] = {
    "linear": linear(7e-4),
    "plain": by(_PLAIN),
    "one view": first_views(by(_PLAIN), 1),
    "two views": first_views(by(_PLAIN), 2),
    "steps: 1200": by(replace(_PLAIN, steps=1200)),
    "steps: 3600": by(replace(_PLAIN, steps=3600)),
    "steps: 7200": by(replace(_PLAIN, steps=7200)),
    "mixup 0.2": by(replace(_PLAIN, mixed=0.2)),
    "telephone 1": by(replace(_PLAIN, telephone=1.0)),
    "telephone 10": by(replace(_PLAIN, telephone=10.0)),
    "noise 0.25": by(replace(_PLAIN, noise=0.25)),
    "width 512": by(replace(_PLAIN, width=512)),
    "smoothed 0.1": by(replace(_PLAIN, smoothed=0.1)),
    "members 4": by(replace(_PLAIN, members=4)),
    "teachers 4": by(replace(_PLAIN, teachers=4)),
    "without doubtful clips": by(_PLAIN),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS))
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("stream.toml"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEGUARD_DATA", "../shared/data")))
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = settings_of(options.config, options.data)
    plan = settings.config["train"]
    clips = read_clips(settings.work)
    _, values = valued(settings, len(clips.spoof))
    fold = clips.folds(plan["folds"], settings.seed)
    weights = clips.weights(plan["attack_share"])
    print(HEADER)
    for name in options.way:
        # A clip of weight zero is never drawn.
        used = np.where(doubtful(settings, clips), 0.0, weights) if name == "without doubtful clips" else weights
        scores = held_out(WAYS[name], values, clips, used, fold)
        (settings.made / "trials").mkdir(exist_ok=True)
        np.save(settings.made / "trials" / f"{name}.npy", scores)
        print(row(name, clips, scores, fold), flush=True)


if __name__ == "__main__":
    main()
