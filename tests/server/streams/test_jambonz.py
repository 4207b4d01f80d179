"""jambonz' verb `listen` on a real socket: a whole call from its first frame to its record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.server.endings import closed, keyed_refund, recorded
from tests.server.serving import SPEECH, heard, serving
from voiceguard.simulator.protocols.fork import jambonz
from voiceguard.simulator.protocols.platform import Dialling

PATH = "/v1/stream/jambonz"
LISTEN: Any = ["audio.jambonz.org"]


def test_whole_call(tmp_path: Path) -> None:
    """The application asks through the API, the customer keys the delivered code with `passDtmf`, jambonz closes; and
    of the parties' numbers nothing is kept."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            await served.service.store.customers.upsert("customer-1")
            line = jambonz(Dialling("", "call-1", "customer-1"))
            async with served.stream(PATH, subprotocols=LISTEN) as socket, served.api() as api:
                await socket.send(line.opening()[0])
                for at in range(0, 80000, 160):
                    await socket.send(line.audio({"caller": SPEECH[at : at + 160]})[0])
                await heard(served, "call-1", 10.0)
                await keyed_refund(served, api, lambda digit: socket.send(line.digit(digit)))
            records = await recorded(served, "call-1", "stopped")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]
            assert "4930" not in json.dumps(records)

    asyncio.run(run())


def test_an_error_ends_the_verb(tmp_path: Path) -> None:
    """It is the one thing that jambonz is told."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH, subprotocols=LISTEN) as socket:
                await socket.send('{"callSid":"call-1","sampleRate":8000,"mixType":"mixed"}')
                answer = json.loads(await socket.recv())
                assert ("error", "unsupported_media") == (answer["type"], answer["data"]["code"])
                await closed(socket, 1003)

    asyncio.run(run())
