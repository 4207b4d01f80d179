"""Step 3: cosines to log-likelihood ratios, as calls meet them: a first voice against a later one on the same line.

Writes ``model.json``: the weights' hash, how to use them, and the calibration.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.detection.scoring import net_speech
from training.speaker.corpus import (
    HOP_SAMPLES,
    SOURCES,
    Clip,
    Samples,
    by_speaker,
    read_clips,
    read_noises,
    speech_on_line,
)
from training.speaker.export import NAME, ORIGIN, PLAIN
from training.speaker.moods import in_another_mood
from training.speaker.whiten import fit as fit_projection
from voiceguard.adapters.onnx_models import open_session
from voiceguard.analysis import metrics
from voiceguard.analysis.channels import apply
from voiceguard.detectors import speaker
from voiceguard.detectors.features import BANDS, SAMPLE_RATE_HZ

SEED = 20261123
HEARD_S = 45
"""Net speech of each person that is embedded, seconds."""
HOP_S = HOP_SAMPLES / SAMPLE_RATE_HZ
SPANS = {"reference": (1, 3, 5, 9), "recent": (0, 1, 2, 3)}
"""Windows on either side; 1 is 3 s, every further one 1.5 s more. 0 is 2 s, the least that is ever scored."""
TRIALS = 6
"""Of each kind at most, for every speaker, line and pair of spans."""

Line = Callable[[Clip], Samples]
"""A clip to its net speech at the far end."""


@dataclass(frozen=True)
class Voice:
    """One person on one line, in the order of speech."""

    speaker: str
    source: str
    windows: NDArray[np.float32]
    """Embeddings of 3 s, one every 1.5 s: (windows, 192)."""
    beginnings: NDArray[np.float32]
    """Embeddings of the first 2 s of the same windows: (windows, 192)."""


@dataclass(frozen=True)
class Trials:
    """Comparisons, one array element each."""

    cosine: NDArray[np.float64]
    reference_s: NDArray[np.float64]
    recent_s: NDArray[np.float64]
    same: NDArray[np.bool_]
    speaker: NDArray[np.str_]
    source: NDArray[np.str_]

    def __getitem__(self, rows: NDArray[np.bool_]) -> Trials:
        return Trials(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def main() -> None:
    """Embed the training speakers, draw trials, fit, write ``models/speaker-campplus/model.json``."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.calibrate", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    parser.add_argument("--commit", required=True, help="commit that holds this code")
    arguments = parser.parse_args()
    folder = Path("models") / NAME
    clips = read_clips(arguments.data)
    trials = draw(voices(clips, lines(arguments.data)))
    calibration = fit(trials)
    write_card(folder, calibration, trials, arguments.data, arguments.commit)
    print(calibration, describe(trials, evidence(trials, calibration)), sep="\n")
    print("each source by a fit to the others:")
    for source in sorted(set(trials.source)):
        unseen = trials.source == source
        print(f"  {source}: {describe(trials[unseen], evidence(trials[unseen], fit(trials[~unseen])))}")


def lines(data: Path) -> list[Line]:
    """Plain mu-law, GSM into mu-law, another mood in mu-law, and two random calls with handset, room, noise and lost
    packets."""
    noises = read_noises(data)
    return [
        lambda clip: net_speech(apply(clip.samples, "pcmu")),
        lambda clip: net_speech(apply(apply(clip.samples, "gsm"), "pcmu")),
        _in_moods,
        *(partial(speech_on_line, noises=noises, line=SEED + number) for number in range(2)),
    ]


def _in_moods(clip: Clip) -> Samples:
    """Every other clip in another mood, the same one whenever it is asked for."""
    rng = np.random.default_rng(zlib.crc32(clip.samples.tobytes()))
    return net_speech(apply(in_another_mood(clip.samples, rng) if rng.random() < 0.5 else clip.samples, "pcmu"))


def voices(clips: list[Clip], through: list[Line]) -> list[list[Voice]]:
    """For each line, everybody on it, by a projection that learned nothing from their source."""
    session = open_session(PLAIN.read_bytes())
    projections = {source: fit_projection(PLAIN.with_name("heard.npz"), without=source) for source in SOURCES}

    def embed(windows: list[Samples], source: str) -> NDArray[np.float32]:
        outputs = [session.run(None, {"log_mel": speaker.prepare([window])})[0][0] for window in windows]
        return projections[source](speaker.normalise(np.stack(outputs)))

    everybody: list[list[Voice]] = []
    for line in through:
        found = []
        for name, places in by_speaker(clips).items():
            speech = np.concatenate([line(clips[place]) for place in places[:12]])[: HEARD_S * SAMPLE_RATE_HZ]
            starts = range(0, len(speech) - speaker.WINDOW_SAMPLES + 1, HOP_SAMPLES)
            if not starts:
                continue
            cut = [speech[start : start + speaker.WINDOW_SAMPLES] for start in starts]
            source = clips[places[0]].source
            beginnings = embed([window[: speaker.MIN_WINDOW_SAMPLES] for window in cut], source)
            found.append(Voice(name, source, embed(cut, source), beginnings))
        everybody.append(found)
    return everybody


