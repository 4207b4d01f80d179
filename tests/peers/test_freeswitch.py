"""A real FreeSWITCH forks real calls into the running service, with its real models, through mod_audio_fork and
mod_audio_stream, and hands the decisions on as its events."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import soundfile

from tests.peers.freeswitch import program, running
from tests.server.endings import until
from tests.server.serving import serving
from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.server.context import WebContext
from voiceguard.settings import Settings

pytestmark = [
    pytest.mark.peers, pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason=(
        "no FreeSWITCH on this machine: Debian 12 has no package of it; "
        "name one with $FREESWITCH, or put it on the path"
    )),
]
SAMPLES = Path(__file__).parents[2] / "samples"
MODULES = {"mod_audio_fork": "uuid_audio_fork", "mod_audio_stream": "uuid_audio_stream"}


async def ending(service: WebContext, call_id: str) -> str:
    """Why the call ended, once that is on record."""
    async with asyncio.timeout(20):
        while True:
            for record in await service.store.calls.events(call_id):
                if record["kind"] == "ended":
                    return str(record["reason"])
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("file", "rate", "decision"), [
    ("02-recovery.wav", "8k", "step_up"), ("05-synthetic-piper.wav", "16k", "handover"),
])
def test_a_call_is_judged(tmp_path: Path, module: str, file: str, rate: str, decision: str) -> None:
    """The caller that FreeSWITCH plays is scored, the application asks for a refund, and hears the decision."""
    audio, rate_hz = soundfile.read(SAMPLES / file, dtype="float32")
    voice, agent = tmp_path / "voice.wav", tmp_path / "agent.wav"
    soundfile.write(voice, audio[3 * rate_hz : 25 * rate_hz, 0], rate_hz, subtype="PCM_16")
    # What is written to the channel has to flow too: without it, the modules send no stereo.
    soundfile.write(agent, np.zeros(120 * rate_hz), rate_hz, subtype="PCM_16")

    async def run() -> None:
        async with (
            serving(tmp_path / "data", detectors=load_detectors(Settings()), score_deadline_s=30.0) as served,
            running(program() or Path(), tmp_path / "freeswitch", voice) as freeswitch,
        ):
            if "true" not in await freeswitch.api(f"module_exists {module}"):
                pytest.skip(f"this FreeSWITCH has no {module}")
            await served.service.store.customers.upsert("customer-1")
            await freeswitch.listen(*(f"{module}::{name}" for name in ("json", "transfer", "disconnect", "error")))
            command, call_id = MODULES[module], str(uuid4())
            url = f"{served.origin.replace('http', 'ws', 1)}/v1/stream/freeswitch"
            metadata = json.dumps({
                "call_id": call_id, "customer_ref": "customer-1", "consent": "voice_analysis", "mixType": "stereo",
                "sampleRate": 8000 if rate == "8k" else 16000,
            }, separators=(",", ":"))
            assert "+OK" in await freeswitch.api(
                f"originate {{origination_uuid={call_id}}}loopback/voice/voices &playback({agent})"
            )
            if module == "mod_audio_fork":
                await freeswitch.api(f"uuid_setvar {call_id} MOD_AUDIO_BASIC_AUTH_USERNAME freeswitch")
                await freeswitch.api(f"uuid_setvar {call_id} MOD_AUDIO_BASIC_AUTH_PASSWORD {served.key}")
            else:
                headers = json.dumps({"Authorization": f"Bearer {served.key}"})
                await freeswitch.api(f"uuid_setvar {call_id} STREAM_EXTRA_HEADERS {headers}")
            assert "OK" in await freeswitch.api(f"{command} {call_id} start {url} stereo {rate} {metadata}")
            await until(lambda: call_id in served.service.registry.calls, 20.0)
            call = served.service.registry.calls[call_id]
            await until(lambda: call.core.heard_s >= 20.0, 90.0)
            await freeswitch.api(f'{command} {call_id} send_text {{"event":"intent","action":"refund"}}')
            await until(lambda: any('"decision"' in body for _, body in freeswitch.events), 30.0)
            bodies = [json.loads(body) for name, body in freeswitch.events if name == f"{module}::json"]
            told = [body.get("data", body) for body in bodies]
            version = (await freeswitch.api("version")).split()[2]
            risk = [body for body in told if body["type"] == "risk"][-1]
            print(f"FreeSWITCH {version}, {module}, {file}, {rate}: {risk['band']}, {risk['score']}, {decision}")
            assert decision == next(body["decision"] for body in told if body["type"] == "decision")
            if module == "mod_audio_fork" and decision == "handover":
                await until(lambda: "mod_audio_fork::transfer" in [name for name, _ in freeswitch.events])
            await freeswitch.api(f"uuid_kill {call_id}")
            await until(lambda: call_id not in served.service.registry.calls)
            assert "stopped" == await ending(served.service, call_id)

    asyncio.run(run())
