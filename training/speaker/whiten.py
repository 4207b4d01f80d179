"""Step 2: fit a projection that reduces how much lines and moods move a person's embedding.

Labelled speakers are embedded over several lines and in other moods. Within-class covariance normalisation (Hatch et
al., Interspeech 2006) shortens the directions in which one person's embeddings scatter. Half of it is applied, and half
of the mean embedding is subtracted: in full, both help on the lines of the fit and harm other kinds of speech. The
calibration is fitted to cosines of projected embeddings. Writes ``models/speaker-campplus/model.onnx``, and its output
for the test signals.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from training.speaker.export import NAME, PLAIN, PROBES
from training.speaker.trials import Voice, voices
from voiceguard.detectors import speaker

RIDGE = 0.3
"""Ridge, as a share of the covariance's mean variance."""
SHARE = 0.5
"""Share of the full projection; the rest is the identity."""
MEAN_SHARE = 0.5
"""Share of the mean embedding that is subtracted."""
_PARITY_FILE = Path("tests/detectors/speaker_parity.json")


@dataclass(frozen=True)
class Projection:
    """A unit-length embedding minus `mean`, times `matrix`, is what is compared by its cosine."""

    mean: NDArray[np.float32]
    """(192,)."""
    matrix: NDArray[np.float32]
    """(192, 192)."""

    def __call__(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit-length embeddings (n, 192) of what the network gives (n, 192)."""
        return speaker.normalise((speaker.normalise(outputs) - self.mean) @ self.matrix)


def main() -> None:
    """Fit, write the model."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.whiten", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    arguments = parser.parse_args()
    projection = fit(voices(arguments.data, PLAIN))
    write_whitened(PLAIN, Path("models") / NAME / "model.onnx", projection)
    probes = projection(np.load(PLAIN.with_name("probes.npy")))
    rows = [
        {"seed": seed, "seconds": seconds, "embedding": [round(float(value), 3) for value in embedding]}
        for (seed, seconds), embedding in zip(PROBES, probes, strict=True)
    ]
    _PARITY_FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def fit(everybody: Sequence[Voice], without: str | None = None) -> Projection:
    """Fit the projection on all speakers and lines; `without`: a source that is left out."""
    kept = [voice for voice in everybody if voice.source != without]
    embeddings = speaker.normalise(np.concatenate([np.concatenate([one.windows, one.beginnings]) for one in kept]))
    embeddings = embeddings.astype(np.float64)
    named = np.concatenate([[f"{one.source}/{one.speaker}"] * 2 * len(one.windows) for one in kept])
    _, person = np.unique(named, return_inverse=True)
    count = np.bincount(person)
    means = np.stack([np.bincount(person, column) for column in embeddings.T], axis=1) / count[:, None]
    around = embeddings - means[person]
    within = around.T @ around / (len(person) - len(count))
    ridge = RIDGE * np.trace(within) / speaker.DIMENSION
    variance, directions = np.linalg.eigh(within)
    shorten = directions / np.sqrt(variance + ridge) @ directions.T
    shorten *= np.sqrt(speaker.DIMENSION) / np.linalg.norm(shorten)
    matrix = (1.0 - SHARE) * np.eye(speaker.DIMENSION) + SHARE * shorten
    mean = MEAN_SHARE * embeddings.mean(axis=0)
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


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


if __name__ == "__main__":
    main()
