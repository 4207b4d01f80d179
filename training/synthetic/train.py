"""Step 2: embed every clip in every view, score each page by a fit that never saw it, then fit on all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from training.synthetic.dataset import Clips, read_clips, read_noises, window
from training.synthetic.model import Detector
from training.synthetic.settings import Settings, read_settings
from training.synthetic.whisper_weights import load_encoder, read_ctranslate2
from voiceguard.analysis.metrics import eer
from voiceguard.detectors.synthetic import prepare

Embeddings = NDArray[np.float32]
_BATCH = 32


def main() -> None:
    """Write ``embeddings-<view>.npy``, ``held_out.npy`` (views, clips), ``detector.pt``; keep the views that exist."""
    settings = read_settings("train")
    torch.set_num_threads(1)
    plan = settings.config["train"]
    model = new_detector(settings.config)
    clips = read_clips(settings.work)
    views = np.stack([embeddings(settings, model, clips, view) for view in plan["views"]])
    weights, fold = clips.weights(plan["attack_share"]), clips.folds(plan["folds"], settings.seed)
    held_out = np.zeros(views.shape[:2])
    for index in range(plan["folds"]):
        known = fold != index
        head = fit(views[:, known], clips.spoof[known], weights[known], plan, settings.seed)
        with torch.inference_mode():
            held_out[:, ~known] = head(torch.from_numpy(views[:, ~known])).squeeze(2).numpy()
    np.save(settings.work / "held_out.npy", held_out)
    print(
        json.dumps({view: rates(clips, score) for view, score in zip(plan["views"], held_out, strict=True)}, indent=1)
    )
    model.head = fit(views, clips.spoof, weights, plan, settings.seed)
    torch.save(model.state_dict(), settings.work / "detector.pt")


def new_detector(config: dict[str, Any]) -> Detector:
    """The network with Whisper's weights and an opinion still to be fitted."""
    model = Detector(config["whisper"]["layers"], config["train"]["hidden"])
    load_encoder(model.whisper, read_ctranslate2(Path(config["whisper"]["file"]), config["whisper"]["sha256"]))
    return model.eval()


def embeddings(settings: Settings, model: Detector, clips: Clips, view: str) -> Embeddings:
    """Embeddings (clips, size) in one view, from disk where they were made before."""
    path = settings.work / f"embeddings-{view}.npy"
    if not path.exists():
        noises = read_noises(settings.work)
        number = settings.config["train"]["views"].index(view)
        parts = []
        for start in range(0, len(clips.spoof), _BATCH):
            rows = range(start, min(start + _BATCH, len(clips.spoof)))
            # A generator of its own per clip and view: the order of work does not matter.
            heard = [
                window(clips.audio(row), view, noises, np.random.default_rng([settings.seed, number, row]))
                for row in rows
            ]
            with torch.inference_mode():
                parts.append(model.whisper(torch.from_numpy(prepare(heard))).numpy())
        np.save(path, np.concatenate(parts))
        print(f"{view} embedded", flush=True)
    return np.asarray(np.load(path), dtype=np.float32)


def fit(
    views: Embeddings, spoof: NDArray[np.bool_], weights: NDArray[np.float64], plan: dict[str, Any], seed: int
) -> nn.Sequential:
    """A head fitted to embeddings (views, clips, size): weighted cross entropy, dropout before both layers, AdamW."""
    torch.manual_seed(seed)
    rows = views.reshape(-1, views.shape[-1])
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    inputs = torch.from_numpy((rows - mean) / deviation)
    smooth = plan["label_smoothing"]
    targets = torch.from_numpy(np.tile(spoof * (1 - smooth) + smooth / 2, len(views)).astype(np.float32))
    share = torch.from_numpy(np.tile(weights / weights.mean(), len(views)).astype(np.float32))
    first, last = nn.Linear(rows.shape[1], plan["hidden"]), nn.Linear(plan["hidden"], 1)
    head = nn.Sequential(nn.Dropout(plan["dropout"]), first, nn.ReLU(), nn.Dropout(plan["dropout"]), last)
    optimiser = torch.optim.AdamW(head.parameters(), lr=plan["rate"], weight_decay=plan["weight_decay"])
    for epoch in range(plan["epochs"]):
        optimiser.param_groups[0]["lr"] = plan["rate"] * (1 - epoch / plan["epochs"])
        for batch in torch.split(torch.randperm(len(inputs)), plan["batch"]):
            scores = head(inputs[batch]).squeeze(1)
            loss = functional.binary_cross_entropy_with_logits(scores, targets[batch], weight=share[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    # The first layer takes the standardisation in, so that the network needs no step for it.
    with torch.no_grad():
        first.weight.div_(torch.from_numpy(deviation))
        first.bias.sub_(first.weight @ torch.from_numpy(mean))
    return nn.Sequential(first, nn.ReLU(), last).eval()


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
