"""What the demonstration adds for whoever tries the desk, on a running service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.server.desk import browser, session_token
from tests.server.serving import Served, Voice, said, serving
from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.simulator.desk import keep_calling, seat
from voiceguard.simulator.player import Player

SAMPLES = Path(__file__).parents[2] / "samples"


def test_who_is_seated_can_sign_in(tmp_path: Path) -> None:
    """With the password and one of the codes that are printed."""
    async def run() -> int:
        async with serving(tmp_path) as served:
            words = (await seat(served.service, "ann", ["agent"])).split()
            password, code = words[words.index("password") + 1], words[words.index("once:") + 1]
            body = {"name": "ann", "password": password, "code": code}
            async with browser(served) as page:
                return (await page.post("/v1/session", json=body)).status_code

    assert 200 == asyncio.run(run())


def test_a_caller_stays_until_somebody_decides(tmp_path: Path) -> None:
    """The call comes in, its action waits for a person; refused, the caller hangs up, and calls again."""
    (call,) = [call for call in read_callset(SAMPLES) if call.call_id == "05-synthetic-piper"]

    async def decide(served: Served, feed: Any) -> list[str]:
        seen = ""
        ended: list[Any] = []
        async with browser(served, await session_token(served)) as page, asyncio.timeout(60):
            while len(ended) < 1 or not seen.endswith("-2"):
                change = (await said(feed, "call"))["call"]
                seen = change["call_id"]
                if change["ended"]:
                    ended.append(seen)
                for event in change["events"]:
                    if event["kind"] == "decision" and event["state"] == "handed_over" and event["person"] is None:
                        place = f"/v1/actions/{event['action_id']}/handover"
                        await page.post(place, json={"verdict": "refuse", "reason": "not the customer"})
        return ended

    async def run() -> list[str]:
        async with serving(tmp_path, voice=Voice(3.0)) as served:
            await served.service.store.customers.upsert(str(call.customer_ref))
            async with served.stream("/v1/live", max_size=None) as feed:
                player = Player(served.origin, served.key, lambda _: asyncio.sleep(0, ""), speed=40.0)
                calling = asyncio.create_task(keep_calling(player, [call], print))
                ended = await decide(served, feed)
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)
                return ended

    assert ["05-synthetic-piper-1"] == asyncio.run(run())
