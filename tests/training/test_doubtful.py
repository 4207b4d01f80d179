"""Labels that cross-validated scores contradict."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.synthetic.dataset import Clips
from training.synthetic.doubtful import doubtful
from training.synthetic.settings import Settings


def test_doubtful_labels_are_those_that_the_mean_of_two_views_contradicts(tmp_path: Path) -> None:
    """Mean log-odds of 5 against a genuine label, or -5 against a synthetic one, make it doubtful."""
    spoof = np.array([False, False, False, True, True])
    names = np.full(5, "")
    clips = Clips([], spoof, names, names, names, names, names, np.full(5, -1))
    hard_line = np.zeros(5)
    np.save(tmp_path / "held_out.npy", np.array([[5.0, 5.0, -5.0, -5.0, 5.0], [5.0, -1.0, -5.0, -5.0, 5.0], hard_line]))

    assert [True, False, False, True, False] == doubtful(Settings({}, tmp_path, tmp_path, tmp_path), clips).tolist()
