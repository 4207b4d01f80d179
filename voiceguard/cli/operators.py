"""Operators' commands: models, keys."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from voiceguard.cli import own_keys
from voiceguard.cli.shared import (
    duration,
    moment,
    names,
    new_command,
    operator,
    positive,
    read_settings,
    read_store,
    refuse,
    short,
    take_config,
    tenant_name,
    with_store,
)
from voiceguard.errors import ConfigurationError
from voiceguard.events.tenants import DEFAULT
from voiceguard.server.access.rules import ASSISTANT_SCOPES, SCOPES


def add(commands: Any) -> None:
    """The commands of this module."""
    models = new_command(commands, "models", _models, "cards and hashes of the models")
    models.add_argument("--json", action="store_true")
    take_config(models)

    keys = commands.add_parser("keys", help="API keys").add_subparsers(required=True)
    create = new_command(keys, "create", _keys_create, "make an API key and print it, once")
    create.add_argument("name", type=own_keys.free_name, help="whose key it is")
    create.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given several times")
    create.add_argument("--tenant", type=tenant_name, default=DEFAULT, help="the brand whose calls it reaches")
    create.add_argument("--owner", type=short, help="the person whose key it is: two keys of one person count as one")
    create.add_argument("--expires", type=duration, metavar="90d", help="days (d) or hours (h) that it is good for")
    create.add_argument("--assistant", action="store_true", help="of an AI agent, which prepares what people confirm")
    create.add_argument("--actions", type=names, help="tiers of actions that it may ask for, with commas; default all")
    create.add_argument("--fields", type=names, help="fields that its answers may hold, with commas; not given: all")
    rotate = new_command(keys, "rotate", _keys_rotate, "make a new secret for a key and print it, once")
    rotate.add_argument("name", help="an API key, or signing or customer-data: the service's own keys")
    tables = rotate.add_mutually_exclusive_group()
    tables.add_argument("--rewrap", action="store_true", help="customer-data: encrypt the tables with the newest key")
    tables.add_argument("--remove-old", action="store_true", help="customer-data: remove old keys that nothing needs")
    rotate.add_argument("--grace", type=positive, default=24.0, help="hours for which the old secret stays good")
    revoke = new_command(keys, "revoke", _keys_revoke, "make a key invalid")
    revoke.add_argument("name")
    entries = new_command(keys, "list", _keys_list, "names, scopes and last use")
    entries.add_argument("--json", action="store_true", help="JSON, one key a line, times in Unix seconds")
    for command in (create, rotate, revoke, entries):
        take_config(command)


def _models(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.models.onnx import MODELS_FOLDER, model_cards

    folder = read_settings(options).models_dir or MODELS_FOLDER
    cards = model_cards(folder)
    if not cards:
        raise ConfigurationError(f"models_dir: {folder.name} holds no model")
    if options.json:
        print(json.dumps(cards, indent=2))
    else:
        for card in cards:
            state = "verified" if card["verified"] else "NOT THE FILE THAT THE CARD DESCRIBES"
            print(f"{card['name']:24} {card['version']:8} {card['task']:18} sha256 {card['sha256'][:12]}  {state}")
    return all(card["verified"] for card in cards)


def _keys_create(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.adapters.store.api_keys import KeyTerms

    if options.assistant and not set(options.scope) <= set(ASSISTANT_SCOPES):
        raise ConfigurationError(f"an assistant's key has no other scopes than {', '.join(ASSISTANT_SCOPES)}")
    if options.actions is not None:
        unknown = options.actions - set(read_policy(read_settings(options).policy_file).tiers)
        if unknown:
            raise ConfigurationError(f"the policy has no such tier: {', '.join(sorted(unknown))}")
    now = time.time()
    terms = KeyTerms(
        tenant=options.tenant, owner=options.owner, kind="assistant" if options.assistant else "machine",
        actions=options.actions, fields=options.fields,
        expires_at=None if options.expires is None else now + options.expires,
    )
    print(_with_keys(options, lambda keys: keys.create(
        options.name, options.scope, by=operator(), now=now, terms=terms
    )))
    return True


def _keys_rotate(options: argparse.Namespace) -> bool:
    if options.name in own_keys.NAMES:
        return own_keys.rotate(options)
    if options.rewrap or options.remove_old:
        raise ConfigurationError("--rewrap and --remove-old are for customer-data")
    secret = _with_keys(options, lambda keys: keys.rotate(
        options.name, grace_s=3600.0 * options.grace, by=operator(), now=time.time()
    ))
    if secret is None:
        return refuse(f"there is no key {options.name}")
    print(secret)
    return True


def _keys_revoke(options: argparse.Namespace) -> bool:
    if not _with_keys(options, lambda keys: keys.revoke(options.name, by=operator(), now=time.time())):
        return refuse(f"there is no key {options.name}")
    return True


def _keys_list(options: argparse.Namespace) -> bool:
    for key in asyncio.run(read_store(read_settings(options), lambda store: store.api_keys.list())):
        if options.json:
            print(json.dumps(key))
            continue
        tenant = "" if key["tenant"] == DEFAULT else f", tenant {key['tenant']}"
        expires = "" if key["expires_at"] is None else f", expires {moment(key['expires_at'])}"
        print(f"{key['name']:24} {' '.join(key['scopes']):40} last used {moment(key['last_used_at'])}{expires}{tenant}")
    return True


def _with_keys(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    return asyncio.run(with_store(read_settings(options), lambda store: use(store.api_keys)))
