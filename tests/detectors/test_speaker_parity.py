"""The shipped encoder against its papers and against the network as trained."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.detection.probes import probe
from voiceguard.detectors import speaker

MODEL = Path(__file__).parents[2] / "models" / "speaker-campplus"
PAPERS: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
TRAINED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("speaker_parity.json").read_text())


@pytest.fixture(scope="module")
def encoder() -> Any:
    """The shipped model as the service loads it."""
    return pytest.importorskip("voiceguard.adapters.models.onnx").load_model(MODEL)


def _embed(encoder: Any, windows: list[np.ndarray]) -> np.ndarray:
    return speaker.normalise(encoder.run(speaker.prepare(windows)))


def test_papers_name_this_file() -> None:
    """The hash in model.json is that of model.onnx."""
    assert hashlib.sha256((MODEL / "model.onnx").read_bytes()).hexdigest() == PAPERS["sha256"]


def test_papers_describe_this_front_end() -> None:
    """Windows, front end and calibration are the ones the code knows; a match speaks for one voice."""
    assert PAPERS["input"]["shape"][2] == speaker.prepare([probe(1, 2.0)]).shape[2]
    assert hasattr(speaker, PAPERS["frontend"])
    assert (PAPERS["window_s"], PAPERS["min_window_s"]) == (speaker.WINDOW_S, speaker.MIN_WINDOW_S)
    calibration = speaker.Calibration(**PAPERS["calibration"])
    alike, unlike = speaker.same_speaker_llr([0.9, 0.0], 6.0, 3.0, calibration)
    assert alike > 0 > unlike


def test_shipped_embeddings_are_those_of_the_trained_network(encoder: Any) -> None:
    """Integers turn the embedding of a buzz, which is no voice, by up to 17 degrees, of speech less."""
    shipped = _embed(encoder, [probe(int(row["seed"]), row["seconds"]) for row in TRAINED])
    trained = speaker.normalise([row["embedding"] for row in TRAINED])

    alike = shipped @ trained.T

    assert np.diag(alike).min() > 0.94
    assert (alike.argmax(axis=1) == np.arange(len(TRAINED))).all()


def test_an_embedding_does_not_depend_on_the_batch(encoder: Any) -> None:
    """Who else is on the line changes a voice by rounding at most."""
    windows = [probe(seed, 3.0) for seed in range(4)]

    together = _embed(encoder, windows)
    alone = np.concatenate([_embed(encoder, [window]) for window in windows])

    assert (together * alone).sum(axis=1).min() > 0.999


def test_gain_does_not_change_the_voice(encoder: Any) -> None:
    """A caller who is 26 dB quieter stays the same but for bands that sink below the floor of the logarithm."""
    loud = probe(9, 3.0)
    first, second = _embed(encoder, [loud, loud * np.float32(0.05)])

    assert float(speaker.cosine(first, second)) > 0.95
