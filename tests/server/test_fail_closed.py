"""Each part of a running service is broken in turn: no sensitive action is ever allowed, and a person can go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.server.asking import answer, ask, on
from tests.server.endings import until
from tests.server.serving import ROOT, Phone, Served, Voice, heard, said, speak, start
from voiceguard.adapters.policy_files import DEFAULT_POLICY
from voiceguard.adapters.store import StoreError
from voiceguard.errors import ConfigurationError, ModelError
from voiceguard.events import ActionDecided, Decision, Samples
from voiceguard.server.app import create_app
from voiceguard.server.middleware import HEADERS
from voiceguard.settings import Settings

POLICY = (ROOT / "policies" / "default.yaml").read_text(encoding="utf-8")


async def enter(api: httpx.AsyncClient, phone: Phone, decided: dict[str, Any]) -> httpx.Response:
    """Enter the code that was delivered."""
    return await api.post(f"/v1/actions/{decided['action_id']}/otp", json={"code": phone.codes[-1].code})


def says(decided: dict[str, Any]) -> tuple[str, str]:
    """The decision and its first reason; a grant must not be there."""
    assert "grant" not in decided
    return decided["decision"], decided["reasons"][0]["code"]


async def refuse(*_: Any, **__: Any) -> Any:
    """A database that is gone."""
    raise StoreError("the disk is full")


# ── the detectors ────────────────────────────────────────────────────────────────────────────────────────────────────


def fails(_: Sequence[Samples]) -> Any:
    """A model that cannot run."""
    raise ModelError("no")


def gives_nan(windows: Sequence[Samples]) -> Any:
    """A model that gives no number."""
    return np.full((len(windows), 1), np.nan, np.float32)


@pytest.mark.parametrize("task", ["synthetic_voice", "speaker_embedding"])
@pytest.mark.parametrize("scorer", [fails, gives_nan, None], ids=["fails", "nan", "missing"])
def test_broken_model(task: Any, scorer: Any, tmp_path: Path) -> None:
    """The risk has no number, and even with its code money waits for a person."""
    detectors = Voice().detectors()
    others = {name: each for name, each in detectors.scorers.items() if name != task}
    broken = replace(detectors, scorers=others if scorer is None else {**others, task: scorer})

    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        async with served.call():
            asked = await ask(api, "payment")
            return [asked, (await enter(api, served.phone, asked)).json()]

    asked, entered = on(tmp_path, use, detectors=broken)
    risk = asked["risk"]
    assert (None, "unknown", "detector_unavailable") == (risk["score"], risk["band"], risk["state"])
    assert [("step_up", "code_needed"), ("handover", "code_not_enough")] == [says(asked), says(entered)]


def test_slow_model(tmp_path: Path) -> None:
    """Windows that are not scored by their deadline are missing, and the call goes on."""
    release = threading.Event()
    detectors = Voice().detectors()

    def stuck(windows: Sequence[Samples]) -> Any:
        release.wait(20)
        return np.zeros((len(windows), 1), np.float32)

    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        try:
            async with served.call():
                return await ask(api, "payment")
        finally:
            release.set()

    slow = replace(detectors, scorers={**detectors.scorers, "synthetic_voice": stuck})
    asked = on(tmp_path, use, detectors=slow, score_deadline_s=0.2)
    assert ("detector_unavailable", "step_up") == (asked["risk"]["state"], asked["decision"])


def test_decision_that_does_not_come(tmp_path: Path) -> None:
    """Windows that nobody answers hold the decision up: a person decides, for good."""
    release = threading.Event()
    detectors = Voice().detectors()

    def stuck(windows: Sequence[Samples]) -> Any:
        release.wait(20)
        return np.full((len(windows), 1), -2.0, np.float32)

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, Any]:
        await served.service.store.customers.upsert("customer-1")
        async with served.stream() as socket:
            await socket.send(start())
            await speak(socket, 8.0)
            await said(socket, "started")
            await until(lambda: served.service.registry.calls["call-1"].core.heard_s >= 7.98)
            late = await ask(api, "balance_enquiry")
            release.set()
            await heard(served, "call-1", 8.0)
            place = f"/v1/actions/{late['action_id']}"
            entered = await api.post(f"{place}/otp", json={"code": "123456"})
            return late, [(await api.get(place)).json(), entered.json()]

    slow = replace(detectors, scorers={**detectors.scorers, "synthetic_voice": stuck})
    late, (after, entered) = on(tmp_path, use, detectors=slow, decision_timeout_s=0.2, score_deadline_s=20.0)
    assert [("handover", "decision_late")] * 2 == [says(late), says(after)]
    assert "not_awaited" == entered["code"]


# ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_customer_cannot_be_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is known: denied."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        async with served.call():
            monkeypatch.setattr(served.service.store.customers, "find", refuse)
            return await ask(api, "account_recovery")

    assert ("deny", "customer_missing") == says(on(tmp_path, use))


def test_challenge_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person decides and no code leaves; a code is worth nothing, and the person's word counts once it is kept."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            with monkeypatch.context() as broken:
                broken.setattr(served.service.store.decisions, "record", refuse)
                asked = await ask(api, "account_recovery")
                unrecorded = await answer(served, asked["action_id"], "ann")
            entered = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": "123456"})
            taken = [await answer(served, asked["action_id"], *word) for word in (("bob", "accept"), ("bob",))]
            grant = (await api.get(f"/v1/actions/{asked['action_id']}")).json()["grant"]
            redeemed = await api.post("/v1/grants/redeem", json={"grant": grant})
            records = await served.service.store.calls.events("call-1")
            return (
                says(asked), says(unrecorded), len(served.phone.codes), entered.json()["code"],
                [word["state"] for word in taken], redeemed.status_code,
                [record["state"] for record in records if record["kind"] == "decision"],
            )

    failed = ("handover", "not_recorded")
    assert (failed, failed, 0, "not_awaited", ["handed_over", "allowed"], 200) == (said := on(tmp_path, use))[:6]
    assert ["challenged", "handed_over", "handed_over", "handed_over", "allowed"] == said[6]


def test_overruled_action_can_be_refused_and_is_no_orphan_then(tmp_path: Path) -> None:
    """The desk's handover ends with the person's word."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        served.phone.broken = True
        async with served.call() as socket:
            asked = await ask(api, "account_recovery")
            await said(socket, "decision", decision="handover")
            refused = await answer(served, asked["action_id"], "ann", "refuse")
            shown = served.service.live.hub.calls["call-1"].handovers
            return refused["state"], [(each["source"], each["outcome"]) for each in shown]

    assert ("denied", [("fail_closed", "refused")]) == on(tmp_path, use)


