"""Recordings of others as call sets: of an ASVspoof protocol, of folders whose names say what they are, of a table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from voiceguard.adapters.audio_files import SIDES, look
from voiceguard.adapters.tables import read_table
from voiceguard.analysis.callsets.asvspoof import read_protocol
from voiceguard.errors import ConfigurationError

SUFFIXES = frozenset({
    ".3gp", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".flac", ".gsm", ".m4a", ".mka", ".mkv", ".mov",
    ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".snd", ".w64", ".wav", ".wave", ".webm", ".wma",
})
"""Of recordings, in small letters."""
LABELS: Mapping[str, Literal["genuine", "synthetic"]] = {
    "genuine": "genuine", "bonafide": "genuine", "bona-fide": "genuine", "real": "genuine", "human": "genuine",
    "synthetic": "synthetic", "spoof": "synthetic", "fake": "synthetic", "tts": "synthetic",
}
"""Names of folders, and words of a column `label`, that say what a recording is."""
_COLUMNS = {"path", "label", "call_id", "customer_ref", "customer", "side"}


@dataclass(frozen=True)
class Imported:
    """What became of the files."""

    calls: int
    passed_over: int = 0
    """Files that are hidden, or whose suffix is none of a recording."""


@dataclass(frozen=True)
class Importer:
    """Writes call sets to `out`. `action` is asked for at the end of each call; `side`: the caller's channel of files
    that have several."""

    out: Path
    action: str | None = None
    side: int | None = None

    def protocol(self, protocol: Path, audio: Path) -> Imported:
        """Of the protocol's files, which lie in `audio`. A file that is not there stays in: a replay says so.

        Raises ConfigurationError.
        """
        found, passed_over = _recordings(audio.iterdir() if audio.is_dir() else ())
        files = {path.stem: path for path in found}
        if not files:
            raise ConfigurationError(f"{audio.name}: holds no recordings")
        return Imported(self._write([
            self._call(
                entry.name, files.get(entry.name, audio / f"{entry.name}.flac"),
                label="genuine" if entry.genuine else "synthetic",
                tags={
                    "source": entry.speaker, "speaker": entry.speaker, "codec": entry.codec,
                    "attack": "" if entry.genuine else entry.attack,
                },
            )
            for entry in read_protocol(protocol)
        ]), passed_over)

    def folder(self, folder: Path) -> Imported:
        """Of the recordings below `folder`; a folder on the way to each says by its name what it is, and the folder
        that it lies in is its source, and the attack of what is synthetic.

        Raises ConfigurationError when a recording's label is not told.
        """
        calls = []
        found, passed_over = _recordings(folder.rglob("*"))
        for path in found:
            parts = path.relative_to(folder).parts
            labels = {LABELS[part.lower()] for part in parts[:-1] if part.lower() in LABELS}
            if len(labels) != 1:
                raise ConfigurationError(
                    f"{'/'.join(parts)}: lies in no folder, or in two, of the names {', '.join(sorted(LABELS))}"
                )
            label = labels.pop()
            tags = {"source": "/".join(parts[:-1]), "attack": "" if label == "genuine" else parts[-2]}
            calls.append(self._call("/".join(parts), path, label=label, tags=tags))
        if not calls:
            raise ConfigurationError(f"{folder.name}: holds no recordings ({passed_over} other files)")
        return Imported(self._write(calls), passed_over)

    def table(self, manifest: Path, audio: Path) -> Imported:
        """Of a CSV with the columns `path` (relative to `audio`, or absolute) and `label`; `call_id`, `customer_ref`
        (or `customer`) and `side` where there are such, and every other column as a tag.

        Raises ConfigurationError naming the line that is wrong.
        """
        calls: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(read_table(manifest, ["path", "label"]), 2):
            place = f"{manifest.name}, line {number}"
            cells = {name: cell.strip() for name, cell in row.items()}
            label, side = LABELS.get(cells["label"].lower()), cells.get("side", "").lower()
            if label is None:
                raise ConfigurationError(f"{place}: label is none of {', '.join(sorted(LABELS))}")
            if side and side not in SIDES:
                raise ConfigurationError(f"{place}: side is not left, right or the number of a channel")
            call_id = cells.get("call_id") or cells["path"]
            if not call_id or call_id in calls:
                raise ConfigurationError(f"{place}: {'this call stands twice' if call_id else 'names no file'}")
            calls[call_id] = self._call(
                call_id, audio / cells["path"], label=label, side=SIDES.get(side),
                customer=cells.get("customer_ref") or cells.get("customer") or "",
                tags={name: cell for name, cell in cells.items() if name and name not in _COLUMNS},
            )
        if not calls:
            raise ConfigurationError(f"{manifest.name}: holds no recordings")
        return Imported(self._write(calls.values()))

    def _call(
        self, call_id: str, path: Path, *, label: str, tags: Mapping[str, str], side: int | None = None,
        customer: str = "",
    ) -> dict[str, Any]:
        channels, seconds = look(path)  # 0 where the file cannot be read, which a replay tells
        side = self.side if side is None else side
        if channels > 1 and side is None:
            raise ConfigurationError(
                f"{call_id}: has {channels} channels: say which is the caller's (--side, or a column side)"
            )
        if channels and side is not None and side >= channels:
            raise ConfigurationError(f"{call_id}: has no channel {side}, only {channels}")
        roles = {str(side or 0): "caller"}
        if channels == 2:
            roles[str(1 - (side or 0))] = "agent"
        events = [] if self.action is None else [{"at_s": round(seconds, 3), "type": "intent", "action": self.action}]
        return {
            "call_id": call_id, "audio": Path(os.path.relpath(path.resolve(), self.out.resolve())).as_posix(),
            "channels": roles, "label": label,
            "customer_ref": customer or f"customer-{tags.get('speaker') or call_id}", "events": events,
            "tags": {name: value for name, value in tags.items() if value},
        }

    def _write(self, calls: Iterable[Mapping[str, Any]]) -> int:
        lines = [json.dumps(call, ensure_ascii=False) + "\n" for call in calls]
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "calls.jsonl").write_text("".join(lines), encoding="utf-8")
        return len(lines)


def _recordings(paths: Iterable[Path]) -> tuple[list[Path], int]:
    """Those that are recordings, in order, and how many other files there are; hidden ones, as macOS and editors leave
    them, are none."""
    files = sorted(_files(paths))
    found = [path for path in files if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    return found, len(files) - len(found)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
