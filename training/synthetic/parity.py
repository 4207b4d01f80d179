"""Step 5: compare the shipped file's scores with the trained network's. Exits 1 when the file is clearly worse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from benchmarks.detection.probes import probe
from training.synthetic.dataset import read_clips, window
from training.synthetic.model import Detector
from training.synthetic.settings import read_settings
from training.synthetic.train import new_detector
from voiceguard.detectors.synthetic import prepare
from voiceguard.measures.metrics import eer

_CLIPS = 600
# The error rate of 600 clips varies by a whole point by chance; integers may cost half of that.
_EER_TOLERANCE = 0.005


def main() -> None:
    """Compare PyTorch in float32 with the ONNX file on prepared clips; keep scores of probes for the test suite."""
    settings = read_settings("parity")
    torch.set_num_threads(1)
    model = new_detector(settings.config)
    model.load_state_dict(torch.load(settings.made / "detector.pt", weights_only=True))
    clips = read_clips(settings.work)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(len(clips.spoof), _CLIPS, replace=False)
    windows = [window(clips.audio(int(row)), "pcmu", [], rng) for row in chosen]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(Path("models") / settings.config["name"] / "model.onnx", options)
    spectra = settings.config["spectra"]
    trained = scores(model, windows, spectra)
    shipped = np.concatenate([session.run(None, {"spectra": prepare([heard], spectra)})[0] for heard in windows])
    spoof = clips.spoof[chosen]
    rates = {name: eer(s[spoof], s[~spoof]) for name, s in (("trained", trained), ("shipped", shipped))}
    difference = float(np.abs(trained - shipped).mean() / trained.std())
    print(json.dumps({**rates, "mean_difference_in_deviations": difference}))
    probes = [{"seed": seed, "seconds": 2.0 + seed % 3} for seed in range(6)]
    heard = scores(model, [probe(int(row["seed"]), row["seconds"]) for row in probes], spectra)
    rows = [{**row, "score": round(float(score), 4)} for row, score in zip(probes, heard, strict=True)]
    Path(f"tests/detectors/{settings.config['name']}.parity.json").write_text(json.dumps(rows, indent=1) + "\n")
    if rates["shipped"] > rates["trained"] + _EER_TOLERANCE:
        sys.exit("the shipped file is worse than the trained network")


def scores(model: Detector, windows: list[NDArray[np.float32]], spectra: list[str]) -> NDArray[np.float32]:
    """Raw scores (windows,) of the network in float32."""
    with torch.inference_mode():
        return np.concatenate([model(torch.from_numpy(prepare([heard], spectra))).numpy() for heard in windows])


if __name__ == "__main__":
    main()
