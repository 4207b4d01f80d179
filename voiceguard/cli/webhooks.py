"""Commands of subscribers [contract]: webhooks add, list, test, remove, replay."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from voiceguard.cli.shared import (
    iso_time,
    moment,
    new_command,
    operator,
    read_settings,
    read_store,
    take_config,
    tenant_name,
    with_store,
)
from voiceguard.events.published import FIELDS, TYPES
from voiceguard.events.tenants import DEFAULT


def add(commands: Any) -> None:
    """The commands of this module."""
    webhooks = commands.add_parser("webhooks", help="who is told of events").add_subparsers(required=True)
    added = new_command(webhooks, "add", _add, "subscribe; prints the id and, once, the secret that signs messages")
    added.add_argument("url", help="an https address on a host that webhooks.allowed_hosts names")
    added.add_argument("--event", action="append", choices=TYPES, required=True, help="may be given several times")
    added.add_argument(
        "--field", action="append", choices=sorted(FIELDS), help="tell only these besides call_id; several times"
    )
    added.add_argument("--tenant", type=tenant_name, default=DEFAULT, help="the brand whose calls it is told of")
    listed = new_command(webhooks, "list", _list, "subscribers, and how many messages wait, arrived or were given up")
    listed.add_argument("--deliveries", metavar="ID", help="the messages of one subscriber instead, as JSON lines")
    test = new_command(webhooks, "test", _test, "send a test now and say what came of it")
    remove = new_command(webhooks, "remove", _remove, "end a subscription, with what was still to be told")
    replay = new_command(webhooks, "replay", _replay, "send again what was given up")
    replay.add_argument("--since", type=iso_time, metavar="TIME", help="everything since then instead (ISO 8601)")
    for command in (test, remove, replay):
        command.add_argument("id")
    for command in (added, listed, test, remove, replay):
        take_config(command)


def _add(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.delivery.address import checked_url

    settings = read_settings(options)
    url = str(checked_url(options.url, settings.webhooks))
    webhook_id, secret = asyncio.run(with_store(settings, lambda store: store.webhooks.add(
        url, options.event, tenant=options.tenant, by=operator(), now=time.time(), fields=options.field
    )))
    print(webhook_id, secret, sep="\n")
    return True


def _list(options: argparse.Namespace) -> bool:
    settings = read_settings(options)
    if options.deliveries is not None:
        for delivery in asyncio.run(read_store(settings, lambda store: store.outbox.deliveries(options.deliveries))):
            print(json.dumps(delivery))
        return True

    async def read(store: Any) -> Any:
        return await store.webhooks.list(), await store.outbox.counts()

    webhooks, counts = asyncio.run(read_store(settings, read))
    for webhook in webhooks:
        count = counts.get(webhook["webhook_id"], {})
        stands = ", ".join(f"{count.get(state, 0)} {state}" for state in ("waiting", "delivered", "dead"))
        print(f"{webhook['webhook_id']}  {webhook['url']}  {' '.join(webhook['events'])}  since "
              f"{moment(webhook['created_at'])}, tenant {webhook['tenant']}: {stands}")
    return True


def _test(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.delivery.outbox import Sender

    settings = read_settings(options)

    async def send(store: Any) -> Any:
        sender = Sender(store, settings.webhooks, time.time)
        try:
            return await sender.test(options.id)
        finally:
            await sender.aclose()

    tried = asyncio.run(with_store(settings, send))
    if tried is None:
        print("no such webhook")
        return False
    print(f"{tried.message.message_id}: " + (
        f"answered {tried.status}" if tried.status is not None else f"not delivered, {tried.cause}"
    ))
    return bool(tried.state == "delivered")


def _remove(options: argparse.Namespace) -> bool:
    return bool(asyncio.run(with_store(read_settings(options), lambda store: store.webhooks.remove(
        options.id, by=operator(), now=time.time()
    ))))


def _replay(options: argparse.Namespace) -> bool:
    count = asyncio.run(with_store(read_settings(options), lambda store: store.outbox.replay(
        options.id, time.time(), options.since
    )))
    print(f"{count} messages are sent again")
    return True
