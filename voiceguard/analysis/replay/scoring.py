"""Recordings to scores [contract]: what the detectors say of whole files, row by row."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voiceguard.adapters.audio_files import SIDES, clipped, read_caller
from voiceguard.adapters.models.detectors import Detectors
from voiceguard.analysis.callsets.channels import ChannelName, apply
from voiceguard.detectors import speaker, synthetic
from voiceguard.errors import AudioFileError, ModelError
from voiceguard.events import RATE_HZ, Samples, Window
from voiceguard.settings import Settings
from voiceguard.speech import SpeechTrack, WindowSpec
from voiceguard.speech.vad import FRAME_S

SYNTHETIC_COLUMNS = ("path", "net_speech_s", "llr", "p_synthetic", "first_decision_s", "decision", "error")
SPEAKER_COLUMNS = ("enrol", "test", "llr", "cosine", "error")
LEAST_S = 0.3
"""Net speech below which a file holds too little to score at all, seconds. A live call waits for more."""

Row = dict[str, Any]


@dataclass(frozen=True)
class HeardFile:
    """What the speaker encoder says of a file's net speech, piece by piece."""

    outputs: Sequence[NDArray[np.float32]]
    """Embeddings, (192,) each; none where the file holds too little speech."""
    samples: Sequence[int]
    """Of each piece."""
    net_speech_s: float


