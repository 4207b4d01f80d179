"""Verdicts over HTTP, on a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import on
from tests.server.serving import Served

PATH = "/v1/calls/call-1/verdict"


def test_a_verdict_on_a_live_call_shows_and_stays(tmp_path: Path) -> None:
    """Listed, recorded in the call's chain under the key's name, and on the live feed; personal data is masked."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            given = await api.post(PATH, json={"verdict": "fraud", "note": "gave card 4111 1111 1111 1111"})
            shown = served.service.live.hub.calls["call-1"].events[-1]
        records = await served.service.store.calls.events("call-1")
        return given, shown, (await api.get("/v1/verdicts")).json()["verdicts"], records

    given, shown, listed, records = on(tmp_path, use)
    assert (201, "fraud", "everybody") == (given.status_code, given.json()["verdict"], given.json()["author"])
    assert ("verdict", "fraud", "everybody") == (shown["kind"], shown["verdict"], shown["author"])
    assert "4111" not in listed[0]["note"]
    assert listed[0]["note"].startswith("gave card ")
    assert ["everybody"] == [record["author"] for record in records if record["kind"] == "verdict"]


def test_of_an_ended_call_of_nothing_and_of_nonsense(tmp_path: Path) -> None:
    """A call that is over can still be judged; an unknown one cannot, and neither can there be a third verdict."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            pass
        bodies = [{"verdict": "genuine"}, {"verdict": "perhaps"}, {"verdict": "fraud", "note": "x" * 501}]
        answers = [(await api.post(PATH, json=body)).status_code for body in bodies]
        return [*answers, (await api.post("/v1/calls/call-2/verdict", json=bodies[0])).status_code]

    assert [201, 422, 422, 404] == on(tmp_path, use)
