"""Plots of the detection benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.detection.conditions import Recording
from benchmarks.detection.plots import draw
from benchmarks.detection.report import gather


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    """Both detectors are named in both pictures, and nothing in the files hangs on the day."""
    recordings = [
        Recording(("clip",), label, "tts", "new", "", "page", "", False, 4.0)
        for label in ("spoof", "bonafide") for _ in range(20)
    ]
    llr = np.random.default_rng(1).standard_normal(40)
    for folder in ("once", "again"):
        one, two = gather(recordings, llr.tolist()), gather(recordings, (-llr).tolist())
        draw({"one@1": one, "two@2": two}, tmp_path / folder)

    for name in ("det.svg", "reliability.svg"):
        picture = (tmp_path / "once" / name).read_text()
        assert picture == (tmp_path / "again" / name).read_text()
        assert "one@1" in picture and "two@2" in picture
