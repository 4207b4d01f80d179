"""The command line [contract]: arguments in, the right room called; a user's mistake is one line and exit code 2.

Heavy rooms are imported in the command that needs them, so that `voiceguard --help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pydantic import ValidationError

from voiceguard.cli import (
    access,
    audit,
    backup,
    bench,
    compliance,
    config,
    customers,
    live,
    operators,
    outcomes,
    people,
    policies,
    privacy,
    recordings,
    voices,
    webhooks,
)
from voiceguard.cli.shared import tell
from voiceguard.errors import VoiceguardError
from voiceguard.settings import first_fault


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 done and the answer is no, 2 wrong input or a fault."""
    options = _parser().parse_args(arguments)
    try:
        right = options.run(options)
        sys.stdout.flush()
    except VoiceguardError as error:
        sys.exit(_say_error(str(error)))
    except ValidationError as error:
        sys.exit(_say_error(f"setting {first_fault(error)}"))
    except BrokenPipeError:  # whoever read, like head, has read enough; the interpreter's own flush must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        sys.exit(_say_error(f"{error.filename or ''} {error.strerror or error}".strip()))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if right else 1)


def _say_error(text: str) -> int:
    tell(text)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="voiceguard", description="Stops voice fraud on calls while they last.")
    parser.add_argument("--version", action="version", version=f"voiceguard {version('voiceguard-callguard')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (
        live, recordings, bench, policies, audit, operators, customers, people, voices, privacy, compliance, config,
        access, webhooks, backup, outcomes,
    ):
        group.add(commands)
    return parser
