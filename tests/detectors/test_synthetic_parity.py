"""The shipped model file against its papers and against the scores of the trained network."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.detection.probes import probe
from voiceguard.detectors import features, synthetic

MODEL = Path(__file__).parents[2] / "models" / "synthetic-stream"
PAPERS: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
TRAINED: list[dict[str, float]] = json.loads(Path(__file__).with_name("synthetic_parity.json").read_text())


@pytest.fixture(scope="module")
def session() -> Any:
    """The shipped model, one thread."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(MODEL / "model.onnx", options, providers=["CPUExecutionProvider"])


def _run(session: Any, windows: list[np.ndarray]) -> np.ndarray:
    return np.asarray(session.run(None, {PAPERS["input"]["name"]: synthetic.prepare(windows)})[0]).reshape(-1)


def test_papers_name_this_file() -> None:
    """The hash in model.json is that of model.onnx."""
    assert hashlib.sha256((MODEL / "model.onnx").read_bytes()).hexdigest() == PAPERS["sha256"]


def test_papers_describe_this_front_end() -> None:
    """Windows, front end and calibration are the ones the code knows."""
    assert PAPERS["input"]["shape"][1:] == list(synthetic.prepare([probe(1, 2.0)]).shape[1:])
    assert hasattr(features, PAPERS["frontend"])
    assert (PAPERS["window_s"], PAPERS["min_window_s"]) == (synthetic.WINDOW_S, synthetic.MIN_WINDOW_S)
    assert synthetic.Calibration(**PAPERS["calibration"]).scale > 0


def test_shipped_scores_are_those_of_the_trained_network(session: Any) -> None:
    """Eight-bit matrices move a raw score by a small part of its spread, which is about 2 over clips."""
    windows = [probe(int(row["seed"]), row["seconds"]) for row in TRAINED]

    assert _run(session, windows) == pytest.approx([row["score"] for row in TRAINED], abs=0.5)


def test_a_score_does_not_depend_on_the_batch(session: Any) -> None:
    """Who else is on the line changes what is said of a caller by rounding at most."""
    windows = [probe(seed, 4.0) for seed in range(5)]

    together = _run(session, windows)
    alone = np.concatenate([_run(session, [window]) for window in windows])

    assert together == pytest.approx(alone, abs=0.02)
    assert len(set(alone.round(4))) == len(windows)


def test_gain_does_not_move_the_score(session: Any) -> None:
    """A quiet caller gets the same score as a loud one."""
    loud = probe(9, 4.0)

    assert _run(session, [loud * np.float32(0.05)]) == pytest.approx(_run(session, [loud]), abs=0.02)
