"""`voiceguard keys rotate signing|customer-data`: the service's own keys."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final

from voiceguard.cli.shared import operator, read_settings, short
from voiceguard.errors import ConfigurationError

SIGNING: Final = "signing"
CUSTOMER_DATA: Final = "customer-data"
NAMES: Final = (SIGNING, CUSTOMER_DATA)
"""Names that no API key may have."""


def free_name(text: str) -> str:
    """The name of an API key."""
    if text in NAMES:
        raise argparse.ArgumentTypeError(f"{' and '.join(NAMES)} name the service's own keys")
    return short(text)


def rotate(options: argparse.Namespace) -> bool:
    """Rotate the key that `options.name` names, or finish that of customers' data; all is right if no value was lost.
    """
    if options.name == SIGNING and (options.rewrap or options.remove_old):
        raise ConfigurationError("--rewrap and --remove-old are for customer-data")
    lines, right = asyncio.run(_rotate(options))
    print(*lines, sep="\n")
    return right


async def _rotate(options: argparse.Namespace) -> tuple[list[str], bool]:
    from voiceguard.adapters import key_rotation
    from voiceguard.adapters.audit_seal import audit_seal
    from voiceguard.adapters.keys import LOOK_S, PUBLISHED_S, Keys
    from voiceguard.adapters.store import Store
    from voiceguard.adapters.store.rewrap import rewrap

    settings = read_settings(options)
    folder, by, now = settings.data_dir, operator(), time.time()
    keys = Keys.open(folder, make=False)
    taken = f"running services take it within {LOOK_S:.0f} s; copy the files to machines with a folder of their own"
    async with Store.open(settings.store_url, cipher=keys.cipher) as store, audit_seal(settings, store, keys) as seal:
        await seal.demand()
        right = True
        if options.name == SIGNING:
            old, new = await key_rotation.rotate_signing(folder, keys, store, by=by, now=now)
            lines = [
                f"signing with {new}; {taken}",
                f"grants of {old} verify for {PUBLISHED_S:.0f} s more, checkpoints always",
            ]
        elif options.rewrap:
            done = await rewrap(store.database, keys.cipher)
            lines = [f"{done.changed} values encrypted with the newest key"]
            if done.unreadable:
                lines, right = [*lines, f"{done.unreadable} values cannot be decrypted with any key"], False
        elif options.remove_old:
            if keys.cipher.count == 1:
                return ["there is one key alone: nothing to remove"], False
            done = await key_rotation.drop_old_customer_keys(folder, keys, store, by=by, now=now)
            lines = [f"{done.changed} values encrypted with the newest key; the old keys are gone"]
        else:
            count = await key_rotation.rotate_customer_data(folder, store, by=by, now=now)
            lines = [f"encrypting with a new key, {count} in all; {taken}", "then: --rewrap, and --remove-old"]
        await seal.checkpoint(time.time())
    return lines, right
