"""Step 4: write the integer layers and their judge as one ONNX file, and the metadata to model.json."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.synthetic.dataset import read_clips, window
from training.synthetic.judge import BOUND, Judge
from training.synthetic.model import FRAMES
from training.synthetic.prepare import prepared_hash
from training.synthetic.settings import Settings, read_settings, sha256_of
from training.synthetic.train import new_detector, texture_file
from voiceguard.detectors import synthetic
from voiceguard.detectors.features import SAMPLE_RATE_HZ
from voiceguard.measures import drift


def main() -> None:
    """Write ``models/<name>/model.onnx`` and ``model.json`` from ``detector.pt`` and ``calibration.json``."""
    settings = read_settings("export")
    model = new_detector(settings.config)
    model.load_state_dict(torch.load(settings.made / "detector.pt", weights_only=True))
    folder = Path("models") / settings.config["name"]
    folder.mkdir(parents=True, exist_ok=True)
    write_judged(texture_file(settings), folder / "model.onnx", model.judge)
    description = describe(settings, folder / "model.onnx", model.bands)
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    print(f"{(folder / 'model.onnx').stat().st_size / 1e6:.1f} MB, sha256 {description['sha256']}")


def write_judged(texture: Path, path: Path, judge: Judge) -> None:
    """Write the integer layers followed by the judge, whose hidden weights have 16 bits."""
    model = onnx.load(texture)
    (numbers,) = model.graph.output
    model.graph.initializer.extend(
        numpy_helper.from_array(values, f"judge.{name}") for name, values in _stored(judge).items()
    )
    model.graph.node.extend([
        helper.make_node("Sub", [numbers.name, "judge.mean"], ["judge.centred"]),
        helper.make_node("Mul", ["judge.centred", "judge.scale"], ["judge.scaled"]),
        helper.make_node("Clip", ["judge.scaled", "judge.least", "judge.most"], ["judge.inputs"]),
        helper.make_node("Cast", ["judge.hidden.half"], ["judge.hidden"], to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["judge.inputs", "judge.hidden", "judge.hidden.bias"], ["judge.sums"], transB=1),
        helper.make_node("Relu", ["judge.sums"], ["judge.units"]),
        helper.make_node("Gemm", ["judge.units", "judge.last", "judge.last.bias"], ["judged"], transB=1),
        helper.make_node("Squeeze", ["judged", "judge.axis"], ["score"]),
    ])
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"]))
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _stored(judge: Judge) -> dict[str, NDArray[Any]]:
    """The judge's weights as the file stores them."""
    weights = {name: tensor.detach().numpy() for name, tensor in judge.state_dict().items()}
    return {
        "mean": weights["mean"],
        "scale": weights["scale"],
        "least": np.float32(-BOUND),
        "most": np.float32(BOUND),
        "hidden.half": weights["hidden.weight"].astype(np.float16),
        "hidden.bias": weights["hidden.bias"],
        "last": weights["last.weight"],
        "last.bias": weights["last.bias"],
        "axis": np.array([1]),
    }


def reference(settings: Settings, count: int = 1000) -> dict[str, list[float]]:
    """Deciles of genuine speech of real telephone lines through mu-law: acoustic quantities and cross-validated scores.

    Sources weigh by the square root of their clips. Speech of other kinds, and lines drawn at random, would make every
    real line look like a drift.
    """
    clips = read_clips(settings.work)
    chances = clips.weights(settings.config["train"]["attack_share"]) * clips.is_telephone
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(len(chances), count, p=chances / chances.sum())
    known = {
        int(row): drift.describe(window(clips.audio(int(row)), "pcmu", [], rng)) for row in np.unique(chosen)
    }
    # The first view is plain mu-law.
    scores = np.load(settings.made / "held_out.npy")[0, chosen]
    names = next(iter(known.values()))
    return {
        "score": drift.deciles(scores),
        **{name: drift.deciles(np.array([known[row][name] for row in chosen.tolist()])) for name in names},
    }


def describe(settings: Settings, model_file: Path, bands: list[int]) -> dict[str, Any]:
    """The content of model.json: input, output, reference deciles, calibration, and hashes of the training data."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return {
        "name": settings.config["name"],
        "task": "synthetic_voice",
        "version": settings.config["version"],
        "sha256": sha256_of(model_file),
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "window_s": synthetic.WINDOW_S,
        "min_window_s": synthetic.MIN_WINDOW_S,
        "hop_s": settings.config["hop_s"],
        "frontend": settings.config["spectra"],
        "input": {"name": "spectra", "shape": ["batch", FRAMES, sum(bands)]},
        "output": {"name": "score", "polarity": "higher is synthetic"},
        "reference": reference(settings),
        "calibration": json.loads((settings.made / "calibration.json").read_text()),
        "training": {
            "seed": settings.seed,
            "data_sha256": {
                "train.csv": sha256_of(settings.data / "train.csv"),
                "noise.csv": sha256_of(settings.data / "noise.csv"),
                "prepare": prepared_hash(settings.work),
                "train": sha256_of(settings.made / "detector.pt"),
                "held_out": sha256_of(settings.made / "held_out.npy"),
                "calibrate": sha256_of(settings.made / "calibration.json"),
            },
            "commit": commit,
        },
    }


if __name__ == "__main__":
    main()
