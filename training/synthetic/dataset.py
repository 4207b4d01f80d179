"""The prepared clips, and their windows as in the running system: line, voice activity detection, net speech."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import webrtcvad
from numpy.typing import NDArray
from scipy import signal
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training.synthetic.channels import RATE_HZ, g711, hard_line, through_line

Samples = NDArray[np.float32]
_VAD_FRAME = 160
_VAD_AGGRESSIVENESS = 2
_WINDOW_S = 4.0
_LEAST_S = 2.0
_RADIO = ("TangLi1996/LiveATC-JP-Corpus", "loud1990/atc-audio-benchmark", "webkernel/ct1ete", "techn0mad/selcald")


@dataclass(frozen=True)
class Clips:
    """The clips that ``prepare`` wrote."""

    samples: list[NDArray[np.int16]]
    """8 kHz mono, one array a clip."""
    spoof: NDArray[np.bool_]
    """Whether a clip is synthetic."""
    source: NDArray[np.str_]
    """Corpus or page of each clip."""
    page: NDArray[np.str_]
    """Where the genuine counterpart comes from: the source, or for a copy the source of its original."""
    system: NDArray[np.str_]
    """Synthesis system of each clip, empty for genuine speech."""
    kind: NDArray[np.str_]
    """How the clip came about: tts, vc, clone, vocoder, read, phone and so on."""
    speaker: NDArray[np.str_]
    """Who speaks, or whose voice was cloned or trained on; empty: unknown."""
    pair: NDArray[np.intp]
    """Place of the genuine clip that each was copied from; -1 for the others."""

    def audio(self, index: int) -> Samples:
        """One clip as float32."""
        return (self.samples[index] / 32767).astype(np.float32)

    def only(self, rows: NDArray[np.intp]) -> Clips:
        """Clips by their places, without their pairs."""
        samples = [self.samples[place] for place in rows]
        columns = (self.spoof, self.source, self.page, self.system, self.kind, self.speaker)
        return Clips(samples, *(column[rows] for column in columns), pair=np.full(len(rows), -1))

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Whether each clip is a whole attack and not a copy of genuine speech."""
        return np.asarray(np.isin(self.kind, ("tts", "clone", "vc")) & self.spoof)

    @property
    def is_telephone(self) -> NDArray[np.bool_]:
        """Whether each clip is genuine speech of a real telephone line; aviation and amateur radio are none."""
        return np.asarray(~self.spoof & (self.kind == "phone") & ~np.isin(self.source, _RADIO))

    def weighed(self, weights: NDArray[np.float64], telephone: float) -> NDArray[np.float64]:
        """Weights with those of genuine telephone speech so many times as large; the classes keep their sums."""
        shifted = np.where(self.is_telephone, telephone * weights, weights)
        shifted[~self.spoof] *= weights[~self.spoof].sum() / shifted[~self.spoof].sum()
        return shifted

    def weights(self, attack_share: float) -> NDArray[np.float64]:
        """Weight of each clip, one in sum; classes weigh the same.

        Of the synthetic half, ``attack_share`` goes to whole attacks, the rest to vocoder and codec copies. Groups of
        (source, system) weigh by the square root of their clips, so that no page and no engine speaks for all.
        """
        groups = np.char.add(np.char.add(self.source, "|"), self.system)
        _, group, count = np.unique(groups, return_inverse=True, return_counts=True)
        weight = np.asarray(1.0 / np.sqrt(count[group]), dtype=np.float64)
        attack, copy = self.is_attack, self.spoof & ~self.is_attack
        for rows, share in ((~self.spoof, 0.5), (attack, attack_share / 2), (copy, (1 - attack_share) / 2)):
            weight[rows] *= share / weight[rows].sum()
        return weight

    def folds(self, count: int, seed: int) -> NDArray[np.intp]:
        """Fold of each clip; pages go whole, and so do all pages that one named speaker stands on.

        Groups of pages are dealt the largest first, each to the fold with the fewest clips. LJSpeech, VCTK and
        LibriSpeech tie a third of all clips together.
        """
        group = self._groups()
        sizes = np.bincount(group)
        # Among groups of one size chance decides.
        order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), -sizes))
        fold, filled = np.zeros(len(sizes), dtype=np.intp), np.zeros(count, dtype=np.intp)
        for one in order:
            fold[one] = filled.argmin()
            filled[fold[one]] += sizes[one]
        return np.asarray(fold[group])

    def _groups(self) -> NDArray[np.intp]:
        """Number of the group of pages that each clip belongs to: those tied together by named speakers."""
        pages, page = np.unique(self.page, return_inverse=True)
        # Pages write one name in several ways.
        names, speaker = np.unique(np.char.replace(np.char.lower(self.speaker), "_", "-"), return_inverse=True)
        named = names[speaker] != ""
        ties = (np.ones(named.sum()), (page[named], len(pages) + speaker[named]))
        size = len(pages) + len(names)
        _, group = connected_components(coo_array(ties, shape=(size, size)), directed=False)
        return np.unique(group[page], return_inverse=True)[1]


