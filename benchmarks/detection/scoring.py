"""Clips of the development set to log-likelihood ratios, the way the running system hears them."""

from __future__ import annotations

import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import webrtcvad
from numpy.typing import NDArray

from benchmarks.timing import quick_ms
from voiceguard.adapters.onnx_models import Model, load_model
from voiceguard.analysis.channels import ChannelName, apply
from voiceguard.detectors import synthetic
from voiceguard.detectors.features import SAMPLE_RATE_HZ

Samples = NDArray[np.float32]
_VAD_FRAME = 160
_VAD_AGGRESSIVENESS = 2


@dataclass(frozen=True)
class ScoredClip:
    """One clip of the development set with what the detector said."""

    label: str
    kind: str
    system: str
    seen: bool
    """Whether the training set holds this system."""
    source: str
    net_speech_s: float
    llr: float


@cache
def load_detector(folder: Path) -> Model:
    """The checked model, loaded once a process."""
    return load_model(folder)


def evidence(detector: Model, windows: list[Samples]) -> NDArray[np.float64]:
    """LLR of each window, nats."""
    calibration = synthetic.Calibration(**detector.card["calibration"])
    return synthetic.llr(detector.run(synthetic.prepare(windows)), calibration)


def net_speech(samples: Samples) -> Samples:
    """The 20 ms frames that webrtcvad takes for speech, joined; all of the clip where it finds none."""
    vad = webrtcvad.Vad(_VAD_AGGRESSIVENESS)
    frames = samples[: len(samples) // _VAD_FRAME * _VAD_FRAME].reshape(-1, _VAD_FRAME)
    pcm = np.clip(frames * 32767, -32768, 32767).astype(np.int16)
    speech = frames[[vad.is_speech(frame.tobytes(), SAMPLE_RATE_HZ) for frame in pcm]].reshape(-1)
    return speech if len(speech) else samples


def score_clips(data: Path, model: Path, channel: ChannelName, max_speech_s: float, jobs: int) -> list[ScoredClip]:
    """Score every clip that ``dev.csv`` names, in its order."""
    with (data / "train.csv").open(newline="") as file:
        trained = {row["system"] for row in csv.DictReader(file)}
    with (data / "dev.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    tasks = [(row, data / row["path"], model, channel, max_speech_s, row["system"] in trained) for row in rows]
    if jobs == 1:
        return [_score(task) for task in tasks]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(_score, tasks, chunksize=32))


def _score(task: tuple[dict[str, str], Path, Path, ChannelName, float, bool]) -> ScoredClip:
    row, path, model, channel, max_speech_s, seen = task
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE_HZ:
        raise ValueError(f"{path} is not at 8 kHz")
    speech = net_speech(apply(samples, channel))[: int(max_speech_s * SAMPLE_RATE_HZ)]
    llr = float(evidence(load_detector(model), [speech])[0])
    heard_s = len(speech) / SAMPLE_RATE_HZ
    return ScoredClip(row["label"], row["kind"], row["system"], seen, row["source"], heard_s, llr)


def time_window(model: Path, repeats: int = 60) -> dict[str, Any]:
    """Milliseconds of one core for a window of 4 s, alone and in batches of 8; the least disturbed tenth of runs."""
    detector = load_detector(model)
    window = (np.random.default_rng(1).standard_normal(synthetic.WINDOW_SAMPLES) * 0.1).astype(np.float32)
    log_mel = synthetic.prepare([window])
    front_end_ms = quick_ms(lambda: synthetic.prepare([window]), repeats)
    model_ms = quick_ms(lambda: detector.run(log_mel), repeats)
    batch_ms = quick_ms(lambda: detector.run(np.repeat(log_mel, 8, axis=0)), repeats // 4) / 8
    return {
        "front_end_ms": front_end_ms,
        "model_ms": model_ms,
        "model_ms_in_batch_of_8": batch_ms,
        "core_share_per_window_second": (front_end_ms + model_ms) / 1000 / synthetic.WINDOW_S,
    }
