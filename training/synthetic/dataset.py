"""Batches of windows as the running system sees them: a line, voice activity detection, a window of net speech."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from training.synthetic.channels import RATE_HZ, g711, through_line
from voiceguard.detectors.features import whisper_log_mel

Samples = NDArray[np.float32]
_VAD_FRAME = 160


@dataclass(frozen=True)
class Clips:
    """The prepared clips of one split."""

    samples: list[NDArray[np.int16]]
    """8 kHz mono, one array a clip."""
    spoof: NDArray[np.float32]
    """1 for synthetic, 0 for genuine."""
    source: NDArray[np.str_]
    """Corpus or page of each clip."""
    page: NDArray[np.str_]
    """Where the genuine counterpart comes from: the source, or for a copy the source of its original."""
    system: NDArray[np.str_]
    """Synthesis system of each clip, empty for genuine speech."""
    kind: NDArray[np.str_]
    """How the clip came about: tts, vc, clone, vocoder, read, phone and so on."""

    def audio(self, index: int) -> Samples:
        """One clip as float32."""
        return (self.samples[index] / 32767).astype(np.float32)

    def sampling_weights(self) -> NDArray[np.float64]:
        """Probability of each clip; classes come out equal.

        Pages that hold both classes make two thirds and are drawn half and half, so that the page does not give the
        class away; within a page and class, systems weigh by the square root of their clips.
        """
        groups = np.char.add(np.char.add(self.page, "|"), self.system)
        _, group, count = np.unique(groups, return_inverse=True, return_counts=True)
        share = 1.0 / np.sqrt(count[group])
        weight = np.zeros(len(share))
        both = set(self.page[self.spoof == 1]) & set(self.page[self.spoof == 0])
        paired = np.isin(self.page, sorted(both))
        for page in both:
            rows = self.page == page
            for label in (0.0, 1.0):
                part = rows & (self.spoof == label)
                weight[part] = share[part] / share[part].sum() * np.sqrt(rows.sum())
        unpaired_mass = max(weight.sum(), 1.0) / 4
        for label in (0.0, 1.0):
            part = ~paired & (self.spoof == label)
            if part.any():
                weight[part] = share[part] / share[part].sum() * unpaired_mass
        for label in (0.0, 1.0):
            weight[self.spoof == label] /= weight[self.spoof == label].sum()
        return np.asarray(weight / weight.sum(), dtype=np.float64)


def read_clips(work: Path, splits: set[str]) -> Clips:
    """The clips that ``prepare`` wrote for some of the splits ``train`` and ``validation``."""
    with (work / "clips.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in splits]
    shards = [np.load(path, mmap_mode="r") for path in sorted(work.glob("shard-*.npy"))]
    samples = [shards[int(r["shard"])][int(r["start"]) : int(r["start"]) + int(r["length"])] for r in rows]
    column = {name: np.array([row[name] for row in rows]) for name in ("source", "page", "system", "kind")}
    spoof = np.array([row["label"] == "spoof" for row in rows], dtype=np.float32)
    return Clips(samples, spoof, column["source"], column["page"], column["system"], column["kind"])


def read_noises(work: Path) -> list[Samples]:
    """The background noises that ``prepare`` wrote."""
    with np.load(work / "noise.npz") as archive:
        return [archive[name].astype(np.float32) / 32767 for name in archive.files]


def net_speech(samples: Samples, aggressiveness: int) -> Samples:
    """The 20 ms frames that webrtcvad takes for speech, joined; the clip itself if they last under half a second."""
    vad = webrtcvad.Vad(aggressiveness)
    frames = samples[: len(samples) // _VAD_FRAME * _VAD_FRAME].reshape(-1, _VAD_FRAME)
    pcm = np.clip(frames * 32767, -32768, 32767).astype(np.int16)
    speech = frames[[vad.is_speech(frame.tobytes(), RATE_HZ) for frame in pcm]].reshape(-1)
    return speech if len(speech) >= RATE_HZ // 2 else samples


def training_batch(
    clips: Clips, weights: NDArray[np.float64], noises: list[Samples], size: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log-mel frames (size, frames, 80) and labels (size,): of windows of 2 to 4 s, or, for speed, of crops of 2 s."""
    window_s = 4.0 if rng.random() < 0.4 else 2.0
    chosen = rng.choice(len(weights), size, p=weights)
    log_mel = []
    for index in chosen:
        heard = net_speech(through_line(clips.audio(int(index)), noises, rng), int(rng.integers(1, 4)))
        length = int(rng.uniform(2.0, window_s) * RATE_HZ)
        start = int(rng.integers(max(1, len(heard) - length + 1)))
        log_mel.append(whisper_log_mel(np.resize(heard[start : start + length], int(window_s * RATE_HZ))))
    return _mask(np.stack(log_mel), rng), clips.spoof[chosen]


def evaluation_window(
    samples: Samples, noises: list[Samples], seconds: float, rng: np.random.Generator | None
) -> Samples:
    """First ``seconds`` of net speech behind plain mu-law, or behind a random line when a generator is given."""
    line = g711(samples, "ULAW") if rng is None else through_line(samples, noises, rng)
    return net_speech(line, 2)[: int(seconds * RATE_HZ)]


def _mask(log_mel: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """SpecAugment (Park et al. 2019): one band of time per window set to its mean."""
    for picture in log_mel:
        width = int(rng.integers(0, 40))
        start = int(rng.integers(len(picture) - width))
        picture[start : start + width] = picture.mean(0)
    return log_mel
