"""The shipped model files against their papers and against the scores of the trained networks."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.probes import probe
from voiceguard.adapters.models.onnx import Model, load_model
from voiceguard.detectors import synthetic
from voiceguard.measures.drift import describe

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module", params=["synthetic-stream", "synthetic-verify"])
def shipped(request: pytest.FixtureRequest) -> Model:
    """One of the two models."""
    return load_model(MODELS / request.param)


def _run(shipped: Model, windows: list[np.ndarray]) -> np.ndarray:
    return shipped.run(synthetic.prepare(windows, shipped.card["frontend"])).reshape(-1)


def test_papers_describe_this_front_end(shipped: Model) -> None:
    """Windows, front end and calibration are the ones the code knows."""
    papers = shipped.card
    assert papers["input"]["shape"][1:] == list(synthetic.prepare([probe(1, 2.0)], papers["frontend"]).shape[1:])
    assert (papers["window_s"], papers["min_window_s"]) == (synthetic.WINDOW_S, synthetic.MIN_WINDOW_S)
    assert synthetic.Calibration(**papers["calibration"]).scale > 0


def test_papers_say_what_the_model_knows(shipped: Model) -> None:
    """Nine ascending deciles of every quantity that windows are described by, and of the score."""
    reference = shipped.card["reference"]
    assert {"score", *describe(probe(1, 2.0))} == reference.keys()
    for edges in reference.values():
        assert (9, sorted(set(edges))) == (len(edges), edges)


def test_shipped_scores_are_those_of_the_trained_network(shipped: Model) -> None:
    """Eight bits move a raw score by less than a quarter of the range of genuine speech (its inner eight tenths), even
    on sounds that are no speech."""
    lowest, *_, highest = shipped.card["reference"]["score"]
    trained = json.loads(Path(__file__).with_name(f"{shipped.card['name']}.parity.json").read_text())
    windows = [probe(int(row["seed"]), row["seconds"]) for row in trained]

    assert _run(shipped, windows) == pytest.approx([row["score"] for row in trained], abs=(highest - lowest) / 4)


def test_a_score_does_not_depend_on_the_batch(shipped: Model) -> None:
    """Who else is on the line changes what is said of a caller by rounding at most."""
    windows = [probe(seed, 4.0) for seed in range(5)]

    together = _run(shipped, windows)
    alone = np.concatenate([_run(shipped, [window]) for window in windows])

    assert together == pytest.approx(alone, abs=0.02)
    assert len(set(alone.round(4))) == len(windows)


def test_gain_does_not_move_the_score(shipped: Model) -> None:
    """A quiet caller gets the same score as a loud one."""
    loud = probe(9, 4.0)

    assert _run(shipped, [loud * np.float32(0.05)]) == pytest.approx(_run(shipped, [loud]), abs=0.02)
