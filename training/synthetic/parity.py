"""Step 5: does the shipped file say what the trained network says? Exits 1 when it does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from benchmarks.detection.probes import probe
from training.synthetic.dataset import read_noises
from training.synthetic.settings import read_settings
from training.synthetic.train import new_detector, raw_scores, validation_windows
from voiceguard.analysis.metrics import eer
from voiceguard.detectors.synthetic import prepare

# An error rate on some 600 held-out clips moves by a whole point by chance; int8 may cost half of that.
_EER_TOLERANCE = 0.005


def main() -> None:
    """Compare PyTorch in float32 with the ONNX file on held-out sources; keep scores of probes for the test suite."""
    settings = read_settings("parity")
    torch.set_num_threads(1)
    model = new_detector(settings.config)
    model.load_state_dict(torch.load(settings.work / "detector.pt", weights_only=True))
    windows, labels = validation_windows(settings, read_noises(settings.work))
    trained = raw_scores(model, windows)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(Path("models") / settings.config["name"] / "model.onnx", options)
    shipped = np.concatenate([session.run(None, {"log_mel": prepare([window])})[0] for window in windows])
    rates = {name: eer(s[labels == 1], s[labels == 0]) for name, s in (("trained", trained), ("shipped", shipped))}
    difference = float(np.abs(trained - shipped).mean() / trained.std())
    print(json.dumps({**rates, "mean_difference_in_deviations": difference}))
    probes = [{"seed": seed, "seconds": 2.0 + seed % 3} for seed in range(6)]
    scores = raw_scores(model, [probe(int(row["seed"]), row["seconds"]) for row in probes])
    rows = [{**row, "score": round(float(score), 4)} for row, score in zip(probes, scores, strict=True)]
    Path("tests/detectors/synthetic_parity.json").write_text(json.dumps(rows, indent=1) + "\n")
    if rates["shipped"] > rates["trained"] + _EER_TOLERANCE:
        sys.exit("the shipped file is worse than the trained network")


if __name__ == "__main__":
    main()
