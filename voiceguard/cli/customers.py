"""Commands on customers: whom callers may claim to be."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyotp

from voiceguard.adapters.tables import read_table
from voiceguard.cli.shared import (
    moment,
    new_command,
    operator,
    read_settings,
    read_store,
    refuse,
    short,
    take_config,
    take_tenant,
    tenant_name,
    with_store,
)
from voiceguard.errors import ConfigurationError
from voiceguard.events.tenants import kept_name, own_name
from voiceguard.ingest.fields import IDENTIFIER
from voiceguard.policy.otp import SECRET

BATCH = 1000
"""Customers of a file that become known in one transaction."""


def add(commands: Any) -> None:
    """The commands of this module."""
    customers = commands.add_parser("customers", help="whom callers may claim to be").add_subparsers(required=True)
    new = new_command(customers, "add", _add, "make a customer known; one who is known stays as before, and exit is 1")
    new.add_argument("ref", type=reference, help="the platform's own reference")
    new.add_argument("--totp", action="store_true", help="make an authenticator secret and print its URI, once")
    entries = new_command(customers, "list", _list, "customers by reference")
    entries.add_argument("--tenant", type=tenant_name, help="of this brand; not given: of all")
    entries.add_argument("--after", default="", metavar="REF", help="begin behind this one")
    entries.add_argument("--limit", type=int, default=100, help="at most so many (100)")
    show = new_command(customers, "show", _show, "one customer: authenticator, lock-out, voiceprint")
    load = new_command(customers, "import", _import, "make the customers of a CSV known; who is known stays as before")
    load.add_argument("file", type=Path, help="columns: ref, and totp_secret (base32) where there are authenticators")
    totp = new_command(customers, "set-totp", _set_totp, "give another authenticator secret; the old one is dead")
    how = totp.add_mutually_exclusive_group()
    how.add_argument("--secret-file", type=Path, metavar="F", help="base32 secret to take; else one is made, printed")
    how.add_argument("--none", action="store_true", help="take the authenticator away: codes are delivered")
    unlock = new_command(customers, "unlock", _unlock, "lift a lock-out that wrong codes brought, on record")
    remove = new_command(customers, "remove", _remove, "make a customer unknown; records stay (see audit erase)")
    for command in (show, totp, unlock, remove):
        command.add_argument("ref", type=short, help="the platform's own reference")
    unlock.add_argument("--reason", type=short, required=True, help="for the record")
    remove.add_argument("--reason", type=short, default="not said", help="for the record")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    for command in (entries, show):
        command.add_argument("--json", action="store_true", help="JSON, times in Unix seconds")
    for command in (new, show, load, totp, unlock, remove):
        take_tenant(command)
    for command in (new, entries, show, load, totp, unlock, remove):
        take_config(command)


def reference(text: str) -> str:
    """A customer's reference as streams can carry it."""
    if IDENTIFIER.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            "no stream can carry this reference: letters A to Z, digits and . _ : @ + = - are taken, 1 to 128 of them, "
            "with a letter, a digit or + in front"
        )
    return text


def _add(options: argparse.Namespace) -> bool:
    secret = pyotp.random_base32() if options.totp else None
    known = _write(options, lambda customers, now: customers.add({_kept(options): secret}, by=operator(), now=now))
    if known:
        return refuse(f"{options.ref} is known already and stays as before; set-totp changes the authenticator")
    if secret is not None:
        print(_uri(options.ref, secret))
    return True


def _list(options: argparse.Namespace) -> bool:
    found = _read(options, lambda customers, now: customers.list(
        now=now, tenant=options.tenant, after=options.after, limit=options.limit
    ))
    for customer in found:
        print(json.dumps(customer) if options.json else _line(customer))
    return True


def _show(options: argparse.Namespace) -> bool:
    customer = _read(options, lambda customers, now: customers.show(_kept(options), now=now))
    if customer is None:
        return refuse(f"nobody knows {options.ref}")
    voice = ", a voiceprint" if customer["has_voiceprint"] else ""
    lock = ", locked out until somebody unlocks" if customer["needs_unlock"] else ""
    print(json.dumps(customer) if options.json else _line(customer) + voice + lock)
    return True


