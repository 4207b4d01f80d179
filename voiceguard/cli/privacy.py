"""Commands of data protection: dataflow, consent, retention, hold."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import new_command, operator, positive, read_settings, short, take_config, with_store
from voiceguard.errors import ConfigurationError
from voiceguard.privacy.consent import PURPOSES


def add(commands: Any) -> None:
    """The commands of this module."""
    flow = new_command(commands, "dataflow", _dataflow, "every field that is handled: class, purpose, where it goes")
    flow.add_argument("--format", choices=("json", "mermaid", "html", "markdown"), default="json")
    flow.add_argument("--diff", type=Path, metavar="FILE", help="an earlier map as JSON: print what differs instead")

    consent = commands.add_parser("consent", help="who agreed to what").add_subparsers(required=True)
    entries = new_command(consent, "list", _consent_list, "entries of the ledger, newest first")
    entries.add_argument("--limit", type=int, default=100)
    record = new_command(consent, "record", _consent_record, "record a consent; prints its id")
    record.add_argument("--wording", type=short, required=True, help="version of the words that were agreed to")
    record.add_argument("--expires", type=positive, metavar="DAYS", help="days for which it holds")
    withdraw = new_command(consent, "withdraw", _consent_withdraw, "withdraw a purpose; live calls obey in a second")
    withdraw.add_argument("--reason", type=short, required=True)
    for command in (record, withdraw):
        command.add_argument("purpose", choices=PURPOSES)
        command.add_argument("--by", type=short, default=operator(), metavar="NAME", help="who does it, for the audit")
    for command in (entries, record, withdraw):
        command.add_argument("--customer", type=short, metavar="REF")
        command.add_argument("--call", type=short, metavar="ID")
        take_config(command)

    retention = commands.add_parser("retention", help="how long data is kept").add_subparsers(required=True)
    plan = new_command(retention, "plan", _retention_plan, "what is due by the settings, kind by kind; changes nothing")
    run = new_command(retention, "run", _retention_run, "end what is due and not held")
    hold = commands.add_parser("hold", help="legal holds").add_subparsers(required=True)
    add = new_command(hold, "add", _hold_add, "keep a call or customer from retention and erasure; prints its id")
    add.add_argument("--customer", type=short, metavar="REF")
    add.add_argument("--call", type=short, metavar="ID")
    add.add_argument("--reason", type=short, required=True)
    release = new_command(hold, "release", _hold_release, "end a hold")
    release.add_argument("hold_id")
    for command in (add, release):
        command.add_argument("--by", type=short, default=operator(), metavar="NAME", help="who does it, for the audit")
    for command in (plan, run, add, release, new_command(hold, "list", _hold_list, "every hold there ever was")):
        take_config(command)


def _retention_plan(options: argparse.Namespace) -> bool:
    from voiceguard.privacy.retention import RULES

    settings = read_settings(options)
    found = asyncio.run(with_store(settings, lambda store: store.retention.plan(settings.retention, time.time())))
    due = {one.kind: one for one in found}
    for kind, rule in RULES.items():
        days = f"{getattr(settings.retention, rule.days):g} days" if rule.days else "-"
        now = f"{due[kind].due - due[kind].held} due, {due[kind].held} held" if kind in due else ""
        print(f"{kind:14} {days:>10}  {rule.ends}  {now}".rstrip())
    return True


def _retention_run(options: argparse.Namespace) -> bool:
    settings, ended = read_settings(options), Counter[str]()

    async def run(store: Any) -> None:
        while found := await store.retention.sweep(settings.retention, time.time()):
            ended.update(found)

    asyncio.run(with_store(settings, run))
    print(", ".join(f"{number} of kind {kind}" for kind, number in sorted(ended.items())) or "nothing was due")
    return True


def _hold_add(options: argparse.Namespace) -> bool:
    if options.customer is None and options.call is None:
        raise ConfigurationError("--customer or --call says what is held")
    print(_with_retention(options, lambda retention: retention.hold(
        reason=options.reason, author=options.by, now=time.time(), call_id=options.call, customer_ref=options.customer
    )))
    return True


def _hold_release(options: argparse.Namespace) -> bool:
    return bool(_with_retention(options, lambda retention: retention.release(
        options.hold_id, author=options.by, now=time.time()
    )))


def _hold_list(options: argparse.Namespace) -> bool:
    for hold in _with_retention(options, lambda retention: retention.holds()):
        print(json.dumps(hold))
    return True


def _with_retention(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    return asyncio.run(with_store(read_settings(options), lambda store: use(store.retention)))


def _consent_list(options: argparse.Namespace) -> bool:
    for entry in _with_consents(options, lambda consents: consents.list(
        customer_ref=options.customer, call_id=options.call, limit=options.limit
    )):
        print(json.dumps(entry))
    return True


def _consent_record(options: argparse.Namespace) -> bool:
    now = time.time()
    expires_at = None if options.expires is None else now + 86400.0 * options.expires
    print(_with_consents(options, lambda consents: consents.give(
        options.purpose, wording=options.wording, expires_at=expires_at, now=now, **_whose(options)
    )))
    return True


def _consent_withdraw(options: argparse.Namespace) -> bool:
    _with_consents(options, lambda consents: consents.withdraw(
        options.purpose, reason=options.reason, now=time.time(), **_whose(options)
    ))
    return True


def _whose(options: argparse.Namespace) -> dict[str, Any]:
    if options.customer is None and options.call is None:
        raise ConfigurationError("--customer or --call says whose consent it is")
    return {"customer_ref": options.customer, "call_id": options.call, "source": "command_line", "author": options.by}


def _with_consents(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    return asyncio.run(with_store(read_settings(options), lambda store: use(store.consents)))


def _dataflow(options: argparse.Namespace) -> bool:
    from voiceguard.privacy import dataflow, pictures
    from voiceguard.server.access.rules import seen_by

    found = list(dataflow.fields(seen_by()))
    whole = {"fields": [field.as_json() for field in found]}
    if options.diff is not None:
        lines = dataflow.differences(_earlier(options.diff), whole["fields"])
        print("\n".join(lines) or "nothing differs")
        return not lines
    made = {"mermaid": pictures.as_mermaid, "html": pictures.as_html, "markdown": pictures.as_markdown}
    print(json.dumps(whole, indent=1) if options.format == "json" else made[options.format](found).rstrip("\n"))
    return True


def _earlier(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["fields"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigurationError(f"{path.name}: no data-flow map: {{\"fields\": [...]}} is expected") from None
