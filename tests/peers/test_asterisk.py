"""A real Asterisk places real calls into the running service, with its real models: over AudioSocket, registered from
the dialplan, and over its websocket channel in both control formats; alone with the service, and beside a call.

The dialplan is the one of docs/platforms/asterisk.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.peers.asterisk import Asterisk, program, running
from tests.server.endings import until
from tests.server.serving import Served, serving
from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.settings import AudioSocketOptions, Settings

pytestmark = [
    pytest.mark.peers, pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason=(
        "no Asterisk on this machine: Debian 12 has no package of it, so name one with $ASTERISK or put it on the path"
    )),
]

SAMPLES = Path(__file__).parents[2] / "samples"
HEARD_S = 20.0
"""How much of the call is played, from where the caller speaks."""
VOICES = {"genuine": ("02-recovery.wav", 3.0), "synthetic": ("05-synthetic-piper.wav", 6.0)}
"""File of a sample call, whose first channel is the caller, and where to begin."""

DIALPLAN = """
[caller]
exten => _[a-z].,1,Answer()
 same => n,Playback({folder}/sounds/${{EXTEN}})
 same => n,Verbose(1,played)
 same => n(ask),Wait(0.2)
 same => n,GotoIf($["${{GLOBAL(CODE)}}" = ""]?ask)
 same => n,GotoIf($["${{GLOBAL(CODE)}}" = "none"]?over)
 same => n,SendDTMF(${{GLOBAL(CODE)}})
 same => n,Wait(1)
 same => n(over),Hangup()

[agent]
exten => desk,1,Answer()
 same => n,Wait(60)

[guarded]
exten => audiosocket,1,Answer()
 same => n,Set(CURLOPT(httpheader)=Authorization: Bearer {key})
 same => n,Set(CURLOPT(httpheader)=Content-Type: application/json)
 same => n,Set(CALL={{"call_id":"${{CALL_ID}}","customer_ref":"customer-1","consent":["voice_analysis"]}})
 same => n,Set(REPLY=${{CURL({origin}/v1/audiosocket/calls,${{CALL}})}})
 same => n,AudioSocket(${{JSON_DECODE(REPLY,uuid)}},127.0.0.1:{port})
 same => n,Hangup()

exten => wideband,1,Answer()
 same => n,Set(CURLOPT(httpheader)=Authorization: Bearer {key})
 same => n,Set(CURLOPT(httpheader)=Content-Type: application/json)
 same => n,Set(CALL={{"call_id":"${{CALL_ID}}"}})
 same => n,Set(REPLY=${{CURL({origin}/v1/audiosocket/calls,${{CALL}})}})
 same => n,Dial(AudioSocket/127.0.0.1:{port}/${{JSON_DECODE(REPLY,uuid)}}/c(slin16))

exten => stranger,1,Answer()
 same => n,AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:{port})
 same => n,Verbose(1,the stranger was hung up)
 same => n,Hangup()

exten => plain,1,Answer()
 same => n,Dial(WebSocket/voiceguard/c(ulaw)v(call_id=${{CALL_ID}},customer_ref=customer-1,consent=voice_analysis))

exten => json,1,Answer()
 same => n,Set(_VOICEGUARD_CALL_ID=${{CALL_ID}})
 same => n,Set(_VOICEGUARD_CUSTOMER_REF=customer-1)
 same => n,Set(_VOICEGUARD_CONSENT=voice_analysis)
 same => n,Dial(WebSocket/voiceguard/c(slin16)f(json)n)

exten => forged,1,Answer()
 same => n,Dial(WebSocket/forged/c(ulaw)v(call_id=${{CALL_ID}}))
 same => n,Verbose(1,the forged key got ${{DIALSTATUS}})

exten => beside,1,Answer()
 same => n,Originate(Local/tap@guarded/n,exten,guarded,spy,1,,av(SPIED=${{CHANNEL}}^CALL=${{CALL_ID}}))
 same => n,Dial(Local/desk@agent)

exten => tap,1,Set(_VOICEGUARD_CALL_ID=${{CALL}})
 same => n,Set(_VOICEGUARD_CONSENT=voice_analysis)
 same => n,Dial(WebSocket/voiceguard/c(ulaw)f(json)n)

exten => spy,1,Answer()
 same => n,ChanSpy(${{SPIED}},qoES)
 same => n,Hangup()
"""
CLIENTS = """
[voiceguard]
type = websocket_client
connection_type = per_call_config
uri = {ws}/v1/stream/asterisk
protocols = media
username = asterisk
password = {key}