def _import(options: argparse.Namespace) -> bool:
    """Read the whole file before anything is written; each batch is one transaction, and a second run adds the rest."""
    new: dict[str, str | None] = {}
    faults = []
    for number, row in enumerate(read_table(options.file, ["ref"]), 2):
        ref, secret = row["ref"].strip(), (row.get("totp_secret") or "").replace(" ", "").upper() or None
        if IDENTIFIER.fullmatch(ref) is None:
            faults.append(f"line {number}: no stream can carry this reference")
        elif secret is not None and SECRET.fullmatch(secret) is None:
            faults.append(f"line {number}: totp_secret is no base32 secret of 16 characters or more")
        elif kept_name(options.tenant, ref) in new:
            faults.append(f"line {number}: this reference stands twice in the file")
        new[kept_name(options.tenant, ref)] = secret
    if faults:
        raise ConfigurationError(f"{options.file.name}, {faults[0]}; {len(faults)} such lines, nothing was imported")

    async def load(store: Any) -> list[str]:
        known, rows = [], iter(new.items())
        while batch := dict(islice(rows, BATCH)):
            known += await store.customers.add(batch, by=operator(), now=time.time())
        return known

    known = asyncio.run(with_store(read_settings(options), load))
    stay = f"; {len(known)} were known and stay as before, like {own_name(known[0])}" if known else ""
    print(f"{len(new) - len(known)} customers added{stay}")
    return True


def _set_totp(options: argparse.Namespace) -> bool:
    secret = None if options.none else pyotp.random_base32()
    if options.secret_file is not None:
        secret = options.secret_file.read_text(encoding="ascii", errors="replace").strip().replace(" ", "").upper()
        if SECRET.fullmatch(secret) is None:
            raise ConfigurationError(f"{options.secret_file.name} holds no base32 secret of 16 characters or more")
    if not _write(options, lambda customers, now: customers.set_totp(_kept(options), secret, by=operator(), now=now)):
        return refuse(f"nobody knows {options.ref}")
    if secret is not None and options.secret_file is None:
        print(_uri(options.ref, secret))
    return True


def _unlock(options: argparse.Namespace) -> bool:
    forgotten = _write(options, lambda customers, now: customers.unlock(
        _kept(options), author=operator(), reason=options.reason, now=now
    ))
    if forgotten is None:
        return refuse(f"nobody knows {options.ref}")
    print(f"unlocked; {forgotten} wrong codes are forgotten")
    return True


def _remove(options: argparse.Namespace) -> bool:
    if not options.yes:
        if not sys.stdin.isatty():
            raise ConfigurationError("remove asks on a terminal; --yes removes without asking")
        said = input(f"Remove {options.ref}, with authenticator and voiceprint? [y/N] ")
        if said.strip().lower() not in ("y", "yes"):
            return refuse("nothing was removed")
    if not _write(options, lambda customers, now: customers.remove(
        _kept(options), by=operator(), reason=options.reason, now=now
    )):
        return refuse(f"nobody knows {options.ref}")
    print("removed; records keep what they say (audit erase ends that)")
    return True


def _line(customer: dict[str, Any]) -> str:
    how = "authenticator" if customer["has_authenticator"] else "delivered codes"
    lock = f", locked out until {moment(customer['locked_until'])}" if customer["locked_until"] is not None else ""
    return f"{customer['customer_ref']:32} {how}{lock}"


def _uri(ref: str, secret: str) -> str:
    return pyotp.TOTP(secret, name=ref, issuer="voiceguard").provisioning_uri()


def _kept(options: argparse.Namespace) -> str:
    return kept_name(options.tenant, options.ref)


def _write(options: argparse.Namespace, use: Callable[[Any, float], Any]) -> Any:
    return asyncio.run(with_store(read_settings(options), lambda store: use(store.customers, time.time())))


def _read(options: argparse.Namespace, use: Callable[[Any, float], Any]) -> Any:
    return asyncio.run(read_store(read_settings(options), lambda store: use(store.customers, time.time())))
