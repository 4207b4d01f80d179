"""The native stream on a real socket: whom it turns away, and what stays recorded of a call that breaks off."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.endings import closed, recorded, refused
from tests.server.serving import SPEECH, heard, said, serving, speak, start
from voiceguard.adapters.store import StoreError
from voiceguard.settings import LimitOptions

STOP = json.dumps({"type": "stop"})


# ── the protocol broken ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "code", "close_code"),
    [
        (STOP, "out_of_order", 1008),
        (SPEECH[:160], "out_of_order", 1008),
        ("{", "bad_json", 1007),
        (start(call_id=""), "bad_message", 1007),
        ("x" * 65537, "too_big", 1009),
        (bytes(65537), "too_big", 1009),
        (start(encoding="g722"), "unsupported_encoding", 1003),
        (start(channels=["caller", "judge"]), "unknown_channel", 1008),
    ],
    ids=["stop_first", "audio_first", "malformed", "no_call_id", "long_text", "long_audio", "g722", "channel"],
)
def test_broken_opening_is_refused(tmp_path: Path, sent: str | bytes, code: str, close_code: int) -> None:
    """A stream that begins wrongly is told its error, closed with that error's code, and opens no call."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await socket.send(sent)
                await refused(socket, code, close_code)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "code", "close_code"),
    [
        (start("call-2"), "out_of_order", 1008),
        ("[]", "bad_json", 1007),
        ("x" * 65537, "too_big", 1009),
        (bytes(65537), "too_big", 1009),
    ],
    ids=["second_start", "malformed", "long_text", "long_audio"],
)
def test_broken_call_is_recorded(tmp_path: Path, sent: str | bytes, code: str, close_code: int) -> None:
    """A call that breaks the protocol half-way keeps its decisions and risks, and ends as a protocol error."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await socket.send(start())
                await speak(socket, 10.0)
                await heard(served, "call-1", 10.0)
                await socket.send(json.dumps({"type": "intent", "action": "balance_enquiry"}))
                await said(socket, "decision")
                await socket.send(sent)
                await refused(socket, code, close_code)
            records = await recorded(served, "call-1", "protocol_error")
            assert {"started", "consent_given", "risk", "decision", "ended"} == {record["kind"] for record in records}

    asyncio.run(run())


def test_frame_beyond_the_sockets_limit_is_recorded(tmp_path: Path) -> None:
    """A frame so large that the server never reads it to its end closes with 1009, and the call is recorded."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await socket.send(start())
                await said(socket, "started")
                await socket.send(bytes(2 * 65536 + 1))
                await closed(socket, 1009)
            await recorded(served, "call-1", "vanished")

    asyncio.run(run())


def test_unknown_type_does_no_harm(tmp_path: Path) -> None:
    """A message of a type that is not known is answered by an error, and the call goes on."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.call() as socket:
            await socket.send(json.dumps({"type": "hologram"}))
            assert "unknown_type" == (await said(socket, "error"))["code"]
            await socket.send(json.dumps({"type": "intent", "action": "balance_enquiry"}))
            assert "allow" == (await said(socket, "decision"))["decision"]

    asyncio.run(run())


# ── who may stream, and how many ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "authorization", ["", "Basic dXNlcjpwYXNz", "Bearer vg_forged"], ids=["missing", "basic", "unknown"]
)
def test_keyless_stream_is_refused(tmp_path: Path, authorization: str) -> None:
    """Without a key of ours the stream is closed before it says anything, and nothing is live."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(headers={"Authorization": authorization}) as socket:
                await refused(socket, "unauthenticated", 1008)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_key_without_scope_is_refused(tmp_path: Path) -> None:
    """A key for other purposes opens no stream."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            key = await served.service.store.api_keys.create("reader", ["calls"], by="tests", now=1.0)
            async with served.stream(key=key) as socket:
                await refused(socket, "unauthenticated", 1008)

    asyncio.run(run())


def test_live_call_of_another_customer_refuses_the_stream(tmp_path: Path) -> None:
    """A second stream cannot make a live call that of somebody else, and does the first no harm."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.call() as first:
                async with served.stream() as second:
                    await second.send(start(customer_ref="customer-2"))
                    await refused(second, "other_customer", 1008)
                await first.send(json.dumps({"type": "intent", "action": "balance_enquiry"}))
                assert "allow" == (await said(first, "decision"))["decision"]
            records = await recorded(served, "call-1", "stopped")
            assert ["customer-1"] == [item["customer_ref"] for item in records if item["kind"] == "started"]

    asyncio.run(run())


def test_full_house_says_try_again(tmp_path: Path) -> None:
    """Past `max_calls` a call is refused with 1013, and taken once another has ended."""

    async def run() -> None:
        async with serving(tmp_path, max_calls=1) as served:
            async with served.call():
                async with served.stream() as socket:
                    await socket.send(start("call-2"))
                    await refused(socket, "too_many_calls", 1013)
            async with served.call("call-2"):
                pass
            await recorded(served, "call-2", "stopped")

    asyncio.run(run())


def test_keys_unchecked_are_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store cannot be asked, a stream with a good key is refused with 1013."""

    async def broken(*_: Any) -> Any:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path) as served:
            monkeypatch.setattr(served.service.store.api_keys, "check", broken)
            async with served.stream() as socket:
                await refused(socket, "store_unavailable", 1013)

    asyncio.run(run())


# ── clients that fail ────────────────────────────────────────────────────────────────────────────────────────────────


def test_stalled_stream_is_closed(tmp_path: Path) -> None:
    """A client that falls silent is told so after `stall_s`, and its call ends as stalled."""

    async def run() -> None:
        async with serving(tmp_path, stall_s=0.2, hold_s=0.2) as served:
            async with served.stream() as socket:
                await socket.send(start())
                await speak(socket, 2.0)
                await refused(socket, "stalled", 1008)
            await recorded(served, "call-1", "stalled")

    asyncio.run(run())


def test_stream_that_never_starts_is_closed(tmp_path: Path) -> None:
    """A client that connects and says nothing is not kept."""

    async def run() -> None:
        async with serving(tmp_path, limits=LimitOptions(start_s=0.2)) as served, served.stream() as socket:
            await refused(socket, "stalled", 1008)

    asyncio.run(run())