@dataclass(frozen=True)
class FileScorer:
    """Scores files as live calls are scored: the same line, the same speech detection, and for synthetic voices the
    same windows. The speaker encoder hears a file whole, in pieces of up to 6 s."""

    settings: Settings
    detectors: Detectors
    channel: ChannelName = "pcmu"
    max_speech_s: float = math.inf
    """Only so much of a file's net speech is used, seconds."""
    side: int | None = None
    """The caller's channel, where a table names none."""

    def synthetic(self, path: Path, side: int | None = None) -> Row:
        """Evidence of one file; `side`: the caller's channel. `llr` > 0 speaks for synthetic; tempered as in a call, so
        that it is calibrated for the file as a whole. `clipped`: share of samples at full scale, 0 for a few.

        Raises AudioFileError, ModelError.
        """
        samples = self._caller(path, side)
        windows, net_s = self._windows(apply(samples, self.channel), self.detectors.specs[0])
        outputs = self._run("synthetic_voice", windows)
        llrs = synthetic.llr(outputs, self.detectors.calibrations.synthetic) if len(outputs) else np.zeros(0)
        running = [self._tempered(llrs[: index + 1], window.end_net_s) for index, window in enumerate(windows)]
        first = next((
            window.end_net_s for llr, window in zip(running, windows, strict=True)
            if self._decision(llr, window.end_net_s)
        ), None)
        llr = running[-1] if running else None
        return {
            "net_speech_s": round(net_s, 2), "llr": None if llr is None else round(llr, 4),
            "p_synthetic": None if llr is None else round(1.0 / (1.0 + math.exp(-llr)), 4),
            "first_decision_s": None if first is None else round(first, 2),
            "decision": (llr is not None and self._decision(llr, net_s)) or self._undecided(net_s),
            "clipped": clipped(samples),
        }

    def hear(self, path: Path) -> HeardFile:
        """What the speaker encoder says of one file. Raises AudioFileError, ModelError."""
        speech = self._speech(path)
        pieces = speaker.pieces(speech) if len(speech) >= LEAST_S * RATE_HZ else []
        outputs = [self.detectors.scorers["speaker_embedding"]([piece])[0] for piece in pieces]
        return HeardFile(outputs, [len(piece) for piece in pieces], len(speech) / RATE_HZ)

    def speakers(self, enrol: Sequence[HeardFile], test: HeardFile) -> Row:
        """Whether two sides are one voice; `llr` > 0 speaks for the same. Raises AudioFileError, ModelError."""
        (one, one_s), (other, other_s) = _voice(enrol), _voice([test])
        alike = float(speaker.cosine(one, other))
        llr = speaker.same_speaker_llr(alike, one_s, other_s, self.detectors.calibrations.speaker)
        return {"llr": round(float(llr), 4), "cosine": round(alike, 4)}

    def _caller(self, path: Path, side: int | None = None) -> Samples:
        return read_caller(path, self.side if side is None else side)

    def _speech(self, path: Path) -> Samples:
        """The file's net speech (n,)."""
        frames = WindowSpec("speaker_embedding", FRAME_S, FRAME_S, FRAME_S)
        windows, _ = self._cut(apply(self._caller(path), self.channel), frames)
        return np.concatenate([window.samples for window in windows] or [np.zeros(0, np.float32)])

    def _windows(self, samples: Samples, spec: WindowSpec) -> tuple[list[Window], float]:
        """Windows of the net speech, and its seconds. Speech too short for a call to judge is one window."""
        windows, net_s = self._cut(samples, spec)
        if not windows and net_s >= LEAST_S:
            # Every frame ends a window here, the last of which holds all that there is.
            windows = self._cut(samples, WindowSpec(spec.task, spec.window_s, 0.02, LEAST_S))[0][-1:]
        return windows, net_s

    def _cut(self, samples: Samples, spec: WindowSpec) -> tuple[list[Window], float]:
        track = SpeechTrack(self.settings.speech, (spec,), self.detectors.check)
        heard = [*track.feed(samples), *track.finish()]
        windows = [window for window in heard if window.end_net_s <= self.max_speech_s + 1e-6]
        return windows, min(track.net_s, self.max_speech_s)

    def _run(self, task: Any, windows: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Raw outputs, one window a run: what a batch of one gives does not hang on its neighbours."""
        return [self.detectors.scorers[task]([window.samples])[0] for window in windows]

    def _tempered(self, llrs: NDArray[np.float64], net_s: float) -> float:
        risk = self.settings.risk
        return float(llrs.mean()) * risk.synthetic_worth * (1.0 - math.exp(-net_s / risk.synthetic_memory_s))

    def _decision(self, llr: float, net_s: float) -> str | None:
        if self._undecided(net_s) == "insufficient_speech" or abs(llr) < self.settings.risk.undecided:
            return None
        return "synthetic" if llr > 0 else "bona_fide"

    def _undecided(self, net_s: float) -> str:
        return "insufficient_speech" if net_s < self.detectors.specs[0].min_s else "inconclusive"


def _voice(files: Sequence[HeardFile]) -> tuple[NDArray[np.float32], float]:
    """Voiceprint (192,) of several recordings, and the net speech behind it, seconds."""
    outputs = [output for file in files for output in file.outputs]
    if not outputs:
        raise AudioFileError("holds too little speech")
    try:
        embedding = speaker.enrol(outputs, [samples for file in files for samples in file.samples])
    except ValueError as error:
        raise ModelError(str(error)) from error
    return embedding, sum(file.net_speech_s for file in files)


def file_in(folder: Path, cell: str) -> Path:
    """The file that a cell names, relative to a folder or absolute. Raises AudioFileError for an empty cell."""
    if not cell.strip():
        raise AudioFileError("names no file")
    return folder / cell


def side_in(row: Mapping[str, str]) -> int | None:
    """The caller's channel that a row names in its column `side`; None for an empty cell or no such column.

    Raises AudioFileError for what names no channel.
    """
    cell = row.get("side", "").strip().lower()
    if not cell:
        return None
    if cell in SIDES:
        return SIDES[cell]
    raise AudioFileError("side is not left, right or the number of a channel")


def files_in(folder: Path, cell: str) -> list[Path]:
    """The files that a cell names, joined by `;`. Raises AudioFileError where a name is empty, but for the last."""
    return [file_in(folder, name) for name in cell.removesuffix(";").split(";")]


def score_table(
    rows: Sequence[Mapping[str, str]], keys: Sequence[str], score: Callable[[Mapping[str, str]], Row]
) -> Iterable[Row]:
    """One row out for each row in, in order, on all cores. A file that cannot be scored gets its error as text."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda row: _scored(row, keys, score), rows)


def _scored(row: Mapping[str, str], keys: Sequence[str], score: Callable[[Mapping[str, str]], Row]) -> Row:
    named = {key: row[key] for key in keys}
    try:
        return {**named, **score(row), "error": None}
    except (AudioFileError, ModelError) as error:
        return {**named, "error": str(error)}


Told = Mapping[Path, HeardFile | AudioFileError | ModelError]
"""What the speaker encoder says of each file, or why it says nothing."""


def files_of(rows: Sequence[Mapping[str, str]], folder: Path) -> list[Path]:
    """Every file that trials name, once, in order. A trial whose cells are not in order names none."""
    found: dict[Path, None] = {}
    for row in rows:
        with suppress(AudioFileError):
            found |= dict.fromkeys([*files_in(folder, row["enrol"]), file_in(folder, row["test"])])
    return list(found)


def hear_files(files: Sequence[Path], scorer: FileScorer, done: Callable[[], object] = lambda: None) -> Told:
    """Each file on all cores, once, however many trials name it; `done` is called after each."""

    def hear(path: Path) -> HeardFile | AudioFileError | ModelError:
        try:
            return scorer.hear(path)
        except (AudioFileError, ModelError) as error:
            return error

    told: dict[Path, HeardFile | AudioFileError | ModelError] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, heard in zip(files, pool.map(hear, files), strict=True):
            told[path] = heard
            done()
    return told


def score_trials(rows: Sequence[Mapping[str, str]], folder: Path, told: Told, scorer: FileScorer) -> Iterable[Row]:
    """One row out for each trial in, in order, by what was said of its files."""

    def known(path: Path) -> HeardFile:
        heard = told[path]
        if not isinstance(heard, HeardFile):
            raise type(heard)(str(heard))
        return heard

    def score(row: Mapping[str, str]) -> Row:
        enrol = [known(path) for path in files_in(folder, row["enrol"])]
        return scorer.speakers(enrol, known(file_in(folder, row["test"])))

    # A comparison takes less than threads would cost.
    return (_scored(row, ["enrol", "test"], score) for row in rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> list[Row]:
    """Write rows as they come; returns them."""
    written = []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            written.append(row)
    return written
