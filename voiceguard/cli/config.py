"""Commands of the configuration and the interface: config show, check, schema; openapi."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from pydantic import SecretStr, ValidationError

from voiceguard.cli.shared import config_file, new_command, read_settings, take_config
from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings


def add(commands: Any) -> None:
    """The commands of this module."""
    config = commands.add_parser("config", help="settings: what is in force, and what is wrong").add_subparsers(
        required=True
    )
    show = new_command(config, "show", _show, "every setting, its value and its origin; secrets are hidden")
    show.add_argument("--json", action="store_true")
    check = new_command(config, "check", _check, "exit status 1 with one line for each fault")
    schema = new_command(config, "schema", _schema, "the settings as a JSON schema, or as a page")
    schema.add_argument("--format", choices=("json", "markdown"), default="json")
    for command in (show, check):
        take_config(command)
    new_command(commands, "openapi", _openapi, "the HTTP API as an OpenAPI 3.1 document, as docs/openapi.json has it")


def _show(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.packs import as_values, packs_named
    from voiceguard.privacy.regions import merged
    from voiceguard.settings.catalogue import catalogue

    settings, file = read_settings(options), config_file(options)
    packs = {change.name: ", ".join(change.packs) for change in merged(
        as_values(Settings(**file)), packs_named(settings.packs)
    )}
    given = {name.upper() for name in os.environ}
    rows = []
    for setting in catalogue():
        value: Any = settings
        origin = "file" if _stands_in(file, setting.name) else "default"
        for part in setting.name.split("."):
            value = getattr(value, part)
        groups = [setting.variable.rsplit("__", depth)[0] for depth in range(setting.variable.count("__") + 1)]
        if given & set(groups) or (setting.is_open and any(n.startswith(f"{setting.variable}__") for n in given)):
            origin = "environment"
        if setting.name in packs:
            origin = f"packs: {packs[setting.name]}"
        rows.append({"setting": setting.name, "value": _shown(value), "origin": origin})
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['setting']} = {row['value']}  ({row['origin']})")
    return True


def _check(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.packs import demand_policy, under_packs
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.settings.catalogue import unknown_variables

    faults = unknown_variables(os.environ)
    try:
        settings = under_packs(Settings(**config_file(options)))
        if settings.packs:
            demand_policy(settings, read_policy(settings.policy_file))
    except ValidationError as error:
        faults.extend(
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
    except ConfigurationError as error:
        faults.append(str(error))
    for fault in faults:
        print(fault)
    return not faults


def _schema(options: argparse.Namespace) -> bool:
    from voiceguard.settings.catalogue import as_markdown

    print(json.dumps(Settings.model_json_schema(), indent=2) if options.format == "json" else as_markdown(), end="")
    return True


def _openapi(_: argparse.Namespace) -> bool:
    from voiceguard.server.app import documented

    print(json.dumps(documented(), indent=1, sort_keys=True))
    return True


def _stands_in(file: dict[str, Any], name: str) -> bool:
    value: Any = file
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _shown(value: Any) -> Any:
    """A value as it may be printed: secrets as stars, and the password of a URL too."""
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://********@{rest.rpartition('@')[2]}"
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
