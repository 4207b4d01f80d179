"""A telephony platform at work: streams a labelled call at its pace, asks for actions, keys codes, spends grants."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from voiceguard.analysis.callsets.callset import Drop, Dtmf, Event, Intent, LabelledCall, Transcript
from voiceguard.policy import otp
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

    async def play(self, call: LabelledCall, dial: Callable[[], Line]) -> list[dict[str, Any]]:
        """Stream the call to its end; the `decision` bodies that the platform got, in order. Grants are redeemed.

        `dial()` gives a line of the call: one at the start, and another after each drop. Raises OSError or websockets'
        exceptions when the server cannot be reached or refuses.
        """
        headers = {"Authorization": f"Bearer {self.key}"}
        # The service closes idle connections; one that it closes just now must not be used for the next request.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=self.origin, headers=headers, limits=limits) as api:
            platform = _Platform(self, call, api)
            while not platform.has_hung_up:
                line = dial()
                async with dialled(line, self.origin) as connection:
                    await open_call(line, connection)
                    await platform.stream(line, connection)
            return platform.decisions


class _Platform:
    def __init__(self, player: Player, call: LabelledCall, api: httpx.AsyncClient) -> None:
        self._player, self._call, self._api = player, call, api
        self._frames = frames(call.read())
        self._next = 0
        """Index of the frame that comes next."""
        self._events = deque(sorted(call.events, key=lambda event: event.at_s))
        self._began: float | None = None
        self.has_hung_up = False
        self.decisions: list[dict[str, Any]] = []

    async def stream(self, line: Line, connection: Connection) -> None:
        """Every frame and event at its time, until the call ends or its stream drops."""
        reader = asyncio.create_task(self._read(line, connection))
        try:
            await self._speak(line, connection)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reader), 10.0)
        finally:
            reader.cancel()

    async def _speak(self, line: Line, connection: Connection) -> None:
        while self._next < len(self._frames):
            while self._events and self._events[0].at_s <= self._next * FRAME_S:
                event = self._events.popleft()
                if isinstance(event, Drop):
                    connection.transport.abort()
                    self._next += round(event.for_s / FRAME_S)
                    await self._wait()
                    return
                await self._do(event, line, connection)
            await self._wait()
            for message in line.audio(self._frames[self._next]):
                await connection.send(message)
            self._next += 1
        for event in self._events:
            await self._do(event, line, connection)
        await asyncio.sleep(SETTLE_S)
        await self._look_again()
        self.has_hung_up = True
        await hang_up(line, connection)

    async def _wait(self) -> None:
        """Until it is the next frame's time."""
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        await asyncio.sleep(self._began + self._next * FRAME_S / self._player.speed - now)

    async def _read(self, line: Line, connection: Connection) -> None:
        """Messages from the stream, until it closes."""
        with suppress(ConnectionClosed):
            async for frame in connection:
                heard = await answer(line, connection, frame)
                if heard.decision is not None:
                    await self._decided(heard.decision)

    async def _do(self, event: Event, line: Line, connection: Connection) -> None:
        match event:
            case Intent():
                message = line.intent(event.action, event.parameters)
                if message is None:
                    await self._ask(event)
                else:
                    await connection.send(message)
            case Transcript():
                await self._send(line.transcript(event.channel, event.text), connection)
            case Dtmf():
                digits = event.digits
                if digits == "<otp>":
                    digits = await asyncio.wait_for(self._player.code(self._call.call_id), CODE_WAIT_S)
                if self._player.speed > 1 and len(digits) >= otp.DIGITS:
                    digits += "#"  # a pause of two real seconds would end the code, and there may be none
                for digit in digits:
                    await self._send(line.digit(digit), connection)
            case Drop():
                pass  # there is nothing left to come back for

    async def _send(self, message: Message | None, connection: Connection) -> None:
        if message is not None:
            await connection.send(message)

    async def _ask(self, intent: Intent) -> None:
        answer = await self._api.post(
            f"/v1/calls/{self._call.call_id}/actions", json={"action": intent.action, "parameters": intent.parameters}
        )
        answer.raise_for_status()
        await self._decided(answer.json())

    async def _look_again(self) -> None:
        """What became of challenges and hand-overs, where the stream cannot tell."""
        latest = {decision["action_id"]: decision["decision"] for decision in self.decisions}
        for action_id in [action_id for action_id, decision in latest.items() if decision in ("step_up", "handover")]:
            answer = await self._api.get(f"/v1/actions/{action_id}")
            if answer.is_success and answer.json()["decision"] != latest[action_id]:
                await self._decided(answer.json())

    async def _decided(self, decision: dict[str, Any]) -> None:
        grant = decision.pop("grant", None)
        if grant is not None:
            answer = await self._api.post("/v1/grants/redeem", json={"grant": grant})
            decision["redeemed"] = answer.is_success
        self.decisions.append(decision)
