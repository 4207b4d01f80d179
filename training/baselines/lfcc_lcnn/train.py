"""Step 1: compute the coefficients of every clip in every view, then train the network; fold 0 is held out."""

from __future__ import annotations

import argparse
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.detection.lfcc import BANDS, FRAMES, prepare
from training.baselines.lfcc_lcnn.network import Lcnn
from training.synthetic.dataset import Clips, read_clips, read_noises, window
from training.synthetic.figures import rates

Views = list[NDArray[np.float16]]
"""Coefficients of each view, (clips, 399, 60)."""

_HALF = torch.autocast("cpu", torch.bfloat16)
"""Twice as fast on processors with bfloat16; weights and stored scores are float32."""


def main() -> None:
    """Write ``lfcc-<view>.npy``, ``checkpoint.pt``, ``log.jsonl``, ``detector.pt`` and ``held_out_fold0.npy``.

    Goes on from the views and the checkpoint that exist. The last file holds raw scores of the clips of fold 0 in their
    order, through mu-law and through a random line: shape (2, clips).
    """
    config = read_config("train")
    torch.set_num_threads(1)
    clips, work = read_clips(Path(config["clips"])), Path(config["work"])
    work.mkdir(parents=True, exist_ok=True)
    views = [coefficients(config, clips, number) for number in range(len(config["train"]["views"]))]
    fit(config, clips, views)
    model = Lcnn(0.0)
    model.load_state_dict(torch.load(work / "detector.pt", weights_only=True))
    rows = np.flatnonzero(held_out(config, clips))
    np.save(work / "held_out_fold0.npy", np.stack([scores(model, view, rows) for view in views[:2]]))


def read_config(step: str) -> dict[str, Any]:
    """The file named by ``--config`` on the command line of a step."""
    parser = argparse.ArgumentParser(prog=f"python -m training.baselines.lfcc_lcnn.{step}")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    return tomllib.loads(parser.parse_args().config.read_text())


def held_out(config: dict[str, Any], clips: Clips) -> NDArray[np.bool_]:
    """Whether each clip lies in fold 0, which is not learned from."""
    return np.asarray(clips.folds(config["train"]["folds"], config["seed"]) == 0)


def coefficients(config: dict[str, Any], clips: Clips, number: int) -> NDArray[np.float16]:
    """Coefficients of every clip in one view, read from ``lfcc-<number>.npy``, which is written when it is missing."""
    path = Path(config["work"]) / f"lfcc-{number}.npy"
    if not path.exists():
        view, noises = config["train"]["views"][number], read_noises(Path(config["clips"]))
        partial = path.with_suffix(".partial")
        out = open_memmap(partial, "w+", np.float16, (len(clips.spoof), FRAMES, BANDS))
        for row in range(len(out)):
            rng = np.random.default_rng([config["seed"], number, row])
            out[row] = prepare([window(clips.audio(row), view, noises, rng)])[0]
        out.flush()
        partial.rename(path)
        print(f"view {number} ({view}) is ready", flush=True)
    return np.asarray(np.load(path, mmap_mode="r"))


def fit(config: dict[str, Any], clips: Clips, views: Views) -> None:
    """Train to the last epoch; keep in ``detector.pt`` the epoch with the least EER for attacks through mu-law."""
    plan, work = config["train"], Path(config["work"])
    unseen = held_out(config, clips)
    weights = np.where(unseen, 0.0, clips.weights(plan["attack_share"]))
    rows = np.flatnonzero(unseen)
    judged, fold = clips.only(rows), np.zeros(len(rows), dtype=np.intp)
    torch.manual_seed(config["seed"])
    model = Lcnn(plan["dropout"]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan["rate"], weight_decay=plan["weight_decay"])
    log: list[dict[str, float]] = []
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        log = state["log"]
    for epoch in range(len(log), plan["epochs"]):
        loss = run_epoch(model, optimiser, views, clips.spoof, weights / weights.sum(), plan, config["seed"], epoch)
        with _HALF:
            found = rates(judged, scores(model, views[0], rows), fold)
        log.append({"epoch": epoch, "loss": round(loss, 4), **found})
        print(json.dumps(log[-1]), flush=True)
        if found["attacks"] == min(entry["attacks"] for entry in log):
            torch.save(model.state_dict(), work / "detector.pt")
        torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "log": log}, checkpoint)
    (work / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))


def run_epoch(
    model: Lcnn,
    optimiser: torch.optim.Optimizer,
    views: Views,
    spoof: NDArray[np.bool_],
    weights: NDArray[np.float64],
    plan: dict[str, Any],
    seed: int,
    epoch: int,
) -> float:
    """One epoch of clips drawn by weight, each in a random view and cropped at random; the mean cross entropy, nats."""
    # A generator of its own per epoch: a run that was stopped goes on as if it had not been.
    rng = np.random.default_rng([seed, epoch])
    torch.manual_seed(seed + epoch)
    model.train()
    batches = plan["windows_per_epoch"] // plan["batch"]
    losses = []
    for batch in range(batches):
        for group in optimiser.param_groups:
            group["lr"] = plan["rate"] / 2 * (1 + math.cos(math.pi * (epoch + batch / batches) / plan["epochs"]))
        rows = rng.choice(len(spoof), plan["batch"], p=weights)
        inputs = torch.from_numpy(np.stack([_crop(views, row, plan["crop_frames"], rng) for row in rows]))
        with _HALF:
            raw = model(inputs)
        loss = functional.binary_cross_entropy_with_logits(raw.float(), torch.from_numpy(spoof[rows]).float())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def scores(model: Lcnn, view: NDArray[np.float16], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Raw scores of whole windows, one a row."""
    model.eval()
    with torch.inference_mode():
        parts = [model(torch.from_numpy(view[part].astype(np.float32))) for part in np.array_split(rows, 64)]
    return torch.cat(parts).double().numpy()


def _crop(views: Views, row: int, frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    start = int(rng.integers(FRAMES - frames + 1))
    return views[rng.integers(len(views))][row, start : start + frames].astype(np.float32)


if __name__ == "__main__":
    main()
