"""Commands on recordings and texts: score synthetic, score speakers, score text."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import SAID, SIDES, new_command, positive, side_of, tell
from voiceguard.settings import Settings

CHANNELS = ("pcmu", "pcma", "gsm", "opus", "none")


def add(commands: Any) -> None:
    """The commands of this module."""
    score = commands.add_parser("score", help="what the detectors say of recordings").add_subparsers(required=True)
    synthetic = new_command(score, "synthetic", _score_synthetic, "evidence of synthetic speech, one row a file")
    synthetic.add_argument("--manifest", type=Path, required=True, help="CSV with a column path, and side where needed")
    synthetic.add_argument("--max-speech", type=positive, default=math.inf, help="seconds of net speech to use")
    synthetic.add_argument("--detector", help="model to use")
    speakers = new_command(score, "speakers", _score_speakers, "evidence of the same speaker, one row a trial")
    speakers.add_argument("--trials", type=Path, required=True, help="CSV with enrol (paths joined by ;) and test")
    for command in (synthetic, speakers):
        command.add_argument(
            "--side", choices=SIDES, help="the caller's channel of files that have several; a column side wins"
        )
        command.add_argument("--out", type=Path, required=True, help="CSV to write")
        command.add_argument("--channel", choices=CHANNELS, default="pcmu", help="telephone line before the detector")
        command.add_argument("--json", action="store_true", help="print a summary")
    text = new_command(score, "text", _score_text, "wishes, orders and personal data, one row a text")
    text.add_argument("--manifest", type=Path, required=True, help="CSV with a column text")
    text.add_argument("--out", type=Path, required=True, help="CSV to write")
    text.add_argument("--direction", choices=("inbound", "outbound"), default="inbound", help="whose words they are")
    text.add_argument("--facts", type=Path, metavar="F", help="JSON list of what may be said, or an object of them")


def _score_text(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.models.text import load_reader
    from voiceguard.analysis.texts import score_texts

    score_texts(options.manifest, options.out, load_reader(Settings().models_dir), options.direction, options.facts)
    return True


def _score_synthetic(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.models.detectors import load_detectors
    from voiceguard.adapters.tables import read_table
    from voiceguard.analysis.replay import scoring

    settings = Settings(**({"synthetic_model": options.detector} if options.detector else {}))
    scorer = scoring.FileScorer(
        settings, load_detectors(settings), options.channel, options.max_speech, side_of(options.side)
    )
    folder, table = options.manifest.parent, read_table(options.manifest, ["path"])
    rows = scoring.score_table(table, ["path"], lambda row: scorer.synthetic(
        scoring.file_in(folder, row["path"]), scoring.side_in(row)
    ))
    with _progress(len(table)) as done:
        written = scoring.write_table(options.out, scoring.SYNTHETIC_COLUMNS, _counted(rows, done))
    return _summary(options, written, scorer.detectors.versions["synthetic"], "path")


def _score_speakers(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.models.detectors import load_detectors
    from voiceguard.adapters.tables import read_table
    from voiceguard.analysis.replay import scoring

    settings = Settings()
    scorer = scoring.FileScorer(settings, load_detectors(settings), options.channel, side=side_of(options.side))
    folder, table = options.trials.parent, read_table(options.trials, ["enrol", "test"])
    files = scoring.files_of(table, folder)
    with _progress(len(files)) as done:
        told = scoring.hear_files(files, scorer, done)
    rows = scoring.score_trials(table, folder, told, scorer)
    written = scoring.write_table(options.out, scoring.SPEAKER_COLUMNS, rows)
    return _summary(options, written, scorer.detectors.versions["speaker"], "test")


@contextmanager
def _progress(files: int) -> Iterator[Callable[[], object]]:
    """What counts files on stderr, where that is a terminal and tqdm is installed (the extra `analysis`)."""
    if importlib.util.find_spec("tqdm") is None:
        yield lambda: None
        return
    with importlib.import_module("tqdm").tqdm(total=files, unit="file", disable=None) as bar:
        yield bar.update


def _counted(rows: Iterable[dict[str, Any]], done: Callable[[], object]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield row
        done()


def _summary(options: argparse.Namespace, rows: Sequence[dict[str, Any]], model: str, name: str) -> bool:
    """Say which rows failed and which recordings are clipped; whether every row has a score."""
    failed = [row for row in rows if row["error"] is not None]
    clipped = [row for row in rows if row.get("clipped")]
    if options.json:
        print(json.dumps({
            "model": model, "channel": options.channel, "rows": len(rows), "errors": len(failed),
            "clipped": [row[name] for row in clipped],
        }))
    for row in failed[:SAID]:
        tell(f"{row[name] or 'a row'}: {row['error']}")
    for row in clipped[:SAID]:
        tell(f"{row[name]}: is clipped, {row['clipped']:.1%} of it at full scale: its score may be wrong")
    if failed:
        tell(f"{len(failed)} of {len(rows)} rows have no score; {options.out} says why")
    if len(clipped) > SAID:
        tell(f"{len(clipped)} recordings are clipped")
    return not failed
