"""Commands for people and their roles."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from voiceguard.cli.shared import (
    moment,
    new_command,
    operator,
    read_settings,
    read_store,
    refuse,
    take_config,
    tenant_name,
    with_store,
)
from voiceguard.server.access.rules import PEOPLE

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


def add(commands: Any) -> None:
    """The commands of this module."""
    users = commands.add_parser("users", help="people and their roles").add_subparsers(required=True)
    add = new_command(users, "add", _add, "make a person known and print the link to set up, once")
    reset = new_command(users, "reset", _reset, "take password, authenticator and sessions away; prints a new link")
    role = new_command(users, "role", _role, "give a person these roles and no others")
    disable = new_command(users, "disable", _disable, "keep a person out, at once")
    for command in (add, reset, role, disable):
        command.add_argument("name", type=_name)
    for command in (add, role):
        command.add_argument(
            "--role", action="append", choices=sorted(PEOPLE), required=True, help="may be given several times"
        )
    add.add_argument("--tenant", type=tenant_name, help="the brand whose calls the person sees; not given: all")
    entries = new_command(users, "list", _list, "names, roles and last sign-in")
    entries.add_argument("--json", action="store_true", help="JSON, one person a line, times in Unix seconds")
    for command in (add, reset, role, disable, entries):
        take_config(command)


def _name(text: str) -> str:
    if NAME.fullmatch(text.lower()) is None:
        raise argparse.ArgumentTypeError("a name of 1 to 64 letters, digits and . _ @ + - is expected")
    return text.lower()


def _add(options: argparse.Namespace) -> bool:
    return _print_link(options, lambda people, **link: people.add(
        options.name, options.role, tenant=options.tenant, **link
    )) or refuse(f"{options.name} is known already: users reset makes a new link, users role changes the roles")


def _reset(options: argparse.Namespace) -> bool:
    return _print_link(options, lambda people, **link: people.reset(options.name, **link)) or _known(options, False)


def _role(options: argparse.Namespace) -> bool:
    return _known(options, _with_people(options, lambda people: people.change_roles(
        options.name, options.role, by=operator(), now=time.time()
    )))


def _disable(options: argparse.Namespace) -> bool:
    return _known(options, _with_people(
        options, lambda people: people.disable(options.name, by=operator(), now=time.time())
    ))


def _list(options: argparse.Namespace) -> bool:
    for person in asyncio.run(read_store(read_settings(options), lambda store: store.users.list())):
        if options.json:
            print(json.dumps(person))
            continue
        state = "disabled" if person["disabled_at"] else "set up" if person["is_set_up"] else "not set up yet"
        by = f", by {person['issuer']}" if person["issuer"] else ""
        print(f"{person['name']:32} {' '.join(person['roles']):24} {state}{by}, "
              f"last signed in {moment(person['signed_in_at'])}")
    return True


def _print_link(options: argparse.Namespace, change: Callable[..., Any]) -> bool:
    """Print the link once it is good; False when the name is taken, or unknown."""
    from voiceguard.server.access.password_policy import token_digest

    settings, now, token = read_settings(options), time.time(), secrets.token_urlsafe(32)
    link = {
        "setup": token_digest(token), "expires": now + 3600.0 * settings.desk.setup_h, "by": operator(), "now": now
    }
    if not asyncio.run(with_store(settings, lambda store: change(store.users, **link))):
        return False
    origin = settings.web_origin or f"http://{settings.host}:{settings.port}"
    print(f"{origin}/console/#setup={token}")
    return True


def _known(options: argparse.Namespace, done: bool) -> bool:
    return bool(done) or refuse(f"nobody is called {options.name}")


def _with_people(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    return asyncio.run(with_store(read_settings(options), lambda store: use(store.users)))