[forged]
type = websocket_client
connection_type = per_call_config
uri = {ws}/v1/stream/asterisk
protocols = media
username = asterisk
password = forged
reconnect_attempts = 1
"""


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[tuple[Asterisk, Served]]:
    """The service with the shipped models, and an Asterisk that knows it."""
    detectors = load_detectors(Settings())
    port = AudioSocketOptions(port=0)
    # A busy machine scores late, and is no reason for another risk.
    async with serving(folder / "data", detectors=detectors, audiosocket=port, score_deadline_s=30.0) as served:
        place = folder / "asterisk"
        facts = {
            "folder": place, "key": served.key, "origin": served.origin,
            "ws": served.origin.replace("http", "ws", 1), "port": served.service.audiosocket_port,
        }
        sounds = {}
        for name, (file, begin_s) in VOICES.items():
            audio, rate_hz = soundfile.read(SAMPLES / file, dtype="float32")
            sounds[name] = audio[int(begin_s * rate_hz) : int((begin_s + HEARD_S) * rate_hz), 0]
        files = {"extensions.conf": DIALPLAN.format(**facts), "websocket_client.conf": CLIENTS.format(**facts)}
        asterisk = running(program() or Path(), place, files, sounds)
        started = await asyncio.to_thread(asterisk.__enter__)
        try:
            yield started, served
        finally:
            await asyncio.to_thread(asterisk.__exit__, None, None, None)


async def record(served: Served, call_id: str) -> list[dict[str, Any]]:
    """The call's record, when the call is over."""
    async with asyncio.timeout(90):
        while True:
            records = await served.service.store.calls.events(call_id)
            if records and records[-1]["kind"] == "ended":
                return records
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(("voice", "extension", "module"), [
    ("genuine", "audiosocket", "app_audiosocket"), ("synthetic", "audiosocket", "app_audiosocket"),
    ("genuine", "wideband", "chan_audiosocket"), ("genuine", "plain", "chan_websocket"),
    ("synthetic", "json", "chan_websocket"), ("synthetic", "beside", "chan_websocket"),
])
def test_a_call_is_scored(tmp_path: Path, voice: str, extension: str, module: str) -> None:
    """The voice that Asterisk played has the risk that it deserves; the call stops as the caller hangs up."""

    async def run() -> None:
        async with connected(tmp_path) as (asterisk, served):
            if not asterisk.has(module):
                pytest.skip(f"{asterisk.version} has no {module}")
            await asyncio.to_thread(asterisk.run, "dialplan set global CODE none")
            asterisk.place(f"Local/{voice}@caller", extension, CALL_ID="call-1")
            records = await record(served, "call-1")
            risk = [item for item in records if item["kind"] == "risk"][-1]
            print(f"{asterisk.version}, {extension}, {voice}: {risk['band']}, {risk['score']}, "
                  f"{risk['net_speech_s']:.1f} s of net speech")
            assert ("started", "ended", "stopped") == (records[0]["kind"], records[-1]["kind"], records[-1]["reason"])
            assert risk["net_speech_s"] > 4.0
            assert ("high" if voice == "synthetic" else "low") == risk["band"]

    asyncio.run(run())


@pytest.mark.parametrize(("extension", "module"), [
    ("audiosocket", "app_audiosocket"), ("plain", "chan_websocket"), ("json", "chan_websocket"),
])
def test_a_code_is_keyed(tmp_path: Path, extension: str, module: str) -> None:
    """The caller keys the delivered code on Asterisk's line, and the refund is allowed."""

    async def run() -> None:
        async with connected(tmp_path) as (asterisk, served), served.api() as api:
            if not asterisk.has(module):
                pytest.skip(f"{asterisk.version} has no {module}")
            await served.service.store.customers.upsert("customer-1")
            asterisk.place("Local/genuine@caller", extension, CALL_ID="call-1")
            await until(lambda: " played" in asterisk.log(), 60.0)
            asked = (await api.post("/v1/calls/call-1/actions", json={"action": "refund"})).json()
            assert "step_up" == asked["decision"]
            await until(lambda: served.phone.codes)
            await asyncio.to_thread(asterisk.run, f"dialplan set global CODE {served.phone.codes[0].code}")
            records = await record(served, "call-1")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]

    asyncio.run(run())


def test_a_stranger_is_hung_up(tmp_path: Path) -> None:
    """A UUID that nobody registered: the dialplan goes on at once."""

    async def run() -> None:
        async with connected(tmp_path) as (asterisk, served):
            asterisk.place("Local/genuine@caller", "stranger")
            await until(lambda: "the stranger was hung up" in asterisk.log(), 60.0)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_a_forged_key_opens_nothing(tmp_path: Path) -> None:
    """The websocket is refused before its upgrade, and the dialplan is told."""

    async def run() -> None:
        async with connected(tmp_path) as (asterisk, served):
            if not asterisk.has("chan_websocket"):
                pytest.skip(f"{asterisk.version} has no chan_websocket")
            asterisk.place("Local/genuine@caller", "forged", CALL_ID="call-1")
            await until(lambda: "the forged key got CHANUNAVAIL" in asterisk.log(), 60.0)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())