def test_fault_that_no_person_could_settle_is_a_denial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier that demands a code has no person to end with, and it is said in plain words."""
    policy = POLICY.replace("assurance: [[otp], [human]]", "assurance: [[otp]]", 1)
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")

    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            monkeypatch.setattr(served.service.store.decisions, "record", refuse)
            return await ask(api, "account_recovery")

    denied = on(tmp_path, use, policy_file=tmp_path / "policy.yaml", unsafe_policy=True)
    assert ("deny", ["not_recorded", "nobody_decides"]) == (
        denied["decision"], [reason["code"] for reason in denied["reasons"]]
    )


def test_allowance_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right code is worth nothing when its use leaves no record; a new question opens the way again."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            asked = await ask(api, "account_recovery")
            with monkeypatch.context() as broken:
                broken.setattr(served.service.store.decisions, "record", refuse)
                entered = (await enter(api, served.phone, asked)).json()
            anew = await ask(api, "account_recovery")
            return says(entered), (await enter(api, served.phone, anew)).json()["decision"]

    assert (("handover", "not_recorded"), "allow") == on(tmp_path, use)


def test_late_allowance_stays_overruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded after a person was told to decide, an allowance is told to nobody; the record ends in the handover."""
    gate = asyncio.Event()

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        store = served.service.store
        record = store.decisions.record

        async def slow(call_id: str, decided: ActionDecided, **known: Any) -> ActionDecided:
            if decided.decision is Decision.ALLOW:
                await gate.wait()
            return await record(call_id, decided, **known)

        async with served.call() as socket:
            asked = await ask(api, "account_recovery")
            monkeypatch.setattr(store.decisions, "record", slow)
            entered = (await enter(api, served.phone, asked)).json()  # answered while the store still hangs
            gate.set()
            await served.service.registry.calls["call-1"].idle()
            told = [await said(socket, "decision") for _ in range(2)]
            shown = (await api.get(f"/v1/actions/{asked['action_id']}")).json()
        records = [record for record in await store.calls.events("call-1") if record["kind"] == "decision"]
        faults = (await store.audit.verify(served.service.keys.verify, now=0.0)).faults
        return [says(each) for each in (*told, entered, shown)], [each["decision"] for each in records], faults

    told, recorded, faults = on(tmp_path, use, decision_timeout_s=0.2)
    assert [("step_up", "code_needed")] + [("handover", "decision_late")] * 3 == told
    assert (["step_up", "allow", "handover"], []) == (recorded, faults)


