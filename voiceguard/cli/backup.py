"""`voiceguard backup`, `restore`."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import new_command, read_settings, short, take_config


def add(commands: Any) -> None:
    """The commands of this module."""
    backup = new_command(commands, "backup", _backup, "database, keys and mark in one archive, while the service runs")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE", help="it holds the keys: guard it like them")
    restore = new_command(commands, "restore", _restore, "an installation out of such an archive, in an empty data_dir")
    restore.add_argument("archive", type=Path, metavar="FILE")
    restore.add_argument("--by", type=short, required=True, metavar="NAME", help="who does it, for the audit")
    restore.add_argument("--reason", type=short, required=True)
    for command in (backup, restore):
        take_config(command)


def _backup(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.backup import back_up

    back_up(read_settings(options), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    return True


def _restore(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.audit_seal import audit_seal
    from voiceguard.adapters.backup import bring_back
    from voiceguard.adapters.keys import Keys
    from voiceguard.adapters.store import Store

    settings = read_settings(options)
    bring_back(settings, options.archive)

    async def accept() -> Any:
        keys = Keys.open(settings.data_dir, make=False)
        async with Store.open(settings.store_url, cipher=keys.cipher) as store, \
                audit_seal(settings, store, keys) as seal:
            return await seal.accept_restore(by=options.by, reason=options.reason, now=time.time(), is_copy=True)

    closed = asyncio.run(accept())
    print(f"restored and recorded; {closed.grants} open grants revoked, {closed.sessions} sessions ended")
    print("what was locked, revoked or erased after the backup is not any more: look at customers, keys, users")
    return True
