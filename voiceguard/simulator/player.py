"""A telephony platform at work: streams a labelled call at its pace, asks for actions, keys codes, spends grants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from voiceguard.analysis.callsets.callset import Dtmf, Intent, LabelledCall, Transcript
from voiceguard.simulator.connection import Connection, answer, dialled, hang_up, open_call
from voiceguard.simulator.protocols.platform import FRAME_S, Line, Message, frames

SETTLE_S = 1.0
"""How long the last decision of a call may take after its last word."""
CODE_WAIT_S = 10.0


@dataclass
class Player:
    """Plays calls against one server. `key`: an API key with the scopes stream, actions and grants.

    `code(call_id)` waits for the one-time code that the call's customer was sent.
    """

    origin: str
    """http://host:port"""
    key: str = field(repr=False)
    code: Callable[[str], Awaitable[str]]
    speed: float = 1.0
    """Times real pace."""

    async def play(self, call: LabelledCall, line: Line) -> list[dict[str, Any]]:
        """Stream the call to its end; the `decision` bodies that the platform got, in order. Grants are redeemed.

        Raises OSError or websockets' exceptions when the server cannot be reached or refuses.
        """
        headers = {"Authorization": f"Bearer {self.key}"}
        # The service closes idle connections; one that it closes just now must not be used for the next request.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with (
            dialled(line, self.origin) as connection,
            httpx.AsyncClient(base_url=self.origin, headers=headers, limits=limits) as api,
        ):
            platform = _Platform(self, call, line, connection, api)
            await open_call(line, connection)
            reader = asyncio.create_task(platform.read())
            try:
                await platform.speak()
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(reader), 10.0)
            finally:
                reader.cancel()
            return platform.decisions


@dataclass
class _Platform:
    player: Player
    call: LabelledCall
    line: Line
    connection: Connection
    api: httpx.AsyncClient
    decisions: list[dict[str, Any]] = field(default_factory=list)

    async def speak(self) -> None:
        """Every frame and event at its time."""
        loop = asyncio.get_running_loop()
        events = sorted(self.call.events, key=lambda event: event.at_s)
        began = loop.time()
        for index, frame in enumerate(frames(self.call.read())):
            at_s = index * FRAME_S
            while events and events[0].at_s <= at_s:
                await self._do(events.pop(0))
            await asyncio.sleep(began + at_s / self.player.speed - loop.time())
            for message in self.line.audio(frame):
                await self.connection.send(message)
        for event in events:
            await self._do(event)
        await asyncio.sleep(SETTLE_S)
        await self._look_again()
        await hang_up(self.line, self.connection)

    async def read(self) -> None:
        """Messages from the stream, until it closes."""
        with suppress(ConnectionClosed):
            async for frame in self.connection:
                heard = await answer(self.line, self.connection, frame)
                if heard.decision is not None:
                    await self._decided(heard.decision)

    async def _do(self, event: Intent | Transcript | Dtmf) -> None:
        match event:
            case Intent():
                if not await self._send(self.line.intent(event.action, event.parameters)):
                    await self._ask(event)
            case Transcript():
                await self._send(self.line.transcript(event.channel, event.text))
            case Dtmf():
                digits = event.digits
                if digits == "<otp>":
                    digits = await asyncio.wait_for(self.player.code(self.call.call_id), CODE_WAIT_S)
                for digit in digits:
                    await self._send(self.line.digit(digit))

    async def _send(self, message: Message | None) -> bool:
        """Whether the protocol has a message for it."""
        if message is not None:
            await self.connection.send(message)
        return message is not None

    async def _ask(self, intent: Intent) -> None:
        answer = await self.api.post(
            f"/v1/calls/{self.call.call_id}/actions", json={"action": intent.action, "parameters": intent.parameters}
        )
        answer.raise_for_status()
        await self._decided(answer.json())

    async def _look_again(self) -> None:
        """What became of challenges, where the stream cannot tell."""
        waiting = {decision["action_id"]: decision["decision"] for decision in self.decisions}
        for action_id in [action_id for action_id, decision in waiting.items() if decision == "step_up"]:
            answer = await self.api.get(f"/v1/actions/{action_id}")
            if answer.is_success and answer.json()["decision"] != "step_up":
                await self._decided(answer.json())

    async def _decided(self, decision: dict[str, Any]) -> None:
        grant = decision.pop("grant", None)
        if grant is not None:
            answer = await self.api.post("/v1/grants/redeem", json={"grant": grant})
            decision["redeemed"] = answer.is_success
        self.decisions.append(decision)
