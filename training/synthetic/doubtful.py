"""Clips whose labels are doubtful: cross-validated scores contradict them strongly. Nobody listened to the corpus.

``python -m training.synthetic.doubtful [--config F]`` after ``train`` prints label, source, system and path of each.
"""

from __future__ import annotations

import csv

import numpy as np
from numpy.typing import NDArray

from training.synthetic.dataset import Clips, read_clips
from training.synthetic.settings import Settings, read_settings

LEAST_LOSS = 4.0
"""Cross entropy from which a label is doubtful, nats: the scores give it a probability of at most 0.018."""


def main() -> None:
    """Print the doubtful clips of the corpus, by label and source."""
    settings = read_settings("doubtful")
    with (settings.data / "train.csv").open(newline="") as file:
        # The prepared clips begin with those of train.csv, in its order.
        corpus = list(csv.DictReader(file))
    found = [corpus[place] for place in np.flatnonzero(doubtful(settings, read_clips(settings.work))[: len(corpus)])]
    for row in sorted(found, key=lambda row: (row["label"], row["source"], row["system"])):
        print(*(row[name] or "-" for name in ("label", "source", "system", "path")))


def doubtful(settings: Settings, clips: Clips) -> NDArray[np.bool_]:
    """Whether each clip's label is doubtful, by the mean of its cross-validated scores on mu-law and a random line."""
    odds = np.load(settings.made / "held_out.npy")[:2].mean(axis=0)
    return np.asarray(np.logaddexp(0.0, np.where(clips.spoof, -odds, odds)) > LEAST_LOSS)


if __name__ == "__main__":
    main()
