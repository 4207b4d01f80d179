"""Analysts' commands: replay, drift, callset."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import (
    SAID,
    SIDES,
    iso_time,
    new_command,
    positive,
    read_settings,
    read_store,
    side_of,
    take_config,
    take_outside,
    tell,
)
from voiceguard.errors import ConfigurationError


def add(commands: Any) -> None:
    """The commands of this module."""
    replay = new_command(
        commands, "replay", _replay, "replay a labelled call set; what was replayed before is not replayed again"
    )
    replay.add_argument("callset", type=Path, help="folder with calls.jsonl, or that file")
    replay.add_argument("--report", type=Path, required=True, metavar="DIR", help="folder for report.html and the rest")
    replay.add_argument(
        "--policy", type=Path, action="append", default=[], metavar="F",
        help="policy to replay under; given several times, the others are compared with the first",
    )
    replay.add_argument("--engine", choices=("local", "ray"), default="local", help="where calls are replayed")
    replay.add_argument("--jobs", type=_count, help="workers; left out: one for each core")
    replay.add_argument(
        "--budget", type=positive, default=20.0,
        help="genuine callers that may be handed over, of 1,000 who ask for something sensitive; the report says which "
        "threshold keeps to it",
    )
    take_outside(replay)
    take_config(replay)

    drift = new_command(
        commands, "drift", _drift, "has what was replayed moved away from what the detector learned from? 1: it has"
    )
    drift.add_argument("report", type=Path, help="folder that replay wrote")
    drift.add_argument("--alert", type=positive, help="population stability index to alert at; left out: the report's")

    callset = commands.add_parser("callset", help="make labelled call sets").add_subparsers(required=True)
    build = new_command(callset, "build", _build, "mix calls out of voices, as a recipe says")
    build.add_argument("recipe", type=Path, help="TOML file; docs/callsets.md describes it")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")

    bring = new_command(callset, "import", _import, "make a call set of recordings, one call each")
    bring.add_argument("audio", type=Path, help="folder; without a protocol its folders are named genuine, synthetic")
    bring.add_argument("--protocol", type=Path, metavar="F", help="of ASVspoof 2019, 2021 or 5: files and labels")
    bring.add_argument("--manifest", type=Path, metavar="F", help="CSV: path, label; call_id, customer_ref, side, tags")
    bring.add_argument("--action", help="asked for at the end of each call")
    bring.add_argument("--side", choices=SIDES, help="the caller's channel of files that have several")
    take_config(bring)
    bring.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    review = new_command(callset, "reviewed", _reviewed, "calls that people gave a verdict on, as the service had them")
    review.add_argument("--since", type=iso_time, default=0.0, metavar="TIME", help="verdicts from then on, ISO 8601")
    review.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    take_config(review)
    measure = new_command(callset, "measure", _measure, "figures of anybody's ASVspoof 5 score file, as JSON")
    measure.add_argument("--scores", type=Path, required=True, metavar="F")
    measure.add_argument("--key", type=Path, required=True, metavar="F")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 is expected")
    return number


def _replay(options: argparse.Namespace) -> bool:
    from voiceguard.analysis.replay.command import Wish, replay_callset

    began = time.monotonic()
    wish = Wish(
        options.callset, options.report, tuple(options.policy), options.engine, options.jobs, options.budget,
        allow_outside=options.allow_outside,
    )
    found = replay_callset(wish, read_settings(options))
    calls = found["calls"]
    print(f"{calls['total']} calls, {calls['audio_s'] / 3600:.2f} h of audio, {len(calls['errors'])} with errors, "
          f"in {time.monotonic() - began:.0f} s")
    for one in found["policies"]:
        fraud, friction, decisions = one["fraud"], one["friction"], one["decisions"]
        print(f"{one['name']}: {len(fraud['missed'])} of {fraud['asking']} frauds missed", end="")
        if friction["calls"]:
            print(f"; of 1,000 genuine calls {friction['step_ups_per_1000']['value']:.0f} asked for a code, "
                  f"{friction['handovers_per_1000']['value']:.0f} handed over", end="")
        print(f"; {decisions['right']} of {decisions['right'] + len(decisions['wrong'])} decisions as expected")
    for name in found["drift"]["alerts"]:
        print(f"drift: {name} has moved by {found['drift']['index'][name]:.2f} since training")
    print(options.report / "report.html")
    for error in calls["errors"][:SAID]:
        tell(f"{error['call_id']} ({error['audio']}): {error['error']}")
    if calls["errors"]:
        tell(f"{len(calls['errors'])} of {calls['total']} calls could not be replayed")
    return not calls["errors"]


def _build(options: argparse.Namespace) -> bool:
    from voiceguard.analysis.callsets.build import build
    from voiceguard.analysis.callsets.recipe import read_recipe
    from voiceguard.analysis.optional_imports import load

    recipe = read_recipe(options.recipe)
    total = sum(kind.count for kind in recipe.calls)
    with load("tqdm").tqdm(total=total, unit="call", disable=None) as progress:
        build(recipe, options.out, progress.update)
    print(f"{total} calls in {options.out / 'calls.jsonl'}")
    return True


def _import(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.analysis.callsets.callset import check_actions
    from voiceguard.analysis.callsets.importing import Importer

    if options.action is not None:
        check_actions([options.action], [read_policy(read_settings(options).policy_file)])
    importer = Importer(options.out, options.action, side_of(options.side))
    if options.manifest is not None:
        found = importer.table(options.manifest, options.audio)
    elif options.protocol is not None:
        found = importer.protocol(options.protocol, options.audio)
    else:
        found = importer.folder(options.audio)
    passed = f"; {found.passed_over} other files passed over" if found.passed_over else ""
    print(f"{found.calls} calls in {options.out / 'calls.jsonl'}{passed}")
    return True


def _measure(options: argparse.Namespace) -> bool:
    from voiceguard.analysis.callsets.asvspoof import measure, read_key, read_scores

    print(json.dumps(measure(read_scores(options.scores), read_key(options.key))))
    return True


def _reviewed(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.analysis.callsets.from_verdicts import read_reviewed

    settings = read_settings(options)
    policy = read_policy(settings.policy_file)
    lines = asyncio.run(read_store(settings, lambda store: read_reviewed(store, policy, options.since)))
    options.out.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (options.out / "calls.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(lines)} calls in {options.out / 'calls.jsonl'}")
    return True


def _drift(options: argparse.Namespace) -> bool:
    from voiceguard.measures.drift import LEAST_WINDOWS

    path = options.report / "metrics.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["drift"]
        alert = options.alert or found["alert_at"]
        rows = [(name, index, sum(found["counts"][name])) for name, index in found["index"].items()]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path.name}: this is not what replay writes") from error
    for name, index, windows in rows:
        said = f"under {LEAST_WINDOWS} windows" if index is None else f"{index:.3f}"
        mark = "  <-" if index is not None and index >= alert else ""
        print(f"{name:12} {said:>18}  {windows} windows{mark}")
    return not any(index is not None and index >= alert for _, index, _ in rows)
