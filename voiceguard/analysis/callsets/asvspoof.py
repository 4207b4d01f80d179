"""Protocol, score and key files of ASVspoof.

Formats: `LA` of ASVspoof 2019 (README.LA.txt: speaker, file, -, system, key); the keys of 2021: `LA` adds codec and
transmission, `DF` has thirteen columns, `PA` twelve; ASVspoof 5 (README of the database: ten columns, with blanks
between whatever the name says) and its evaluation package's tables, with tabs and a heading line. There a higher score
speaks for genuine speech; here, as everywhere in voiceguard, for fraud: reading and writing turn the sign.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from voiceguard.adapters.tables import read_text
from voiceguard.analysis.callsets.callset import LabelledCall
from voiceguard.errors import ConfigurationError
from voiceguard.measures import metrics

Trial = Literal["target", "nontarget", "spoof"]
_KEYS = {"bonafide": "genuine", "spoof": "synthetic"}


@dataclass(frozen=True)
class Entry:
    """One file of a protocol."""

    name: str
    genuine: bool
    speaker: str = ""
    attack: str = ""
    codec: str = ""


@dataclass(frozen=True)
class Score:
    """One line of a score file; scores of other kinds than its own are None."""

    filename: str
    cm: float
    """ln p(x | spoof) / p(x | bona fide), so that higher speaks for a spoof."""
    speaker: str = ""
    asv: float | None = None
    sasv: float | None = None
    """Higher speaks for the customer."""


# ── protocols ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_protocol(path: Path) -> list[Entry]:
    """The files of an ASVspoof protocol: five columns (2019), eight (LA of 2021), thirteen (DF), twelve
    (PA), six or ten (5). A line that comes again counts once.

    Raises ConfigurationError naming the line that is none of these, or says something else of the same file.
    """
    entries: dict[str, Entry] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split()
        parse = _PROTOCOLS.get(len(fields))
        entry = None if parse is None else parse(fields)
        if entry is None:
            raise ConfigurationError(f"{path.name}, line {number}: this is no line of an ASVspoof protocol")
        if entries.setdefault(entry.name, entry) != entry:
            raise ConfigurationError(f"{path.name}, line {number}: an earlier line says something else of this file")
    return list(entries.values())


def _entry(name: str, key: str, speaker: str, attack: str, codec: str = "-") -> Entry | None:
    if key not in _KEYS:
        return None
    known = ["" if value in ("-", "bonafide") else value for value in (speaker, attack, codec)]
    return Entry(name, key == "bonafide", *known)


_PROTOCOLS: Mapping[int, Callable[[Sequence[str]], Entry | None]] = {
    5: lambda fields: _entry(fields[1], fields[4], fields[0], fields[3]),
    6: lambda fields: _entry(fields[1], fields[5], fields[0], fields[4]),
    8: lambda fields: _entry(fields[1], fields[5], fields[0], fields[4], fields[2]),
    12: lambda fields: _entry(fields[1], fields[9], fields[0], "-" if fields[9] == "bonafide" else "replay"),
    13: lambda fields: _entry(fields[1], fields[5], fields[0], fields[4], fields[2]),
    10: lambda fields: _entry(fields[1], fields[8], fields[0], fields[7], fields[3]),
}


# ── scores and keys of ASVspoof 5 ────────────────────────────────────────────────────────────────────────────────────


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """A score file of track 2 where the scores name speakers, else of track 1; `-` stands for what there is none of."""
    rows = list(scores)
    if any(score.speaker for score in rows):
        table = [
            (one.speaker, one.filename, *("-" if x is None else f"{x:.6f}" for x in (-one.cm, one.asv, one.sasv)))
            for one in rows
        ]
        _write_table(path, ("spk", "filename", "cm-score", "asv-score", "sasv-score"), table)
    else:
        _write_table(path, ("filename", "cm-score"), [(one.filename, f"{-one.cm:.6f}") for one in rows])


def read_scores(path: Path) -> list[Score]:
    """Scores of either track. Raises ConfigurationError naming the line that is wrong."""
    rows, columns = _read_table(path, ("filename",))
    scores = []
    for number, row in enumerate(rows, 2):
        cm, asv, sasv = (_number(path, number, row.get(name, "-")) for name in ("cm-score", "asv-score", "sasv-score"))
        if cm is None and sasv is None:
            raise ConfigurationError(f"{path.name}, line {number}: has no score")
        scores.append(Score(row["filename"], 0.0 if cm is None else -cm, row.get("spk", ""), asv, sasv))
    return scores


def measure(scores: Sequence[Score], key: Mapping[tuple[str, str], str]) -> dict[str, float]:
    """The figures of the key's track: EER, DCFs and Cllr of track 1, a-DCF of track 2.

    Raises ConfigurationError when a file has a score and no label, or the other way round.
    """
    found = {(one.speaker, one.filename): one for one in scores}
    if len(found) < len(scores) or set(found) != set(key):
        raise ConfigurationError("scores and key are not of the same files, each once")
    try:
        if set(key.values()) <= set(_KEYS):
            spoof, genuine = ([found[at].cm for at in key if key[at] == label] for label in ("spoof", "bonafide"))
            return {name: round(figure(spoof, genuine), 6) for name, figure in _FIGURES.items()}
        trials = {trial: [found[at].sasv for at in key if key[at] == trial] for trial in get_args(Trial)}
        if any(score is None for of in trials.values() for score in of):
            raise ConfigurationError("a trial has no sasv-score")
        return {"a_dcf": round(metrics.a_dcf(**trials), 6)}  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


_FIGURES: Mapping[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "min_dcf": metrics.min_dcf, "act_dcf": metrics.act_dcf, "eer": metrics.eer, "cllr": metrics.cllr,
}


def write_key(path: Path, calls: Iterable[LabelledCall]) -> None:
    """The key of a call set: of track 2 where every call is a speaker trial, else of track 1."""
    rows = [(call, "bonafide" if call.label == "genuine" else "spoof") for call in calls]
    if rows and all("trial" in call.tags for call, _ in rows):
        # Another person than the customer is no spoof to a countermeasure.
        _write_table(path, ("spk", "filename", "cm-label", "asv-label"), [
            (call.customer_ref or "-", call.call_id, "spoof" if call.tags["trial"] == "spoof" else "bonafide",
             call.tags["trial"])
            for call, _ in rows
        ])
    else:
        _write_table(path, ("filename", "cm-label"), [(call.call_id, label) for call, label in rows])


def read_key(path: Path) -> dict[tuple[str, str], Trial | Literal["bonafide"]]:
    """(speaker, or "" on track 1; file) to its label: bonafide or spoof on track 1, the kind of trial on track 2.

    Raises ConfigurationError naming the line that is wrong.
    """
    rows, columns = _read_table(path, ("filename", "cm-label"))
    name = "asv-label" if "asv-label" in columns else "cm-label"
    allowed = get_args(Trial) if name == "asv-label" else tuple(_KEYS)
    key: dict[tuple[str, str], Trial | Literal["bonafide"]] = {}
    for number, row in enumerate(rows, 2):
        if row[name] not in allowed:
            raise ConfigurationError(f"{path.name}, line {number}: {name} is not {' or '.join(allowed)}")
        key[row.get("spk", ""), row["filename"]] = row[name]  # type: ignore[assignment]
    return key


def _number(path: Path, line: int, text: str) -> float | None:
    if text == "-":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if math.isnan(value):
        raise ConfigurationError(f"{path.name}, line {line}: a score is not a number")
    return value


def _read_table(path: Path, needed: Sequence[str]) -> tuple[list[dict[str, str]], Sequence[str]]:
    reader = csv.DictReader(read_text(path).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restval="-")
    columns = reader.fieldnames or ()
    if missing := [name for name in needed if name not in columns]:
        raise ConfigurationError(f"{path.name}: has no column {missing[0]}")
    rows = list(reader)
    if None in {name for row in rows for name in row}:
        raise ConfigurationError(f"{path.name}: a line has more fields than the heading")
    return rows, columns


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in (columns, *rows)), encoding="utf-8")
