"""Plots of the detection benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.detection.conditions import Recording
from benchmarks.detection.plots import draw, reliable
from benchmarks.detection.report import gather


def test_calibrated_scores_lie_on_the_diagonal() -> None:
    """Scores of two normal classes whose log-likelihood ratio is the score itself, any number of each."""
    rng = np.random.default_rng(2)
    posterior, share = reliable(rng.normal(1.0, np.sqrt(2.0), 4_000), rng.normal(-1.0, np.sqrt(2.0), 40_000))

    np.testing.assert_allclose(posterior, share, atol=0.03)
    assert 10 == len(share)


def test_equal_scores_share_a_bin() -> None:
    """Two values make two bins: 1 of 2 spoofs and 1 of 4 genuine above, so 2 in 3 there are spoofs."""
    _, share = reliable([1.0, -1.0], [1.0, -1.0, -1.0, -1.0])

    np.testing.assert_allclose([0.5 / 1.25, 0.5 / 0.75], share)


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    """Both detectors are named in both pictures, and nothing in the files hangs on the day."""
    recordings = [
        Recording(("clip",), label, "tts", "new", "", "page", "", False, 4.0)
        for label in ("spoof", "bonafide") for _ in range(20)
    ]
    llr = np.random.default_rng(1).standard_normal(40)
    for folder in ("once", "again"):
        draw({"one@1": gather(recordings, llr), "two@2": gather(recordings, -llr)}, tmp_path / folder)

    for name in ("det.svg", "reliability.svg"):
        picture = (tmp_path / "once" / name).read_text()
        assert picture == (tmp_path / "again" / name).read_text()
        assert "one@1" in picture and "two@2" in picture
