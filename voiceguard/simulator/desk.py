"""For whoever tries the desk: people who can sign in at once, and callers who stay until somebody decides."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx
import pyotp
from websockets.exceptions import WebSocketException

from voiceguard.analysis.callsets.callset import Intent, LabelledCall, Transcript
from voiceguard.server.access.password_policy import new_recovery_codes, recovery_digest
from voiceguard.server.context import WebContext
from voiceguard.simulator.connection import answer, dialled, open_call
from voiceguard.simulator.player import Player
from voiceguard.simulator.protocols.native import NativeLine
from voiceguard.simulator.protocols.platform import FRAME_S, frames

LONGEST_S = 900.0
"""A caller hangs up then, whatever was decided."""
BYE_S = 6.0
"""From the decision to hanging up, and then to the next call."""
OVER = ("allow", "deny")


async def seat(service: WebContext, name: str, roles: Sequence[str]) -> str:
    """Make a person with a password and codes that are each good once; what they sign in with, for a throw-away data
    folder alone."""
    people, now, setup = service.store.users, service.now(), secrets.token_hex(16)
    secret, codes = pyotp.random_base32(), new_recovery_codes(os.urandom)
    password = "-".join(secrets.choice(_WORDS) for _ in range(4))
    await people.add(name, roles, setup=setup, expires=now + 60, by="demonstration", now=now)
    await people.begin_set_up(setup, new_secret=secret, now=now)
    await people.set_up(
        setup, secret=secret, password_hash=await service.passwords.hash(password), totp_step=-1,
        codes=[recovery_digest(code) for code in codes], now=now,
    )
    return (
        f"  {name} ({', '.join(roles)})\n    password          {password}\n"
        f"    code              one of these, each once: {'  '.join(codes[:4])}\n"
        f"    or authenticator  {pyotp.TOTP(secret, name=name, issuer='voiceguard demo').provisioning_uri()}"
    )


async def keep_calling(player: Player, calls: Sequence[LabelledCall], say: Callable[[str], None]) -> None:
    """Each call again and again, at real pace, until cancelled: it lasts until its action is allowed or denied."""
    async def again(call: LabelledCall) -> None:
        for number in itertools.count(1):
            try:
                await _stay(player, call, f"{call.call_id}-{number}")
            except (OSError, WebSocketException, httpx.HTTPError) as error:
                say(f"{call.call_id}-{number}: {type(error).__name__}")
            await asyncio.sleep(BYE_S / player.speed)

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(again(call))


async def _stay(player: Player, call: LabelledCall, call_id: str) -> None:
    line = NativeLine(call_id, call.customer_ref, player.key)
    async with dialled(line, player.origin) as connection:
        await open_call(line, connection)
        decided = asyncio.Event()

        async def read() -> None:
            with suppress(WebSocketException):
                async for frame in connection:
                    heard = await answer(line, connection, frame)
                    if heard.decision is not None and heard.decision["decision"] in OVER:
                        decided.set()

        reader = asyncio.create_task(read())
        loop = asyncio.get_running_loop()
        events = sorted((event for event in call.events if isinstance(event, Intent | Transcript)),
                        key=lambda event: event.at_s)
        began, bye = loop.time(), LONGEST_S
        for index, frame in enumerate(itertools.cycle(list(frames(call.read())))):
            at_s = index * FRAME_S
            if decided.is_set():
                bye = min(bye, at_s + BYE_S)
                decided.clear()
            if at_s >= bye:
                break
            while events and events[0].at_s <= at_s:
                event = events.pop(0)
                await connection.send(
                    line.intent(event.action, event.parameters) if isinstance(event, Intent)
                    else line.transcript(event.channel, event.text)
                )
            await asyncio.sleep(began + at_s / player.speed - loop.time())
            for message in line.audio(frame):
                await connection.send(message)
        await connection.send(line.closing())
        with suppress(TimeoutError):
            await asyncio.wait_for(reader, 10.0)


_WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "juniper", "kestrel", "lagoon",
    "maple", "nectar", "otter", "pebble", "quartz", "raven", "sable", "thistle", "umber", "violet", "willow", "yarrow",
)
"""Four of them make a password that is easy to type, in a demonstration that nobody else can reach."""
