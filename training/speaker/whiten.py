"""Step 2: what moves one voice about on the telephone is taken out of the embedding, at no cost.

Every genuine clip of the training set is heard through mu-law, through two random lines and in two other moods. What
differs between embeddings of one speaker, who may have several clips, or of one clip is nuisance; its directions are
made short ("within-class covariance normalisation", Hatch et al., Interspeech 2006), and the cosine of what is left is
what the calibration sees. Writes ``models/speaker-campplus/model.onnx``, and what it gives for the probes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import onnx
import soundfile
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from benchmarks.detection.scoring import net_speech
from training.speaker.corpus import SOURCES, read_noises
from training.speaker.export import NAME, PLAIN, PROBES
from training.speaker.moods import in_another_mood
from training.synthetic.channels import g711, through_line
from voiceguard.adapters.onnx_models import open_session
from voiceguard.detectors import speaker

VIEWS = ("pcmu", "line-1", "line-2", "mood-1", "mood-2")
RIDGE = 0.3
"""Of the covariance's mean variance, added to every direction: those that training hardly shows are not trusted."""
_SEED = 20261124
_PARITY_FILE = Path("tests/detectors/speaker_parity.json")


@dataclass(frozen=True)
class Projection:
    """An embedding minus `mean`, times `matrix`, is what is compared by its cosine."""

    mean: NDArray[np.float32]
    """(192,)."""
    matrix: NDArray[np.float32]
    """(192, 192)."""

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit-length embeddings (n, 192) of unit-length embeddings (n, 192)."""
        return speaker.normalise((embeddings - self.mean) @ self.matrix)


def main() -> None:
    """Hear, fit, write the model."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.whiten", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    arguments = parser.parse_args()
    projection = fit(heard(arguments.data))
    write_whitened(PLAIN, Path("models") / NAME / "model.onnx", projection)
    probes = projection(np.load(PLAIN.with_name("probes.npy")))
    rows = [
        {"seed": seed, "seconds": seconds, "embedding": [round(float(value), 3) for value in embedding]}
        for (seed, seconds), embedding in zip(PROBES, probes, strict=True)
    ]
    _PARITY_FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def heard(data: Path) -> Path:
    """Embeddings of all genuine training clips in all views, as ``heard.npz`` beside the plain model; kept when it is
    there."""
    path = PLAIN.with_name("heard.npz")
    if path.is_file():
        return path
    with (data / "train.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    with Pool(initializer=_open, initargs=(data,)) as pool:
        found = pool.map(partial(_hear, data), list(enumerate(row["path"] for row in rows)), chunksize=16)
    groups, sources, embeddings = [], [], []
    for place, (row, clip) in enumerate(zip(rows, found, strict=True)):
        # Where labels are people, their clips belong together; elsewhere a clip is nobody but itself.
        named = row["source"] in SOURCES and row["speaker"]
        groups += [f"{row['source']}/{row['speaker']}" if named else f"clip {place}"] * len(clip)
        sources += [row["source"]] * len(clip)
        embeddings += list(clip)
    np.savez(path, group=groups, source=sources, embedding=np.array(embeddings, np.float32))
    return path


def fit(path: Path, without: str | None = None) -> Projection:
    """The projection that ``heard.npz`` gives, less one source of it."""
    with np.load(path) as file:
        kept = file["source"] != (without or "")
        groups, embeddings = file["group"][kept], file["embedding"][kept].astype(np.float64)
    of: dict[str, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        of[group].append(place)
    scatter, freedom = np.zeros((speaker.DIMENSION, speaker.DIMENSION)), 0
    for places in of.values():
        around = embeddings[places] - embeddings[places].mean(axis=0)
        scatter += around.T @ around
        freedom += len(places) - 1
    within = scatter / freedom
    ridge = RIDGE * np.trace(within) / speaker.DIMENSION
    variance, directions = np.linalg.eigh(within)
    matrix = directions / np.sqrt(variance + ridge)
    # Brought to a size at which float32 and a reader are at ease; the cosine does not see it.
    matrix *= np.sqrt(speaker.DIMENSION) / np.linalg.norm(matrix)
    return Projection(embeddings.mean(axis=0).astype(np.float32), matrix.astype(np.float32))


def write_whitened(plain: Path, path: Path, projection: Projection) -> None:
    """The plain model with the projection as its last two layers."""
    model = onnx.load(plain)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["raw" if name == output.name else name for name in node.output]
    matrix = projection.matrix.astype(np.float64)
    shift = (-projection.mean.astype(np.float64) @ matrix).astype(np.float32)
    model.graph.initializer.extend([
        numpy_helper.from_array(projection.matrix, "whiten.matrix"), numpy_helper.from_array(shift, "whiten.shift"),
    ])
    model.graph.node.extend([
        helper.make_node("LpNormalization", ["raw"], ["direction"], axis=-1, p=2),
        helper.make_node("Gemm", ["direction", "whiten.matrix", "whiten.shift"], [output.name]),
    ])
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _open(data: Path) -> None:
    global _session, _noises
    _session, _noises = open_session(PLAIN.read_bytes()), read_noises(data)


def _hear(data: Path, clip: tuple[int, str]) -> list[NDArray[np.float32]]:
    """The first and, in longer clips, the last 3 s of net speech in each view."""
    place, path = clip
    samples, _ = soundfile.read(data / path, dtype="float32")
    windows = []
    for number, view in enumerate(VIEWS):
        rng = np.random.default_rng([_SEED, place, number])
        if view.startswith("line"):
            spoken = through_line(samples, _noises, rng)
        else:
            spoken = g711(in_another_mood(samples, rng) if view.startswith("mood") else samples, "ULAW")
        net = net_speech(spoken)
        if len(net) >= speaker.MIN_WINDOW_SAMPLES:
            windows.append(net[: speaker.WINDOW_SAMPLES])
        if len(net) > speaker.WINDOW_SAMPLES * 7 // 6:
            windows.append(net[-speaker.WINDOW_SAMPLES :])
    # One window a run: what the network gives must not hang on its neighbours.
    outputs = [_session.run(None, {"log_mel": speaker.prepare([window])})[0][0] for window in windows]
    return list(speaker.normalise(outputs)) if outputs else []


if __name__ == "__main__":
    main()
