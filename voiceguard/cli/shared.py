"""What the commands share: their arguments, their settings, and the store."""

from __future__ import annotations

import argparse
import getpass
import math
import os
import re
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voiceguard.errors import ConfigurationError
from voiceguard.events import tenants
from voiceguard.settings import Settings
from voiceguard.settings.catalogue import unknown_variables


def short(text: str) -> str:
    """A name on one line."""
    if not text.isprintable() or not text.strip() or len(text) > 128:
        raise argparse.ArgumentTypeError("a name of 1 to 128 printable characters is expected")
    return text


def printable(text: str) -> str:
    """Text on one line: names out of a file or a database may hold line breaks, or what a terminal obeys."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def names(text: str) -> frozenset[str]:
    """Names in snake_case with commas between."""
    found = frozenset(part.strip() for part in text.split(","))
    if any(re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) is None for name in found):
        raise argparse.ArgumentTypeError("names in snake_case with commas between are expected")
    return found


SIDES = ("left", "right", "0", "1")
"""Of a recording with two channels."""
SAID = 10
"""Failures that are told one by one; files that are written have them all."""


def side_of(said: str | None) -> int | None:
    """The channel of one of `SIDES`."""
    return None if said is None else {"left": 0, "right": 1}.get(said) if not said.isdigit() else int(said)


def refuse(text: str) -> bool:
    """Say why the answer is no; False, for the command to return."""
    tell(text)
    return False


def tell(text: str) -> None:
    """Say what went wrong, on stderr, in one line."""
    print(f"voiceguard: {printable(text)}", file=sys.stderr)


def tenant_name(text: str) -> str:
    """A tenant's name."""
    if tenants.NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("a name of 1 to 32 small letters, digits and - is expected")
    return text


def take_tenant(parser: argparse.ArgumentParser) -> None:
    """`--tenant`, for a command on a customer."""
    parser.add_argument("--tenant", type=tenant_name, default=tenants.DEFAULT, help="the brand whose customer it is")


def positive(text: str) -> float:
    """A finite number above 0."""
    number = float(text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError("a number above 0 is expected")
    return number


def workers(text: str) -> int:
    """A number of processes."""
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError("a number from 1 to 256 is expected")
    return number


def duration(text: str) -> float:
    """A time like 90d or 12h, in seconds."""
    found = re.fullmatch(r"([0-9]{1,5})([dh])", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError("a number of days or hours is expected, like 90d or 12h")
    return int(found[1]) * (86400.0 if found[2] == "d" else 3600.0)


def port(text: str) -> int:
    """A TCP port."""
    number = int(text)
    if not 0 <= number <= 65535:  # the system would take it modulo 65536
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return number


def iso_time(text: str) -> float:
    """A date, or date and time, of ISO 8601 as Unix seconds; UTC unless it says otherwise."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def new_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], bool], text: str
) -> argparse.ArgumentParser:
    """A command that calls `run`, whose answer says whether all is right."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def take_config(parser: argparse.ArgumentParser) -> None:
    """`--config`, for `read_settings`."""
    parser.add_argument("--config", type=Path, help="TOML file of settings; VOICEGUARD_* in the environment wins")


def take_outside(parser: argparse.ArgumentParser) -> None:
    """`--allow-outside`, for `read_callset`."""
    parser.add_argument(
        "--allow-outside", action="store_true",
        help="read audio that lies outside the set's folder: only of a set whose calls.jsonl you trust",
    )


def read_settings(options: argparse.Namespace, **given: Any) -> Settings:
    """The command line wins over the environment, and that over the file. Raises ConfigurationError for a variable
    that names no setting: a misspelt one would be ignored. Region packs make the result stricter."""
    from voiceguard.adapters.packs import under_packs  # noqa: PLC0415

    values = config_file(options)
    if unknown := unknown_variables(os.environ):
        raise ConfigurationError("; ".join(unknown))
    wanted = {name: value for name, value in given.items() if value is not None}
    return under_packs(Settings(**values).model_copy(update=wanted))


def config_file(options: argparse.Namespace) -> dict[str, Any]:
    """What stands in the file of `--config`; nothing without one. Raises ConfigurationError where it is no TOML."""
    if not getattr(options, "config", None):
        return {}
    try:
        return tomllib.loads(options.config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{options.config.name}: {error}") from error


def operator() -> str:
    """Who runs this command, for the audit."""
    return f"command line, {getpass.getuser()}"


def moment(at: float | None) -> str:
    """Unix seconds as people read them, or "never"."""
    return "never" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


async def with_store(settings: Settings, use: Callable[[Any], Any]) -> Any:
    """What `use` makes of the opened store, to which it may write; a checkpoint covers what it wrote."""
    from voiceguard.adapters.audit_seal import audit_seal
    from voiceguard.adapters.keys import Keys
    from voiceguard.adapters.store import Store

    keys = Keys.open(settings.data_dir)
    async with Store.open(settings.store_url, cipher=keys.cipher) as store, audit_seal(settings, store, keys) as seal:
        await seal.demand()
        result = await use(store)
        await seal.checkpoint(time.time())
        return result


async def read_store(settings: Settings, use: Callable[[Any], Any]) -> Any:
    """What `use` reads from the store. Raises NothingThere where there is none: nothing is made."""
    from voiceguard.adapters.keys import Keys
    from voiceguard.adapters.store import Store

    keys = Keys.open(settings.data_dir, make=False)
    async with Store.read(settings.store_url, cipher=keys.cipher) as store:
        return await use(store)
