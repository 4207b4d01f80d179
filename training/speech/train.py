"""Teach the check of net speech: `python -m training.speech.train DATA MUSIC OUT`.

DATA is the shared data folder, MUSIC a folder of 8 kHz WAV files of Debian's asterisk-moh-opsound-wav, OUT the model's
folder. Speakers, pieces and noises whose name's hash says so take no part: the benchmark has them. The rule by which
blocks count was searched by hand for what `figures` says of four folds by source.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from training.speech.streams import STREAM_S, Sources, Stream, streams
from voiceguard.speech.check import SpeechCheck
from voiceguard.speech.gate import Belief
from voiceguard.speech.vad import FRAME_S, Frame

SEED = 20261201
PARTS = 2
SPOKEN_STREAMS, UNSPOKEN_STREAMS = 400, 600
"""Of each part."""
FOLDS = 4
UNITS, NETWORKS = 48, 3
"""Units of a network; networks that differ by their seeds alone, whose log-odds are averaged."""
RULE = {"threshold": 1.0, "most": 5.0, "memory_s": 3.0, "least": -2.0, "confirmed_s": 3.0}

Values = NDArray[np.float32]


def fitted(inputs: Values, labels: Values, networks: int) -> dict[str, Values]:
    """The arrays of a check, and its `output_bias`."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    scaled = np.clip((inputs - mean) / scale, -8, 8)
    found = []
    for seed in range(networks):
        network = MLPClassifier((UNITS,), alpha=0.1, batch_size=256, max_iter=25, random_state=seed)
        found.append(network.fit(scaled, labels))
    return {
        "mean": mean, "scale": scale,
        "hidden": np.concatenate([one.coefs_[0] for one in found], axis=1).astype(np.float32),
        "hidden_bias": np.concatenate([one.intercepts_[0] for one in found]).astype(np.float32),
        "output": (np.concatenate([one.coefs_[1][:, 0] for one in found]) / networks).astype(np.float32),
        "output_bias": np.float32(np.mean([one.intercepts_[1][0] for one in found])),
    }


def check_of(arrays: dict[str, Values]) -> SpeechCheck:
    """The check with the rule that ships."""
    return SpeechCheck(**{**arrays, "output_bias": float(arrays["output_bias"])}, **RULE)  # type: ignore[arg-type]


def counted(check: SpeechCheck, stream: Stream) -> NDArray[np.bool_]:
    """Which blocks of a stream count."""
    belief, passed = Belief(check), set()
    for block in stream.blocks:
        frames = [Frame(np.zeros(0, np.float32), start, "speech") for start in block.starts]
        passed |= {frame.start_sample for frame in belief.feed(frames, check.log_odds(block.measures))}
    return np.array([block.starts[0] in passed for block in stream.blocks])


def figures(found: list[Stream]) -> dict[str, float]:
    """Share of speech that counts, and seconds a minute of each kind that should not, each fold by the rest."""
    folds = np.array([int(hashlib.sha256(one.source.encode()).hexdigest()[:4], 16) % FOLDS for one in found])
    kept: list[float] = []
    seconds: dict[str, float] = {}
    for fold in range(FOLDS):
        check = check_of(fitted(*joined([one for one, its in zip(found, folds, strict=True) if its != fold]), 1))
        for stream in (one for one, its in zip(found, folds, strict=True) if its == fold and one.blocks):
            passed, labels = counted(check, stream), stream.labels()
            if stream.kind in ("speech", "mixed"):
                kept += passed[labels == 1].tolist()
            else:
                frames = sum(len(one.starts) for one, is_in in zip(stream.blocks, passed, strict=True) if is_in)
                seconds[stream.kind] = seconds.get(stream.kind, 0.0) + FRAME_S * frames
    minutes = {kind: STREAM_S / 60 * sum(one.kind == kind for one in found) for kind in seconds}
    return {
        "heard": round(float(np.mean(kept)), 3),
        **{kind: round(seconds[kind] / minutes[kind], 2) for kind in sorted(seconds)},
    }


def joined(found: list[Stream]) -> tuple[Values, Values]:
    """Measures and labels of the blocks that are clearly one or the other."""
    labels = np.concatenate([one.labels() for one in found])
    measures = np.stack([block.measures for one in found for block in one.blocks])
    return measures[~np.isnan(labels)], labels[~np.isnan(labels)]


def main(data: Path, music: Path, out: Path) -> None:
    """Train, and write check.npz and check.json."""
    began = time.perf_counter()
    sources, found = Sources(data, music, False), list[Stream]()
    for part in range(1, PARTS + 1):
        found += streams(sources, SPOKEN_STREAMS, UNSPOKEN_STREAMS, np.random.default_rng([SEED, part, 0]))
    inputs, labels = joined(found)
    print(f"{len(labels)} blocks, {labels.mean():.2f} speech, {time.perf_counter() - began:.0f} s", flush=True)
    by_folds = figures(found)
    print(by_folds, flush=True)
    arrays = fitted(inputs, labels, NETWORKS)
    output_bias = round(float(arrays.pop("output_bias")), 6)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "check.npz", **arrays)
    digest = hashlib.sha256((out / "check.npz").read_bytes()).hexdigest()
    card = {"name": "speech-check", "version": "2.0.0", "sha256": digest, "sample_rate_hz": 8000, "block_s": 0.5,
            "context_s": 2.0, "output_bias": output_bias, **RULE,
            "training": {"seed": SEED, "blocks": len(labels), "by_folds": by_folds}}
    (out / "check.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