def read_clips(work: Path) -> Clips:
    """All prepared clips."""
    with (work / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shards = [np.load(path, mmap_mode="r") for path in sorted(work.glob("shard-*.npy"))]
    samples = [shards[int(r["shard"])][int(r["start"]) : int(r["start"]) + int(r["length"])] for r in rows]
    column = {name: np.array([row[name] for row in rows]) for name in ("source", "page", "system", "kind", "speaker")}
    pair = np.array([int(row["pair"] or -1) for row in rows])
    return Clips(samples, np.array([row["label"] == "spoof" for row in rows]), pair=pair, **column)


def read_noises(work: Path) -> list[Samples]:
    """The background noises that ``prepare`` wrote."""
    with np.load(work / "noise.npz") as archive:
        return [archive[name].astype(np.float32) / 32767 for name in archive.files]


def window(samples: Samples, view: str, noises: list[Samples], rng: np.random.Generator) -> Samples:
    """Up to 4 s of net speech of a clip, as `view` says.

    A view begins with the line, ``pcmu``, a random one (``line``) or one of three hard ones (``hard``: GSM, Opus or
    noise at 10 dB); then ``-pace`` plays the clip up to a tenth faster or slower, pitch and all, and ``-crop`` takes a
    random 2 to 4 s in place of the first 4.
    """
    line, *ways = view.split("-")
    if "pace" in ways:
        samples = np.asarray(signal.resample_poly(samples, int(rng.integers(18, 23)), 20), dtype=np.float32)
    heard = net_speech(_LINES[line](samples, noises, rng))
    if "crop" not in ways:
        return heard[: int(_WINDOW_S * RATE_HZ)]
    length = int(rng.uniform(_LEAST_S, _WINDOW_S) * RATE_HZ)
    start = int(rng.integers(max(1, len(heard) - length + 1)))
    return heard[start : start + length]


_LINES: dict[str, Callable[[Samples, list[Samples], np.random.Generator], Samples]] = {
    "pcmu": lambda samples, _, __: g711(samples, "ULAW"),
    "line": through_line,
    "hard": hard_line,
}


def net_speech(samples: Samples) -> Samples:
    """The 20 ms frames that webrtcvad takes for speech, joined; the clip itself if they last under half a second."""
    vad = webrtcvad.Vad(_VAD_AGGRESSIVENESS)
    frames = samples[: len(samples) // _VAD_FRAME * _VAD_FRAME].reshape(-1, _VAD_FRAME)
    pcm = np.clip(frames * 32767, -32768, 32767).astype(np.int16)
    speech = frames[[vad.is_speech(frame.tobytes(), RATE_HZ) for frame in pcm]].reshape(-1)
    return speech if len(speech) >= RATE_HZ // 2 else samples
