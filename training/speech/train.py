"""Teach the check of net speech: `python -m training.speech.train DATA MUSIC OUT`.

DATA is the shared data folder, MUSIC a folder of 8 kHz WAV files of Debian's asterisk-moh-opsound-wav, OUT the model's
folder. Speakers, pieces and noises whose name's hash says so are held out for validation.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from training.speech.blocks import KINDS, STREAM_S, VOICES, held_out, read, spoken, unspoken
from training.speech.tones import Samples

SEED = 20261201
SPOKEN_STREAMS, UNSPOKEN_STREAMS = 900, 1100
UNITS = 48
GOES_ON = 4.0
"""Log-odds by which a block may fall short of the threshold within 2 s of one that passed."""
FALSE_SHARE = 0.012
"""Share of the held-out blocks without speech that the threshold lets pass."""


def rows(path: Path) -> list[dict[str, str]]:
    """A data set's table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def music(folder: Path, rng: np.random.Generator, kept: bool) -> Samples:
    """Twelve seconds of a random piece that is held out or is not."""
    pieces = [path for path in sorted(folder.glob("*.wav")) if (path.stem == "macroform-robot_dity") == kept]
    samples = read(pieces[int(rng.integers(len(pieces)))])
    at = int(rng.integers(len(samples) - STREAM_S * 8000))
    return samples[at : at + int(STREAM_S * 8000)]


def streams(
    data: Path, moh: Path, kept: bool, counts: tuple[int, int]
) -> Iterator[tuple[str, NDArray[np.float32], float]]:
    """Kind, measures and share of voice of every block, of what is held out or of the rest."""
    rng = np.random.default_rng(SEED + kept)
    noise_rows = [row for row in rows(data / "noise.csv") if held_out(row["path"]) == kept]
    noises = [read(data / row["path"]) for row in noise_rows]
    still = [(row["class"], noise) for row, noise in zip(noise_rows, noises, strict=True)
             if row["class"] not in (VOICES, "hold_music", "misc", "train") and len(noise) > 4000]
    people = [row for row in rows(data / "train.csv")
              if row["label"] == "bonafide" and held_out(row["speaker"] or row["path"]) == kept]
    for _ in range(counts[0]):
        first = int(rng.integers(len(people)))
        chosen = [read(data / people[(first + step) % len(people)]["path"]) for step in range(3)]
        yield from (("speech", measures, share) for measures, share in spoken(chosen, noises, rng))
    names = list(KINDS)
    for turn in range(counts[1]):
        if turn % 4 == 0:
            kind, samples = "music on hold", music(moh, rng, kept)
        elif turn % 4 == 1:
            kind, noise = still[int(rng.integers(len(still)))]
            samples = np.resize(np.roll(noise, -int(rng.integers(len(noise)))), int(STREAM_S * 8000))
        else:
            kind = names[int(rng.integers(len(names)))]
            samples = KINDS[kind](STREAM_S, rng)
        yield from ((kind, measures, 0.0) for measures in unspoken(samples, noises, rng))


def collect(
    data: Path, moh: Path, kept: bool, counts: tuple[int, int]
) -> tuple[list[str], NDArray[np.float32], NDArray[np.bool_]]:
    """Kinds, measures (blocks, measures) and labels of the blocks that are clearly one or the other."""
    found = [one for one in streams(data, moh, kept, counts) if one[2] == 0 or one[2] >= 0.5]
    found = [one for one in found if one[0] != "speech" or one[2] > 0]
    return [one[0] for one in found], np.stack([one[1] for one in found]), np.array([one[2] >= 0.5 for one in found])


def main(data: Path, moh: Path, out: Path) -> None:
    """Train, choose the threshold on what was held out, and write check.npz and check.json."""
    began = time.perf_counter()
    _, inputs, labels = collect(data, moh, False, (SPOKEN_STREAMS, UNSPOKEN_STREAMS))
    kinds, held_inputs, held_labels = collect(data, moh, True, (SPOKEN_STREAMS // 5, UNSPOKEN_STREAMS // 5))
    print(f"{len(labels)} blocks, {labels.mean():.2f} speech, {time.perf_counter() - began:.0f} s", flush=True)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3

    def scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.clip((values - mean) / scale, -8, 8)

    network = MLPClassifier((UNITS,), alpha=1e-2, batch_size=256, max_iter=30, early_stopping=False, random_state=SEED)
    network.fit(scaled(inputs), labels)
    (hidden, output), (hidden_bias, output_bias) = network.coefs_, network.intercepts_
    odds = np.maximum(scaled(held_inputs) @ hidden + hidden_bias, 0) @ output[:, 0] + output_bias[0]
    threshold = float(np.quantile(odds[~held_labels], 1 - FALSE_SHARE))
    figures = {"heard": round(float((odds[held_labels] >= threshold).mean()), 4)}
    for kind in sorted(set(kinds) - {"speech"}):
        mine = np.array([one == kind for one in kinds])
        figures[kind] = round(float((odds[mine] >= threshold).mean()), 4)
    for share in (0.005, 0.02, 0.05):
        print(share, round(float((odds[held_labels] >= np.quantile(odds[~held_labels], 1 - share)).mean()), 3))
    print(f"threshold {threshold:.2f}", figures)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "check.npz", mean=mean, scale=scale, hidden=hidden.astype(np.float32),
             hidden_bias=hidden_bias.astype(np.float32), output=output[:, 0].astype(np.float32))
    digest = hashlib.sha256((out / "check.npz").read_bytes()).hexdigest()
    card = {"name": "speech-check", "version": "1.0.0", "sha256": digest, "sample_rate_hz": 8000, "block_s": 0.5,
            "context_s": 2.0, "output_bias": round(float(output_bias[0]), 6),
            "threshold": round(threshold, 3), "goes_on": GOES_ON,
            "training": {"seed": SEED, "blocks": len(labels), "held_out_share_passed": figures}}
    (out / "check.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