def draw(everybody: list[list[Voice]]) -> Trials:
    """Comparisons within a source and a line: the same person later, and another person instead.

    The reference lies first; where there is no more speech after it, nothing is drawn for the same person.
    """
    random = np.random.default_rng(SEED)
    rows: list[tuple[float, float, float, bool, str, str]] = []
    for found in everybody:
        peers = defaultdict(list)
        for voice in found:
            peers[voice.source].append(voice)
        for voice in found:
            others = [other for other in peers[voice.source] if other.speaker != voice.speaker]
            for first in SPANS["reference"]:
                if first > len(voice.windows):
                    continue
                reference = speaker.normalise(voice.windows[:first].sum(axis=0))
                for span in SPANS["recent"]:
                    # Window `first` overlaps the reference, and would be compared with itself.
                    later = [(voice, place) for place in _places(voice, span, first + 1)]
                    instead = [(other, place) for other in others for place in _places(other, span, 0)]
                    for same, choices in ((True, later), (False, instead)):
                        for index in random.permutation(len(choices))[:TRIALS]:
                            who, place = choices[index]
                            alike = float(speaker.cosine(reference, _recent(who, place, span)))
                            spans = _seconds(first), _seconds(span)
                            rows.append((alike, *spans, same, voice.speaker, voice.source))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Trials(*columns)


def _places(voice: Voice, span: int, earliest: int) -> range:
    return range(earliest, len(voice.windows) - max(span, 1) + 1)


def _recent(voice: Voice, place: int, span: int) -> NDArray[np.float32]:
    if span == 0:
        return np.asarray(voice.beginnings[place])
    return speaker.normalise(voice.windows[place : place + span].sum(axis=0))


def _seconds(span: int) -> float:
    return speaker.WINDOW_S + HOP_S * (span - 1) if span else speaker.MIN_WINDOW_S


def fit(trials: Trials) -> speaker.Calibration:
    """Weighted logistic regression with equal priors; sources weigh by the square root of their trials, per class.

    People heard in both roles, N of them, can show an error rate of 3 / N at best (rule of three): the evidence is
    bounded by ln(N / 3).
    """
    weights = np.ones(len(trials.same))
    for same in (True, False):
        rows = trials.same == same
        _, group, count = np.unique(trials.source[rows], return_inverse=True, return_counts=True)
        weights[rows] = 1.0 / np.sqrt(count[group])
        weights[rows] *= 0.5 / weights[rows].sum()
    speech = np.log(trials.reference_s) + np.log(trials.recent_s)
    sign = np.where(trials.same, -1.0, 1.0)

    def cost(parameters: NDArray[np.float64]) -> float:
        odds = parameters[0] * trials.cosine + parameters[1] * speech + parameters[2]
        return float(np.sum(weights * np.logaddexp(0, sign * odds)))

    scale, duration, offset = minimize(cost, np.array([10.0, 0.0, -5.0]), method="BFGS").x
    people = len(set(trials.speaker[trials.same]))
    return speaker.Calibration(
        scale=round(float(scale), 4), duration=round(float(duration), 4), offset=round(float(offset), 4),
        min_speech_s=_seconds(SPANS["recent"][0]), max_speech_s=_seconds(SPANS["reference"][-1]),
        limit=round(float(np.log(people / 3.0)), 2),
    )


def evidence(trials: Trials, calibration: speaker.Calibration) -> NDArray[np.float64]:
    """ln p(x | same speaker) / p(x | different speakers) of every trial."""
    return speaker.same_speaker_llr(trials.cosine, trials.reference_s, trials.recent_s, calibration)


def describe(trials: Trials, llr: NDArray[np.float64]) -> str:
    """The measures of these trials, in a line."""
    same, other = llr[trials.same], llr[~trials.same]
    people = len(set(trials.speaker[trials.same]))
    return (f"{len(same)} same by {people} people, {len(other)} different, EER {metrics.eer(same, other):.4f}, "
            f"Cllr {metrics.cllr(same, other):.3f}, min {metrics.cllr_min(same, other):.3f}, "
            f"same below zero {np.mean(same < 0):.4f}, different above {np.mean(other > 0):.4f}")


def write_card(folder: Path, calibration: speaker.Calibration, trials: Trials, data: Path, commit: str) -> None:
    """The papers that a program reads."""
    digests: Mapping[str, str] = {
        **{name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in ("train.csv", "noise.csv")},
        "heard": hashlib.sha256(PLAIN.with_name("heard.npz").read_bytes()).hexdigest(),
        "trials": hashlib.sha256(trials.cosine.round(3).tobytes()).hexdigest(),
    }
    card = {
        "name": NAME, "task": "speaker_embedding", "version": "2.0.0",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "sample_rate_hz": SAMPLE_RATE_HZ, "window_s": speaker.WINDOW_S, "min_window_s": speaker.MIN_WINDOW_S,
        "hop_s": HOP_S, "frontend": "fbank80_16k",
        "input": {"name": "log_mel", "shape": ["batch", 298, BANDS]},
        "output": {"name": "embedding", "polarity": "higher cosine is the same speaker"},
        "calibration": {name: getattr(calibration, name) for name in speaker.Calibration.__dataclass_fields__},
        "origin": ORIGIN, "training": {"seed": SEED, "data_sha256": digests, "commit": commit},
    }
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
