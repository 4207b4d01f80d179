"""The access review: who and what may do what, and when they last did."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import Container, Mapping, Sequence
from typing import Any

from voiceguard.adapters.policy_files import read_policy
from voiceguard.cli.shared import moment, new_command, printable, read_settings, read_store, take_config, with_store
from voiceguard.server.access.rules import ASSISTANTS, ROUTES, Role, may

COLUMNS = ("kind", "name", "owner", "tenant", "grants", "tiers", "fields", "routes", "expires", "last_used",
           "unused_days", "state")
_DAY_S = 86400.0


def add(commands: Any) -> None:
    """The commands of this module."""
    access = commands.add_parser("access", help="who may do what").add_subparsers(required=True)
    review = new_command(access, "review", _review, "people and keys: what each may do, last use, unused since")
    review.add_argument("--csv", action="store_true", help="as CSV, with all columns")
    take_config(review)
    routes = new_command(commands, "inventory", _inventory, "every route, who used it, since when nobody did")
    routes.add_argument("--json", action="store_true")
    take_config(routes)


def rows(
    people: Sequence[Mapping[str, Any]], keys: Sequence[Mapping[str, Any]], tiers: Sequence[str],
    of_roles: Mapping[str, Sequence[str]], now: float,
) -> list[dict[str, str]]:
    """One row for each person and key, with the columns `COLUMNS`. `tiers`: of the policy in force; `of_roles`: role to
    its tiers, where the settings bind it."""
    return [
        *(_row(
            "person", one, now, grants=one["roles"], routes=_routes((), one["roles"]),
            tiers=sorted({tier for role in one["roles"] for tier in of_roles.get(role, tiers)}), fields=None,
            used=one["signed_in_at"], expires=None, state="disabled" if one["disabled_at"] else
            "set up" if one["is_set_up"] else "not set up yet", tenant=one["tenant"] or "all", owner="",
        ) for one in people),
        *(_row(
            one["kind"], one, now, grants=one["scopes"],
            routes=_routes(one["scopes"], (), ASSISTANTS if one["kind"] == "assistant" else ROUTES),
            tiers=one["actions"] or list(tiers), fields=one["fields"], used=one["last_used_at"],
            expires=one["expires_at"], tenant=one["tenant"], owner=one["owner"] or "",
            state="expired" if one["expires_at"] is not None and one["expires_at"] <= now else "good",
        ) for one in keys),
    ]


def _row(
    kind: str, one: Mapping[str, Any], now: float, *, grants: Sequence[str], tiers: Sequence[str],
    fields: Sequence[str] | None, routes: int, used: float | None, expires: float | None, state: str, tenant: str,
    owner: str,
) -> dict[str, str]:
    since = used or one["created_at"]
    return {
        "kind": kind, "name": one["name"], "owner": owner, "tenant": tenant, "grants": " ".join(grants),
        "tiers": " ".join(tiers), "fields": "all" if fields is None else " ".join(fields), "routes": str(routes),
        "expires": moment(expires), "last_used": moment(used),
        "unused_days": "" if since is None else str(int((now - since) / _DAY_S)), "state": state,
    }


def _routes(
    scopes: Sequence[str], roles: Sequence[str], among: Container[tuple[str, str]] = ROUTES
) -> int:
    """How many of these routes they pass that are not open to everybody."""
    held = [Role(role) for role in roles]
    return sum(may(rule, scopes, held) for route, rule in ROUTES.items() if route in among and not rule.is_open)


def _review(options: argparse.Namespace) -> bool:
    settings = read_settings(options)

    async def read(store: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return await store.users.list(), await store.api_keys.list()

    people, keys = asyncio.run(with_store(settings, read))
    policy = read_policy(settings.policy_file)
    found = rows(people, keys, list(policy.tiers), settings.desk.actions, time.time())
    if options.csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        # A spreadsheet takes a text that begins so for a formula.
        writer.writerows({name: f"'{text}" if text[:1] in ("=", "+", "-", "@") else text for name, text in row.items()}
                         for row in found)
        return True
    widths = {name: max(len(name), *(len(row[name]) for row in found)) if found else len(name) for name in COLUMNS}
    for row in ({name: name for name in COLUMNS}, *found):
        print("  ".join(printable(row[name]).ljust(widths[name]) for name in COLUMNS).rstrip())
    return True


def _inventory(options: argparse.Namespace) -> bool:
    from voiceguard.server.inventory import inventory

    found = inventory(asyncio.run(read_store(read_settings(options), lambda store: store.uses.list())))
    if options.json:
        print(json.dumps(found, indent=1))
        return True
    print(f"counted since {moment(found['counted_since'])}")
    for route in found["routes"]:
        print(f"{route['route']:50} {route['calls']:8}  last used {moment(route['last_used_at'])}")
        _print_users(route["users"])
    for one in found["undeclared"]:
        print(f"{printable(one['route']):50} {one['calls']:8}  there is no such route: key {printable(one['key'])}")
    return True


def _print_users(users: Sequence[Mapping[str, Any]]) -> None:
    for user in users:
        print(f"    {printable(user['key'])}: {user['calls']}, last {moment(user['last_used_at'])}, "
              f"fields {' '.join(user['fields']) or '-'}")
