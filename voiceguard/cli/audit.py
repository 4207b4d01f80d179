"""Commands on what was recorded: audit."""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import (
    iso_time,
    new_command,
    printable,
    read_settings,
    read_store,
    short,
    take_config,
    take_tenant,
    with_store,
)
from voiceguard.events.tenants import kept_name

DECISIONS = ("allow", "step_up", "handover", "deny")


def add(commands: Any) -> None:
    """The commands of this module."""
    audit = commands.add_parser("audit", help="look at what was recorded").add_subparsers(required=True)
    verify = new_command(audit, "verify", _verify, "check every chain, checkpoint and mark; changes nothing")
    verify.add_argument("--since", type=Path, metavar="FILE", help="marks that were kept elsewhere")
    checkpoint = new_command(audit, "checkpoint", _checkpoint, "sign a checkpoint and add its mark to a file")
    checkpoint.add_argument("--out", type=Path, required=True, metavar="FILE", help="keep it where nobody here writes")
    restore = new_command(audit, "accept-restore", _accept_restore, "go on from a copy of the database, and record it")
    export = new_command(audit, "export", _export, "receipts, call by call, on standard output")
    export.add_argument("--format", choices=("jsonl", "csv", "ocsf", "cloudevents"), default="jsonl")
    export.add_argument("--since", type=iso_time, metavar="TIME", help="decisions from then on, ISO 8601")
    export.add_argument("--until", type=iso_time, metavar="TIME", help="decisions before then")
    export.add_argument("--call", metavar="ID", help="decisions of this call")
    export.add_argument("--action", metavar="NAME", help="decisions on this action")
    export.add_argument("--decision", choices=DECISIONS, help="decisions with this answer")
    export.add_argument("--policy", metavar="HASH", help="decisions by the policy whose hash begins so")
    erase = new_command(audit, "erase", _erase, "erase a customer from every record; the chains stay whole")
    erase.add_argument("ref", type=short, help="the customer, by the platform's own reference")
    take_tenant(erase)
    for command in (restore, erase):
        command.add_argument("--reason", type=short, required=True)
        command.add_argument("--by", type=short, required=True, metavar="NAME", help="who does it, for the audit")
    for command in (verify, checkpoint, restore, export, erase):
        take_config(command)


def _verify(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.audit_verify import verify_installation
    from voiceguard.adapters.store.audit_check import iso

    found = asyncio.run(verify_installation(read_settings(options), options.since, time.time()))
    seen = found.seen
    for fault in seen.faults:
        print(printable(f"{fault.chain} {fault.seq}: {fault.kind}: {fault.text}"))
    for restore in seen.restored:
        print(printable(f"a restore was accepted at {iso(restore['at'])} by {restore['by']}: {restore['reason']}"))
    times = (seen.first_at, seen.last_at)
    span = "" if None in times else ", from " + " to ".join(iso(at) for at in times if at is not None)
    newest = "none" if seen.newest is None else f"{seen.newest.number} of {iso(seen.newest.issued_at)}"
    print(f"{found.folder}: {seen.calls} calls, {seen.records} records, {seen.checkpoints} checkpoints{span}")
    print(f"signing key {found.kid or 'gone'}, newest checkpoint {newest}")
    print("every chain and checkpoint is whole" if not seen.faults else f"{len(seen.faults)} faults")
    return not seen.faults


def _checkpoint(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.audit_marks import Marks, add_line
    from voiceguard.adapters.keys import Keys

    settings = read_settings(options)
    keys = Keys.open(settings.data_dir, make=False)
    asyncio.run(with_store(settings, _nothing))
    marks = Marks(settings.data_dir, keys.sign, keys.verify)
    mark = marks.newest()
    if mark is None:
        print("nothing was ever recorded")
        return False
    add_line(options.out, marks.line(mark))
    print(f"checkpoint {mark.number}: {mark.chains} chains, {mark.records} records")
    return True


async def _nothing(store: Any) -> None:
    """`with_store` signs the checkpoint."""


def _accept_restore(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.audit_seal import audit_seal
    from voiceguard.adapters.keys import Keys
    from voiceguard.adapters.store import Store

    settings = read_settings(options)

    async def accept() -> Any:
        keys = Keys.open(settings.data_dir, make=False)
        async with Store.open(settings.store_url, cipher=keys.cipher) as store, \
                audit_seal(settings, store, keys) as seal:
            return await seal.accept_restore(by=options.by, reason=options.reason, now=time.time())

    closed = asyncio.run(accept())
    if closed is None:
        print("the database leads to its mark: there is nothing to accept")
        return False
    print(f"accepted and recorded; {closed.grants} open grants revoked, {closed.sessions} sessions ended")
    print("what was locked, revoked or erased after the copy was made is not any more: look at customers, keys, users")
    return True


def _export(options: argparse.Namespace) -> bool:
    from voiceguard.audit.export import CSV_COLUMNS, as_cloudevent, as_line, as_ocsf, as_row

    settings = read_settings(options)
    source = settings.public_origin or f"urn:voiceguard:{settings.grant_issuer}"
    rows = csv.DictWriter(sys.stdout, CSV_COLUMNS, lineterminator="\n")
    write: dict[str, Callable[[dict[str, Any]], object]] = {
        "jsonl": lambda receipt: print(as_line(receipt)),
        "ocsf": lambda receipt: print(as_line(as_ocsf(receipt, version("voiceguard-callguard")))),
        "cloudevents": lambda receipt: print(as_line(as_cloudevent(receipt, source))),
        "csv": lambda receipt: rows.writerow(as_row(receipt)),
    }

    async def export(store: Any) -> None:
        if options.format == "csv":
            rows.writeheader()
        async for call_id in _calls(store, options.call):
            for receipt in await store.calls.receipts(call_id):
                if _wanted(receipt, options):
                    write[options.format](receipt)

    asyncio.run(read_store(settings, export))
    return True


async def _calls(store: Any, only: str | None) -> AsyncIterator[str]:
    page = [only] if only is not None else await store.calls.ids()
    while page:
        for call_id in page:
            yield call_id
        page = [] if only is not None else await store.calls.ids(page[-1])


def _wanted(receipt: dict[str, Any], options: argparse.Namespace) -> bool:
    produced = receipt["produced"]
    return (
        (options.since is None or receipt["at"] >= options.since)
        and (options.until is None or receipt["at"] < options.until)
        and options.action in (None, produced["action"])
        and options.decision in (None, produced["decision"])
        and (options.policy is None or receipt["system"]["policy"].startswith(options.policy[:12]))
    )


def _erase(options: argparse.Namespace) -> bool:
    calls = asyncio.run(with_store(read_settings(options), lambda store: store.customers.erase(
        kept_name(options.tenant, options.ref), author=options.by, reason=options.reason, now=time.time()
    )))
    print("nobody knew this customer" if calls is None else f"erased, from the records of {calls} calls too")
    return calls is not None