def test_grant_cannot_be_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 while the store is down, and the grant is not lost by it."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            asked = await ask(api, "account_recovery")
            grant = {"grant": (await enter(api, served.phone, asked)).json()["grant"]}
            with monkeypatch.context() as broken:
                broken.setattr(served.service.store.decisions, "redeem_grant", refuse)
                down = await api.post("/v1/grants/redeem", json=grant)
            return down.status_code, down.json()["code"], (await api.post("/v1/grants/redeem", json=grant)).status_code

    assert (503, "store_unavailable", 200) == on(tmp_path, use)


def test_keys_cannot_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets in while the store is down, on HTTP and on streams."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[int, str]:
        monkeypatch.setattr(served.service.store.api_keys, "check", refuse)
        async with served.stream() as socket:
            return (await api.get("/v1/calls")).status_code, str((await said(socket, "error"))["code"])

    assert (503, "store_unavailable") == on(tmp_path, use)


def test_notes_wait_for_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written when the store is back, and the chain is whole."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, Any]:
        store = served.service.store
        async with served.call(seconds=6.0) as socket:
            with monkeypatch.context() as broken:
                broken.setattr(store.calls, "append", refuse)
                await speak(socket, 4.0, begin_s=6.0)
                await heard(served, "call-1", 10.0)
                await ask(api, "launch")
            await ask(api, "launch")
        kinds = [record["kind"] for record in await store.calls.events("call-1")]
        return kinds, (await store.audit.verify(served.service.keys.verify, now=0.0)).faults

    kinds, faults = on(tmp_path, use)
    assert ([], "started", "ended") == (faults, kinds[0], kinds[-1])
    assert kinds.count("decision") == 2
    assert kinds.count("risk") > 8


# ── delivery, policy, keys ───────────────────────────────────────────────────────────────────────────────────────────


def test_code_cannot_be_delivered(tmp_path: Path) -> None:
    """A person decides, whatever is entered afterwards."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, Any]:
        served.phone.broken = True
        async with served.call() as socket:
            asked = await ask(api, "account_recovery")
            told = await said(socket, "decision", decision="handover")
            entered = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": "123456"})
            return says(told), entered.json()["code"]

    assert (("handover", "code_not_delivered"), "not_awaited") == on(tmp_path, use)


def test_rule_fails_in_mid_call(tmp_path: Path) -> None:
    """A rule that meets what its author did not think of hands over."""
    wrong = POLICY.replace("when: risk.band == 'high'", "when: risk.evidence[7].llr > 0.0")
    (tmp_path / "policy.yaml").write_text(wrong, encoding="utf-8")

    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        async with served.call():
            return [says(await ask(api, action)) for action in ("account_recovery", "payment", "balance_enquiry")]

    chosen = {"policy_file": tmp_path / "policy.yaml", "unsafe_policy": True}
    assert [("handover", "policy_fault")] * 3 == on(tmp_path, use, **chosen)


def test_grant_cannot_be_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a signature there is no allowance; the service goes on."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, Any]:
        async with served.call():
            asked = await ask(api, "account_recovery")
            monkeypatch.setattr(served.service.keys, "_signing", None)
            entered = (await enter(api, served.phone, asked)).json()
            return says(entered), (await ask(api, "balance_enquiry"))["decision"]

    assert (("handover", "not_recorded"), "allow") == on(tmp_path, use)


# ── our own code ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fault_nobody_foresaw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered as a problem like any other, with the security headers and nothing of what went wrong."""
    async def broken(*_: Any) -> Any:
        raise RuntimeError("123456")

    async def use(served: Served, api: httpx.AsyncClient) -> httpx.Response:
        monkeypatch.setattr(served.service.store.calls, "list", broken)
        return await api.get("/v1/calls")

    answer = on(tmp_path, use)
    assert (500, "internal_error") == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["content-type"]
    assert HEADERS.items() <= {name: answer.headers.get(name) for name in HEADERS}.items()
    assert "123456" not in answer.text


def test_policy_with_errors_does_not_start(tmp_path: Path) -> None:
    """What `policy check` refuses is not served, unless the operator says that it is to be."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("payment: money", "payment: information")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    chosen = Settings(data_dir=tmp_path, policy_file=tmp_path / "policy.yaml")

    with pytest.raises(ConfigurationError, match=r"actions\.payment: It moves money"):
        create_app(chosen, detectors=Voice().detectors())
    create_app(chosen.model_copy(update={"unsafe_policy": True}), detectors=Voice().detectors())
