"""Speaker trials as in the service, drawn from the labelled speakers of the training set.

Within a call, the first speech is compared with later speech on the same line. A voiceprint or an entry of the watch
list is compared with speech on another line.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.scoring import net_speech
from training.speaker.corpus import (
    HOP_SAMPLES,
    Clip,
    Samples,
    by_speaker,
    read_clips,
    read_noises,
    speech_on_line,
)
from training.speaker.export import PLAIN
from training.speaker.moods import in_another_mood
from voiceguard.adapters.models.onnx import open_session
from voiceguard.analysis.callsets.channels import apply
from voiceguard.detectors import speaker
from voiceguard.detectors.features import SAMPLE_RATE_HZ

SEED = 20261123
HEARD_S = 24
"""Net speech of each person that is embedded at most, seconds."""
HOP_S = HOP_SAMPLES / SAMPLE_RATE_HZ
SPANS = {"reference": (1, 3, 5, 9), "recent": (0, 1, 2, 3)}
"""Windows on either side; 1 is 3 s, every further one 1.5 s more. 0 is 2 s, the least that is ever scored."""
TRIALS = 6
"""Of each kind at most, for every speaker, line and pair of spans."""

Projection = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Voice:
    """One person on one line, in the order of speech."""

    speaker: str
    source: str
    line: str
    windows: NDArray[np.float32]
    """Embeddings of 3 s every 1.5 s: (windows, any)."""
    beginnings: NDArray[np.float32]
    """For the first 2 s of the same windows: (windows, any)."""

    def through(self, projection: Projection) -> Voice:
        """The same with unit-length embeddings: (windows, 192)."""
        return Voice(self.speaker, self.source, self.line, projection(self.windows), projection(self.beginnings))


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
        return Trials(*(getattr(self, field.name)[rows] for field in fields(self)))

    def __add__(self, other: Trials) -> Trials:
        return Trials(*(
            np.concatenate([getattr(self, field.name), getattr(other, field.name)]) for field in fields(self)
        ))


def lines(data: Path) -> Mapping[str, Callable[[Clip], Samples]]:
    """A clip to its net speech at the far end: plain mu-law, GSM into mu-law, another mood in mu-law, and two random
    calls with handset, room, noise and lost packets."""
    noises = read_noises(data)
    return {
        "pcmu": lambda clip: net_speech(apply(clip.samples, "pcmu")),
        "gsm": lambda clip: net_speech(apply(apply(clip.samples, "gsm"), "pcmu")),
        "moods": _in_moods,
        **{f"line-{number}": partial(speech_on_line, noises=noises, line=SEED + number) for number in range(2)},
    }


def _in_moods(clip: Clip) -> Samples:
    """Every other clip in another mood, the same one whenever it is asked for."""
    rng = np.random.default_rng(zlib.crc32(clip.samples.tobytes()))
    return net_speech(apply(in_another_mood(clip.samples, rng) if rng.random() < 0.5 else clip.samples, "pcmu"))


def voices(data: Path, model: Path) -> list[Voice]:
    """Embeddings of every speaker on every line by a model without projection; cached below ``training/work``."""
    weights = model.read_bytes()
    path = PLAIN.with_name(f"voices-{HEARD_S}-{hashlib.sha256(weights).hexdigest()[:12]}.npz")
    if not path.is_file():
        session = open_session(weights)

        def embed(cut: Sequence[Samples]) -> NDArray[np.float32]:
            # One window a run: what the network gives must not hang on its neighbours.
            return np.array([session.run(None, {"log_mel": speaker.prepare([one])})[0][0] for one in cut])

        rows = []
        for name, source, line, cut in _people(data):
            beginnings = [window[: speaker.MIN_WINDOW_SAMPLES] for window in cut]
            who = ([label] * len(cut) for label in (name, source, line))
            rows += list(zip(*who, embed(cut), embed(beginnings), strict=True))
        names = ("speaker", "source", "line", "windows", "beginnings")
        np.savez(path, **{name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    with np.load(path) as file:
        table = {name: file[name] for name in file.files}
    found = []
    for line in dict.fromkeys(table["line"].tolist()):
        for name in dict.fromkeys(table["speaker"][table["line"] == line].tolist()):
            here = (table["line"] == line) & (table["speaker"] == name)
            parts = (table[part][here] for part in ("windows", "beginnings"))
            found.append(Voice(name, str(table["source"][here][0]), line, *parts))
    return found


def _people(data: Path) -> Iterator[tuple[str, str, str, list[Samples]]]:
    clips = read_clips(data)
    for line, through in lines(data).items():
        for name, places in by_speaker(clips).items():
            speech = np.concatenate([through(clips[place]) for place in places[:12]])[: HEARD_S * SAMPLE_RATE_HZ]
            starts = range(0, len(speech) - speaker.WINDOW_SAMPLES + 1, HOP_SAMPLES)
            if starts:
                cut = [speech[start : start + speaker.WINDOW_SAMPLES] for start in starts]
                yield name, clips[places[0]].source, line, cut


def draw(everybody: Sequence[Voice], *, across: bool = False) -> Trials:
    """Comparisons within a source: the same person later, and another person instead.

    The reference lies first; where there is no more speech after it, nothing is drawn for the same person. `across`:
    the later speech comes over another line than the reference.
    """
    random = np.random.default_rng(SEED)
    rows: list[tuple[float | bool | str, ...]] = []
    peers: dict[tuple[str, str], list[Voice]] = defaultdict(list)
    for voice in everybody:
        peers[voice.source, voice.line].append(voice)
    every_line = list(dict.fromkeys(voice.line for voice in everybody))
    for voice in everybody:
        line = voice.line
        if across:
            line = str(random.choice([other for other in every_line if other != line]))
        around = peers[voice.source, line]
        for first in SPANS["reference"]:
            if first > len(voice.windows):
                continue
            reference = speaker.normalise(voice.windows[:first].sum(axis=0))
            for span in SPANS["recent"]:
                # Window `first` overlaps the reference, and would be compared with itself.
                later = [(one, place) for one in around if one.speaker == voice.speaker
                         for place in _places(one, span, first + 1)]
                instead = [(one, place) for one in around if one.speaker != voice.speaker
                           for place in _places(one, span, 0)]
                for same, choices in ((True, later), (False, instead)):
                    for index in random.permutation(len(choices))[:TRIALS]:
                        who, place = choices[index]
                        alike = float(speaker.cosine(reference, _recent(who, place, span)))
                        spans = seconds(first), seconds(span)
                        rows.append((alike, *spans, same, voice.speaker, voice.source))
    return Trials(*(np.array(column) for column in zip(*rows, strict=True)))


def by_unseen_projections(
    everybody: Sequence[Voice], fit: Callable[[str], Projection]
) -> list[Voice]:
    """Each voice through the projection that `fit` learned without the voice's source."""
    projections = {source: fit(source) for source in sorted({voice.source for voice in everybody})}
    return [voice.through(projections[voice.source]) for voice in everybody]


def _places(voice: Voice, span: int, earliest: int) -> range:
    return range(earliest, len(voice.windows) - max(span, 1) + 1)


def _recent(voice: Voice, place: int, span: int) -> NDArray[np.float32]:
    if span == 0:
        return np.asarray(voice.beginnings[place])
    return speaker.normalise(voice.windows[place : place + span].sum(axis=0))


def seconds(span: int) -> float:
    """Net speech of so many windows in a row."""
    return speaker.WINDOW_S + HOP_S * (span - 1) if span else speaker.MIN_WINDOW_S
