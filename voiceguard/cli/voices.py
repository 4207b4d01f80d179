"""Commands on voices: enrol, watchlist."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import (
    new_command,
    positive,
    read_settings,
    read_store,
    short,
    take_config,
    take_tenant,
    with_store,
)
from voiceguard.errors import ConfigurationError
from voiceguard.events.tenants import kept_name


def add(commands: Any) -> None:
    """The commands of this module."""
    enrol = commands.add_parser("enrol", help="customers' voiceprints").add_subparsers(required=True)
    add = new_command(enrol, "add", _enrol_add, "keep a customer's voice, if nothing speaks against it; prints its id")
    add.add_argument("ref", type=short, help="the customer")
    add.add_argument("--consent", type=short, required=True, help="where the customer's consent is on record")
    forget = new_command(enrol, "delete", _enrol_delete, "erase a customer's voice and its key")
    history = new_command(enrol, "list", _enrol_list, "a customer's voiceprints, newest first, without the voice")
    for command in (add, forget, history):
        take_tenant(command)
    for command in (forget, history):
        command.add_argument("ref", type=short)

    watch = commands.add_parser("watchlist", help="voices of known fraudsters").add_subparsers(required=True)
    put = new_command(watch, "add", _watchlist_add, "put a voice on the list; prints the entry's id")
    put.add_argument("--expires", type=positive, default=180.0, help="days after which the voice is erased")
    put.add_argument("--review", type=positive, default=30.0, help="days after which it counts only if reviewed")
    review = new_command(watch, "review", _watchlist_review, "keep an entry that somebody else made")
    review.add_argument("--days", type=positive, default=30.0, help="until the next review")
    remove = new_command(watch, "remove", _watchlist_remove, "take a voice off the list and erase it")
    entries = new_command(watch, "list", _watchlist_list, "every entry there ever was, newest first, without the voice")
    search = new_command(watch, "search", _watchlist_search, "the entries that are nearest to a recorded voice")
    for command in (review, remove):
        command.add_argument("entry_id")
    for command in (put, remove, forget):
        command.add_argument("--reason", type=short, required=True)
    for command in (add, put, search):
        command.add_argument("--audio", type=Path, nargs="+", required=True, metavar="F", help="of the voice")
    for command in (add, put, search, review, remove, forget):
        command.add_argument("--by", type=short, required=True, metavar="NAME", help="who does it, for the audit")
    for command in (add, forget, history, put, review, remove, entries, search):
        take_config(command)


def _enrol_add(options: argparse.Namespace) -> bool:
    print(_with_recorder(options, lambda recorder: recorder.enrol(
        kept_name(options.tenant, options.ref), options.audio, consent=options.consent, author=options.by
    )))
    return True


def _enrol_delete(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.forget_voiceprint(
        kept_name(options.tenant, options.ref), author=options.by, reason=options.reason, now=time.time()
    )))


def _enrol_list(options: argparse.Namespace) -> bool:
    return _print_lines(_with_voices(options, lambda voices: voices.voiceprint_history(
        kept_name(options.tenant, options.ref)
    ), read_store))


def _watchlist_add(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.store.voices import Listing

    try:
        listing = Listing(options.reason, options.expires, options.review)
    except ValueError as error:
        raise ConfigurationError(f"{error}") from None
    print(_with_recorder(options, lambda recorder: recorder.put_on_watchlist(
        options.audio, listing, author=options.by
    )))
    return True


def _watchlist_review(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.review_listed(
        options.entry_id, author=options.by, days=options.days, now=time.time()
    )))


def _watchlist_remove(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.unlist(
        options.entry_id, author=options.by, reason=options.reason, now=time.time()
    )))


def _watchlist_list(options: argparse.Namespace) -> bool:
    return _print_lines(_with_voices(options, lambda voices: voices.watchlist_history(), read_store))


def _watchlist_search(options: argparse.Namespace) -> bool:
    return _print_lines(_with_recorder(options, lambda recorder: recorder.search(options.audio, author=options.by)))


def _print_lines(rows: Sequence[dict[str, Any]]) -> bool:
    for row in rows:
        print(json.dumps(row))
    return True


def _with_recorder(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    from voiceguard.adapters.models.detectors import load_detectors
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.analysis.replay.voices import Recorder

    settings = read_settings(options)
    policy, detectors = read_policy(settings.policy_file), load_detectors(settings)
    return asyncio.run(with_store(settings, lambda store: use(Recorder(store, settings, policy, detectors))))


def _with_voices(
    options: argparse.Namespace, use: Callable[[Any], Any], opened: Callable[..., Any] = with_store
) -> Any:
    from voiceguard.adapters.models.onnx import MODELS_FOLDER, load_model
    from voiceguard.adapters.store.voices import Voices

    settings = read_settings(options)
    model = load_model((settings.models_dir or MODELS_FOLDER) / settings.speaker_model).version
    return asyncio.run(opened(settings, lambda store: use(Voices(store.database, model))))
