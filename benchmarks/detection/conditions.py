"""What the detector hears: clips of the development set, joined to calls, through telephone lines."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import soundfile

from voiceguard.analysis.callsets.channels import ChannelName, apply
from voiceguard.events import RATE_HZ, Samples

LineName = Literal["pcmu", "gsm", "opus", "noise"]
LINES: tuple[LineName, ...] = get_args(LineName)
NOISE_SNR_DB = 10.0
CALL_S = 15.0
LEAST_CALL_S = 10.0
"""Speech of one voice that makes a call, seconds of audio: a voice with less in the set makes none."""


@dataclass(frozen=True)
class Recording:
    """One clip, or several of one voice, joined in the set's order."""

    paths: tuple[str, ...]
    """Relative to the data folder."""
    label: str
    """`bonafide`, `spoof` or `resynth`."""
    kind: str
    system: str
    family: str
    source: str
    speaker: str
    """Empty: unknown. Unknown speakers of one system on one page pass for one voice: pages rarely name them."""
    seen: bool
    """Whether the training set holds this system."""
    dur_s: float
    language: str = ""
    """ISO 639 code; empty: unknown."""
    gender: str = ""
    """`f`, `m`; empty: unknown."""


def read_clips(data: Path) -> list[Recording]:
    """The clips of ``dev.csv``, in its order."""
    trained = {row["system"] for row in _rows(data / "train.csv")}
    return [
        Recording(
            (row["path"],), row["label"], row["kind"], row["system"], row["family"], row["source"], row["speaker"],
            row["system"] in trained, float(row["dur_s"]), row["language"], row["gender"],
        )
        for row in _rows(data / "dev.csv")
    ]


def join_voices(clips: Iterable[Recording], seconds: float = CALL_S, least: float = LEAST_CALL_S) -> list[Recording]:
    """Calls of `seconds` or just above, each of one voice; what is left of a voice is a call if it lasts `least`."""

    def voice(clip: Recording) -> tuple[str, ...]:
        return clip.label, clip.source, clip.system, clip.kind, clip.speaker

    calls: list[Recording] = []
    for _, spoken in groupby(sorted(clips, key=voice), key=voice):
        call: Recording | None = None
        for clip in spoken:
            call = clip if call is None else replace(call, paths=call.paths + clip.paths, dur_s=call.dur_s + clip.dur_s)
            if call.dur_s >= seconds:
                calls.append(call)
                call = None
        if call is not None and call.dur_s >= least:
            calls.append(call)
    return calls


def read_samples(data: Path, recording: Recording) -> Samples:
    """The recording's samples at 8 kHz, a call's cut at 15 s. Raises ValueError for a file at another rate."""
    parts = []
    for path in recording.paths:
        samples, rate = soundfile.read(data / path, dtype="float32")
        if rate != RATE_HZ:
            raise ValueError(f"{path} is not at 8 kHz")
        parts.append(samples)
    return np.concatenate(parts)[: round(CALL_S * RATE_HZ)]


def through(samples: Samples, line: LineName, noises: Mapping[str, Sequence[Samples]], seed: int) -> Samples:
    """Samples (n,) at the far end of a line; `noise` adds any noise but music before mu-law, the same for one seed."""
    channel: ChannelName = "pcmu" if line == "noise" else line
    if line == "noise":
        rng = np.random.default_rng(seed)
        chosen = [noise for kind in sorted(noises) if kind != "hold_music" for noise in noises[kind]]
        samples = add_noise(samples, chosen[rng.integers(len(chosen))], NOISE_SNR_DB, rng)
    return apply(samples, channel)


def add_noise(samples: Samples, noise: Samples, snr_db: float, rng: np.random.Generator) -> Samples:
    """Speech (n,) with a looped stretch of noise, clipped to [-1, 1]; the ratio is that of mean powers."""
    looped = np.resize(np.roll(noise, -int(rng.integers(len(noise)))), len(samples))
    power = float(np.mean(np.square(looped, dtype=np.float64))) + 1e-12
    gain = np.sqrt(float(np.mean(np.square(samples, dtype=np.float64))) / power / 10 ** (snr_db / 10))
    return np.asarray(np.clip(samples + np.float32(gain) * looped, -1, 1), dtype=np.float32)


@cache
def read_noises(data: Path) -> Mapping[str, Sequence[Samples]]:
    """Noise at 8 kHz by class, from ``noise.csv``."""
    noises: dict[str, list[Samples]] = {}
    for row in _rows(data / "noise.csv"):
        noises.setdefault(row["class"], []).append(soundfile.read(data / row["path"], dtype="float32")[0])
    return noises


def seed_of(recording: Recording) -> int:
    """A number that hangs on nothing but the recording's name, so that other recordings do not move it."""
    return zlib.crc32(recording.paths[0].encode())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
