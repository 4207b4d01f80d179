"""Recordings to log-likelihood ratios, the way the running system hears them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
import webrtcvad
from numpy.typing import ArrayLike, NDArray

from benchmarks.detection import lfcc
from benchmarks.detection.conditions import LineName, Recording, read_noises, read_samples, seed_of, through
from benchmarks.detection.probes import probe
from voiceguard.adapters.models.onnx import MODELS_FOLDER, Model, load_model
from voiceguard.detectors import synthetic
from voiceguard.events import RATE_HZ, RiskState, Samples, Window
from voiceguard.measures import drift
from voiceguard.risk import RiskModel, RiskOptions
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec

Extent = Literal["after_2_s", "after_4_s", "call"]
"""The first seconds of a clip's net speech as one window, or all windows of a call."""
CLIP_SECONDS: dict[Extent, float] = {"after_2_s": 2.0, "after_4_s": 4.0}
BASELINES = Path(__file__).parent / "baselines"
CACHE = Path(__file__).parent / "cache"
_FRAME = 160
_VAD_MODE = 2


@dataclass(frozen=True)
class Detector:
    """A model with what stands before and after it."""

    model: Model
    prepare: Callable[[Sequence[Samples]], NDArray[np.float32]]
    calibration: synthetic.Calibration

    def raw(self, windows: Sequence[Samples]) -> NDArray[np.float64]:
        """Raw scores (n,) of n windows, each (samples,), one window a run: what is heard does not hang on the batch."""
        outputs = [self.model.run(self.prepare([window])) for window in windows]
        return np.asarray(outputs, dtype=np.float64).reshape(len(windows))

    def llr(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Evidence (n,) of raw scores, nats."""
        return synthetic.llr(raw, self.calibration)


@cache
def load_detector(folder: Path) -> Detector:
    """The checked model, loaded once a process. Raises ConfigurationError."""
    model = load_model(folder)
    # The baseline has a front end of its own; every other model hears as the product does.
    spectra = model.card["frontend"]
    front_end = lfcc.prepare if spectra == "lfcc" else partial(synthetic.prepare, spectra=spectra)
    return Detector(model, front_end, synthetic.Calibration(**model.card["calibration"]))


def default_models() -> list[Path]:
    """The running detector, the second opinion and the baselines, those of them that are there."""
    shipped = [MODELS_FOLDER / name for name in ("synthetic-stream", "synthetic-verify")]
    return [folder for folder in [*shipped, *sorted(BASELINES.glob("*"))] if (folder / "model.onnx").is_file()]


def kept(out: Path, measured: Mapping[str, Any]) -> dict[str, Any]:
    """What was just measured, by version, beside what `out` says of other models of today; the running one first."""
    known: dict[str, Any] = json.loads(out.read_text())["models"] if out.is_file() else {}
    today = [load_detector(folder).model.version for folder in default_models()]
    return {name: {**known, **measured}[name] for name in [*today, *measured] if name in known or name in measured}


@dataclass(frozen=True)
class Heard:
    """One window with what the detector said of it."""

    end_net_s: float
    """Net speech up to the window's end, seconds."""
    length_s: float
    llr: float


@dataclass(frozen=True)
class Fused:
    """What a call's windows add up to."""

    llr: float
    """Contribution to the log-odds at the end, nats."""
    first_decision_s: float
    """Net speech at the first window after which the risk is conclusive, seconds; infinite when it never is."""
    first_llr: float
    """Contribution at that window; zero when there is none."""


def net_speech(samples: Samples) -> Samples:
    """The 20 ms frames that webrtcvad takes for speech, joined; all of the clip where it finds none."""
    vad = webrtcvad.Vad(_VAD_MODE)
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    pcm = np.clip(frames * 32767, -32768, 32767).astype(np.int16)
    speech = frames[[vad.is_speech(frame.tobytes(), RATE_HZ) for frame in pcm]].reshape(-1)
    return speech if len(speech) else samples


def windows_of(samples: Samples, extent: Extent, spec: WindowSpec) -> list[tuple[float, Samples]]:
    """Windows with the net speech up to their ends, seconds. A call may hold too little speech for any."""
    if extent == "call":
        track = SpeechTrack(SpeechOptions(), (spec,))
        return [(window.end_net_s, window.samples) for window in track.feed(samples)]
    speech = net_speech(samples)[: round(CLIP_SECONDS[extent] * RATE_HZ)]
    return [(len(speech) / RATE_HZ, speech)]


def score(
    folder: Path, data: Path, recordings: Sequence[Recording], line: LineName, extent: Extent, jobs: int = 1
) -> list[list[Heard]]:
    """The windows of each recording, in order. Raw scores are kept in `cache/`, so a second time costs nothing."""
    detector = load_detector(folder)
    kept = CACHE / f"{detector.model.version}-{line}-{extent}-{_key(detector, data, recordings, line, extent)}.npz"
    if kept.is_file():
        table = np.load(kept)["windows"]
    else:
        tasks = (repeat(folder), repeat(data), recordings, repeat(line), repeat(extent))
        if jobs == 1:
            scored = list(map(_score, *tasks))
        else:
            with ProcessPoolExecutor(jobs) as pool:
                scored = list(pool.map(_score, *tasks, chunksize=16))
        rows = [(index, *window) for index, windows in enumerate(scored) for window in windows]
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        CACHE.mkdir(exist_ok=True)
        np.savez_compressed(kept, windows=table)
    heard: list[list[Heard]] = [[] for _ in recordings]
    for (index, end_net_s, length_s, _), llr in zip(table.tolist(), detector.llr(table[:, 3]), strict=True):
        heard[int(index)].append(Heard(end_net_s, length_s, float(llr)))
    return heard


def fuse(windows: Sequence[Heard], options: RiskOptions | None = None) -> Fused:
    """Windows in order, fused as a live call fuses them. Raises ValueError for none."""
    if not windows:
        raise ValueError("no windows to fuse")
    model, llr, first = RiskModel(options or RiskOptions()), 0.0, (math.inf, 0.0)
    for heard in windows:
        silence = np.broadcast_to(np.float32(0), (round(heard.length_s * RATE_HZ),))
        model.add_synthetic(heard.llr, Window("synthetic_voice", silence, heard.end_net_s, heard.end_net_s))
        risk = model.risk(heard.end_net_s, heard.end_net_s)
        llr = sum(evidence.contribution for evidence in risk.evidence)
        if risk.state is RiskState.OK and math.isinf(first[0]):
            first = (heard.end_net_s, llr)
    return Fused(llr, *first)


def tempered(windows: Sequence[Heard], options: RiskOptions | None = None) -> float:
    """Evidence of a recording as `voiceguard score synthetic` gives it: the mean, worth more the longer it was heard.

    Unlike what a call fuses it has no floor, so that recordings far from any doubt still have an order. Raises
    ValueError for none.
    """
    if not windows:
        raise ValueError("no windows to average")
    options = options or RiskOptions()
    heard_s = windows[-1].end_net_s - windows[0].end_net_s + windows[0].length_s
    mean = sum(heard.llr for heard in windows) / len(windows)
    return mean * options.synthetic_worth * (1.0 - math.exp(-heard_s / options.synthetic_memory_s))


def on_demand(windows: Sequence[Heard]) -> list[Heard]:
    """Of a call's windows, the last and the one that ends where it begins: what a second opinion is asked on.

    Where none ends there, the last alone.
    """
    last = windows[-1]
    before = [heard for heard in windows if math.isclose(heard.end_net_s, last.end_net_s - last.length_s, abs_tol=1e-6)]
    return [*before, last]


def stability(folder: Path, data: Path, recordings: Sequence[Recording]) -> dict[str, dict[str, Any]]:
    """How far the first 4 s of `recordings`, through mu-law, lie from what the model's papers expect, by quantity."""
    detector, heard = load_detector(folder), []
    for recording in recordings:
        samples = through(read_samples(data, recording), "pcmu", {}, seed_of(recording))
        [(_, window)] = windows_of(samples, "after_4_s", _spec(detector.model))
        heard.append({"score": float(detector.raw([window])[0]), **drift.describe(window)})
    found = {}
    for name, edges in detector.model.card["reference"].items():
        values = np.array([one[name] for one in heard])
        counts = np.bincount(np.searchsorted(edges, values), minlength=drift.BINS).astype(np.float64)
        found[name] = {"deciles": drift.deciles(values), "index": drift.stability(counts)}
    return found


def _spec(model: Model) -> WindowSpec:
    card = model.card
    return WindowSpec("synthetic_voice", card["window_s"], card["hop_s"], card["min_window_s"])


def _score(
    folder: Path, data: Path, recording: Recording, line: LineName, extent: Extent
) -> list[tuple[float, float, float]]:
    detector = load_detector(folder)
    samples = through(read_samples(data, recording), line, read_noises(data), seed_of(recording))
    windows = windows_of(samples, extent, _spec(detector.model))
    raw = detector.raw([speech for _, speech in windows])
    return [(end, len(speech) / RATE_HZ, float(one)) for (end, speech), one in zip(windows, raw, strict=True)]


def _key(detector: Detector, data: Path, recordings: Sequence[Recording], line: LineName, extent: Extent) -> str:
    """Changes with the recordings, and with the model's input for a probe: line, speech detection and front end."""
    heard = windows_of(through(probe(1, 6.0), line, read_noises(data), 1), extent, _spec(detector.model))
    digest = hashlib.sha256(detector.prepare([speech for _, speech in heard]).tobytes())
    for recording in recordings:
        digest.update("\n".join(recording.paths).encode() + b"\0")
    return digest.hexdigest()[:12]
