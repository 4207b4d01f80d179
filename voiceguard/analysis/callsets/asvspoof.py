"""Other people's call sets and scores: protocol, score and key files of ASVspoof, and folders of recordings.

Formats: `LA` of ASVspoof 2019 (README.LA.txt: speaker, file, -, system, key) and of 2021 (its keys add codec and
transmission); ASVspoof 5 (README of the database: ten columns, with blanks between whatever the name says) and its
evaluation package's tables, with tabs and a heading line. There a higher score speaks for genuine speech; here, as
everywhere in voiceguard, for fraud: reading and writing turn the sign.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import soundfile

from voiceguard.analysis.callsets.callset import LabelledCall
from voiceguard.errors import ConfigurationError
from voiceguard.measures import metrics

Trial = Literal["target", "nontarget", "spoof"]
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
FOLDERS: Mapping[str, Literal["genuine", "synthetic"]] = {
    "genuine": "genuine", "bonafide": "genuine", "bona-fide": "genuine", "real": "genuine", "human": "genuine",
    "synthetic": "synthetic", "spoof": "synthetic", "fake": "synthetic", "tts": "synthetic",
}
"""Names of folders that say what is in them."""
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


# ── protocols and folders ────────────────────────────────────────────────────────────────────────────────────────────


def read_protocol(path: Path) -> list[Entry]:
    """The files of an ASVspoof protocol: five columns (2019), eight (2021), six or ten (5).

    Raises ConfigurationError naming the line that is none of these.
    """
    entries = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split()
        parse = _PROTOCOLS.get(len(fields))
        entry = None if parse is None else parse(fields)
        if entry is None:
            raise ConfigurationError(f"{path.name}, line {number}: this is no line of an ASVspoof protocol")
        entries.append(entry)
    return entries


def _entry(name: str, key: str, speaker: str, attack: str, codec: str = "-") -> Entry | None:
    if key not in _KEYS:
        return None
    known = ["" if value in ("-", "bonafide") else value for value in (speaker, attack, codec)]
    return Entry(name, key == "bonafide", *known)


_PROTOCOLS: Mapping[int, Callable[[Sequence[str]], Entry | None]] = {
    5: lambda fields: _entry(fields[1], fields[4], fields[0], fields[3]),
    6: lambda fields: _entry(fields[1], fields[5], fields[0], fields[4]),
    8: lambda fields: _entry(fields[1], fields[5], fields[0], fields[4], fields[2]),
    10: lambda fields: _entry(fields[1], fields[8], fields[0], fields[7], fields[3]),
}


def import_protocol(protocol: Path, audio: Path, out: Path, action: str | None = None) -> int:
    """A call set of the protocol's files, which lie in `audio`; returns how many. A file that is not there stays in:
    a replay says so. `action` is asked for at the end of each. Raises ConfigurationError."""
    files = {path.stem: path for path in sorted(audio.iterdir()) if path.suffix in SUFFIXES} if audio.is_dir() else {}
    if not files:
        raise ConfigurationError(f"{audio.name}: holds no recordings")
    return _write(out, [
        _call(
            entry.name, files.get(entry.name, audio / f"{entry.name}.flac"), out, action, genuine=entry.genuine,
            tags={
                "source": entry.speaker, "speaker": entry.speaker, "codec": entry.codec,
                "attack": "" if entry.genuine else entry.attack,
            },
        )
        for entry in read_protocol(protocol)
    ])


def import_folder(folder: Path, out: Path, action: str | None = None) -> int:
    """A call set of the recordings below `folder`; a folder on the way to each says by its name what it is, and the
    folder that it lies in is its source. Raises ConfigurationError when a recording's label is not told."""
    calls = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES):
        parts = path.relative_to(folder).parts
        labels = {FOLDERS[part.lower()] for part in parts[:-1] if part.lower() in FOLDERS}
        if len(labels) != 1:
            raise ConfigurationError(
                f"{'/'.join(parts)}: lies in no folder, or in two, of the names {', '.join(sorted(FOLDERS))}"
            )
        genuine, source = labels == {"genuine"}, "/".join(parts[:-1])
        tags = {"source": source, "attack": "" if genuine else parts[-2]}
        calls.append(_call("/".join(parts), path, out, action, genuine=genuine, tags=tags))
    if not calls:
        raise ConfigurationError(f"{folder.name}: holds no recordings")
    return _write(out, calls)


def _call(
    call_id: str, path: Path, out: Path, action: str | None, *, genuine: bool, tags: Mapping[str, str]
) -> dict[str, object]:
    events = [] if action is None else [{"at_s": _seconds(path), "type": "intent", "action": action}]
    return {
        "call_id": call_id, "audio": Path(os.path.relpath(path.resolve(), out.resolve())).as_posix(),
        "channels": {"0": "caller"}, "label": "genuine" if genuine else "synthetic",
        "customer_ref": f"customer-{tags.get('speaker') or call_id}", "events": events,
        "tags": {name: value for name, value in tags.items() if value},
    }


def _seconds(path: Path) -> float:
    """Length, for an event at the end; 0 where the file cannot be read, which a replay tells."""
    try:
        return round(float(soundfile.info(path).duration), 3)
    except (soundfile.LibsndfileError, OSError):
        return 0.0


def _write(out: Path, calls: Iterable[Mapping[str, object]]) -> int:
    lines = [json.dumps(call, ensure_ascii=False) + "\n" for call in calls]
    out.mkdir(parents=True, exist_ok=True)
    (out / "calls.jsonl").write_text("".join(lines), encoding="utf-8")
    return len(lines)


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
    reader = csv.DictReader(_text(path).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restval="-")
    columns = reader.fieldnames or ()
    if missing := [name for name in needed if name not in columns]:
        raise ConfigurationError(f"{path.name}: has no column {missing[0]}")
    rows = list(reader)
    if None in {name for row in rows for name in row}:
        raise ConfigurationError(f"{path.name}: a line has more fields than the heading")
    return rows, columns


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in (columns, *rows)), encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
