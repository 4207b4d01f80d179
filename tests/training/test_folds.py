"""Held-out folds: pages and people of a score were never learned from."""

import numpy as np

from training.synthetic.dataset import Clips


def _clips(pages: list[str], speakers: list[str]) -> Clips:
    names = np.array(pages)
    return Clips(
        [np.zeros(8, np.int16)] * len(names), np.arange(len(names)) % 2 == 1, names, names,
        np.full(len(names), "system"), np.full(len(names), "phone"), np.array(speakers), np.full(len(names), -1),
    )  # fmt: skip


def test_pages_that_share_a_named_speaker_go_together() -> None:
    """However a page writes the name; and unknown speakers tie nothing."""
    clips = _clips(["a", "a", "b", "c", "d", "e"], ["VCTK_p225", "", "vctk-p225", "", "", ""])

    fold = clips.folds(4, 1)

    assert fold[0] == fold[1] == fold[2]
    assert len(set(fold[[0, 3, 4, 5]])) == 4


def test_telephone_weighs_more_among_genuine_speech_alone() -> None:
    """The classes keep their sums."""
    clips = _clips(["a", "b", "loud1990/atc-audio-benchmark", "c"], [""] * 4)

    weights = clips.weighed(np.full(4, 0.25), 3.0)

    assert weights.tolist() == [0.375, 0.25, 0.125, 0.25]
