"""Step 2: calibrate on fold 0, write the network as float32 ONNX and the metadata to model.json."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from benchmarks.detection.lfcc import BANDS, FRAMES
from training.baselines.lfcc_lcnn.network import Lcnn
from training.baselines.lfcc_lcnn.train import held_out, read_config
from training.synthetic.calibrate import evidence_limit, fit_affine
from training.synthetic.dataset import Clips, read_clips
from training.synthetic.prepare import prepared_hash
from training.synthetic.settings import sha256_of
from voiceguard.detectors import synthetic
from voiceguard.detectors.features import SAMPLE_RATE_HZ
from voiceguard.measures import metrics

_OPSET = 18
_FOLDER = Path("benchmarks/detection/baselines")


def main() -> None:
    """Write ``benchmarks/detection/baselines/<name>/model.onnx`` and ``model.json``."""
    config = read_config("export")
    work, folder = Path(config["work"]), _FOLDER / config["name"]
    folder.mkdir(parents=True, exist_ok=True)
    calibration = calibrate(config, read_clips(Path(config["clips"])))
    model = Lcnn(0.0)
    model.load_state_dict(torch.load(work / "detector.pt", weights_only=True))
    write(model, folder / "model.onnx")
    description = describe(config, folder / "model.onnx", calibration)
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    print(f"{(folder / 'model.onnx').stat().st_size / 1e6:.2f} MB, sha256 {description['sha256']}")


def calibrate(config: dict[str, Any], clips: Clips) -> dict[str, float]:
    """Scale, offset and limit from the held-out scores of attacks and genuine speech, as for the shipped detector."""
    unseen = held_out(config, clips)
    spoof, page = clips.spoof[unseen], clips.page[unseen]
    attack = clips.is_attack[unseen]
    rows = ~spoof | attack
    held = np.load(Path(config["work"]) / "held_out_fold0.npy")[:, rows]
    labels = np.tile(spoof[rows], len(held))
    weights = np.tile(clips.weights(1.0)[unseen][rows], len(held))
    # Fold 0 is a sample of its own: its classes weigh the same within it.
    for label in (False, True):
        weights[labels == label] /= weights[labels == label].sum()
    scale, offset = fit_affine(held.reshape(-1), labels, weights)
    limit = evidence_limit(len(np.unique(page[attack])), len(np.unique(page[~spoof])))
    evidence = np.clip(scale * held.reshape(-1) + offset, -limit, limit)
    calibration = {"scale": round(scale, 4), "offset": round(offset, 4), "limit": round(limit, 4)}
    print(calibration, f"Cllr {metrics.cllr(evidence[labels], evidence[~labels]):.3f}")
    return calibration


def write(model: Lcnn, path: Path) -> None:
    """Write the network in float32 with a dynamic batch axis."""
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, FRAMES, BANDS),),
        str(path),
        input_names=["lfcc"],
        output_names=["score"],
        dynamic_axes={"lfcc": {0: "batch"}, "score": {0: "batch"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))


def describe(config: dict[str, Any], model_file: Path, calibration: dict[str, float]) -> dict[str, Any]:
    """The content of model.json, with the fields of the shipped detector's."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    work = Path(config["work"])
    return {
        "name": config["name"],
        "task": "synthetic_voice",
        "version": config["version"],
        "sha256": sha256_of(model_file),
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "window_s": synthetic.WINDOW_S,
        "min_window_s": synthetic.MIN_WINDOW_S,
        "hop_s": 1.0,
        "frontend": "lfcc",
        "input": {"name": "lfcc", "shape": ["batch", FRAMES, BANDS]},
        "output": {"name": "score", "polarity": "higher is synthetic"},
        "calibration": calibration,
        "training": {
            "seed": config["seed"],
            "data_sha256": {
                "prepare": prepared_hash(Path(config["clips"])),
                "train": sha256_of(work / "detector.pt"),
                "held_out": sha256_of(work / "held_out_fold0.npy"),
            },
            "commit": commit,
        },
    }


if __name__ == "__main__":
    main()
