"""Shadow mode over a real port: the draft's rulings are on record and in its report, and nobody hears of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.cli.commands import POLICY, run
from tests.server.serving import said, serving, speak, start
from voiceguard.errors import ConfigurationError
from voiceguard.server.app import create_app
from voiceguard.settings import Settings


def test_a_draft_is_recorded_and_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The draft denies what the policy in force asks a code for."""
    draft = tmp_path / "draft.yaml"
    text = POLICY.read_text(encoding="utf-8")
    draft.write_text(text.replace("decision: step_up", "decision: deny"), encoding="utf-8")

    async def call() -> tuple[list[str], list[dict[str, object]], bool]:
        async with serving(tmp_path / "data", shadow_policy_file=draft) as served:
            await served.service.store.customers.upsert("customer-1")
            heard: list[str] = []
            url = served.origin.replace("http", "ws", 1) + "/v1/stream/native"
            async with connect(url, additional_headers={"Authorization": f"Bearer {served.key}"}) as socket:
                await socket.send(start())
                await speak(socket, 6.0)
                await socket.send(json.dumps({"type": "intent", "action": "account_recovery"}))
                heard.append(json.dumps(await said(socket, "decision", decision="step_up")))
                await socket.send(json.dumps({"type": "stop"}))
                heard += [str(message) async for message in socket]
            return heard, await served.service.store.calls.events("call-1"), await _whole(served)

    async def _whole(served: object) -> bool:
        store, keys = served.service.store, served.service.keys  # type: ignore[attr-defined]
        return not (await store.audit.verify(keys.verify, now=0.0)).faults

    heard, events, whole = asyncio.run(call())
    (ruled,) = [event for event in events if event["kind"] == "shadow"]
    assert ("account_recovery", "step_up", "deny") == (ruled["action"], ruled["live"], ruled["decision"])
    assert whole
    told = "\n".join(heard)
    assert "deny" not in told and "shadow" not in told and str(ruled["policy"]) not in told

    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path / "data"))
    assert 0 == run("policy", "shadow")
    out = capsys.readouterr().out
    assert f"draft {ruled['policy']}: 1 actions of 1 calls, 1 would have been decided otherwise" in out
    assert "account_recovery         step_up  draft deny  <-" in out
    assert 0 == run("policy", "shadow", "--json")
    assert 1 == len(json.loads(capsys.readouterr().out))
    assert 0 == run("policy", "shadow", "--since", "2100-01-01")
    assert "no draft has run" in capsys.readouterr().out


def test_a_wrong_draft_is_told_at_the_start(tmp_path: Path) -> None:
    """Rather than a week later, when nothing was recorded."""
    (tmp_path / "draft.yaml").write_text("version: 1", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"draft\.yaml"):
        create_app(Settings(data_dir=tmp_path, shadow_policy_file=tmp_path / "draft.yaml"))
