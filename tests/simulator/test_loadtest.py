"""The load test: its figures by worked numbers, then short runs against a real server with stand-in models."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import uvicorn
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.models.detectors import Detectors
from voiceguard.adapters.store import Store
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.errors import ConfigurationError
from voiceguard.events import Samples
from voiceguard.server.app import create_app, server_config
from voiceguard.settings import (
    AudioSocketOptions,
    PlivoOptions,
    Settings,
    SignalWireOptions,
    TelnyxOptions,
    TwilioOptions,
    VonageOptions,
)
from voiceguard.simulator import loadtest
from voiceguard.simulator.loadtest import Sent, as_text, due_at, frames_in, report
from voiceguard.speech import WindowSpec

QUIET = {"media_faults_ms": 0.0, "scored": 0.0, "missing": 0.0}
SECRET = "only for this test, and long enough"


def _platforms(secret: str) -> dict[str, Any]:
    """Every platform's credential is this secret."""
    hidden = SecretStr(secret)
    return {
        "plivo": PlivoOptions(auth_token=hidden), "signalwire": SignalWireOptions(stream_secret=hidden),
        "telnyx": TelnyxOptions(stream_secret=hidden), "twilio": TwilioOptions(stream_secret=hidden),
        "vonage": VonageOptions(signature_secret=hidden),
    }


PROVEN, FORGED = Settings(**_platforms(SECRET)), Settings(**_platforms("another secret than the server's"))


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("media_s", "due"), [
    (0.02, 100.0),  # the first frame brings the media up to 20 ms, and is due at once
    (0.04, 100.02),
    (0.1 + 0.2, 100.28),  # 0.30000000000000004 s is 15 frames, not 16
    (0.025, 100.02),  # part of a frame comes with the whole of it
    (2.0, 101.98),
])
def test_due_at(media_s: float, due: float) -> None:
    """A window is complete with the frame that carries its last sample, at that frame's own time."""
    assert due == pytest.approx(due_at(100.0, media_s), abs=1e-9)


def test_frames_in_rounds() -> None:
    """0.3 s are 15 frames, though 0.3 / 0.02 falls short of it."""
    assert (15, 3000) == (frames_in(0.3), frames_in(60.0))


def test_lag_percentiles() -> None:
    """Lags of 0, 1, ... 100 ms over two clients have the percentiles that one reads off them."""
    sent = [Sent(began={"a": 100.0}, frames=100, ended=1), Sent(began={"b": 200.5}, frames=100, ended=1)]
    risks = [
        ("a" if lag_ms % 2 else "b", 2.0, (101.98 if lag_ms % 2 else 202.48) + lag_ms / 1000)
        for lag_ms in range(101)
    ]

    figures = report(sent, risks, QUIET, calls=2, seconds=2.0)

    assert {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0} == figures["decision_lag_ms"]
    assert 101 == figures["risk_messages"]


def test_lag_of_other_calls() -> None:
    """Risks of calls that are not the load test's own are no figures of it."""
    sent = [Sent(began={"a": 100.0}, frames=100, ended=1)]

    figures = report(sent, [("demo", 2.0, 500.0), ("a", 2.0, 102.0)], QUIET, calls=1, seconds=2.0)

    assert 1 == figures["risk_messages"]
    assert 20.0 == figures["decision_lag_ms"]["max"]


def test_dropped_frames() -> None:
    """Not sent, sent too late and missed by the server: all are dropped."""
    sent = [
        Sent(began={"a": 100.0, "b": 100.0}, frames=150, late=3, ended=1),  # b broke off half-way
        Sent(frames=0),  # c was refused
    ]
    counted = {"media_faults_ms": 140.0, "scored": 5.0, "missing": 2.0}

    figures = report(sent, [], counted, calls=3, seconds=2.0)

    assert (3, 1) == (figures["calls_asked"], figures["calls_achieved"])
    assert 150 == figures["frames_sent"]
    assert (300 - 150) + 3 + 7 == figures["frames_dropped"]
    assert (5, 2) == (figures["windows_scored"], figures["windows_missing"])


@pytest.mark.parametrize(("overshoot_ms", "limit"), [
    ([1.0] * 99 + [500.0], False),  # one hiccup in a hundred is not a limit
    ([1.0] * 90 + [21.0] * 10, True),
    ([], True),  # a client that never came to its clock proves nothing
])
def test_generator_was_the_limit(overshoot_ms: list[float], limit: bool) -> None:
    """A generator that wakes later than a frame at its 99th percentile says so."""
    sent = [Sent(began={"a": 100.0}, frames=100, ended=1, overshoot_ms=overshoot_ms)]

    figures = report(sent, [], QUIET, calls=1, seconds=2.0)

    assert limit is figures["generator_was_the_limit"]


def test_report_without_a_risk() -> None:
    """Calls without speech have no lag, and the report is still JSON."""
    figures = report([Sent(began={"a": 100.0}, frames=50, ended=1)], [], QUIET, calls=1, seconds=1.0)

    assert {"p50": None, "p95": None, "p99": None, "max": None} == figures["decision_lag_ms"]
    assert figures == json.loads(json.dumps(figures, allow_nan=False))


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Served:
    """A server in a thread of this process."""

    url: str
    key: str
    key_without_live: str
    settings: Settings
    """What the platforms know of it."""


def _detectors() -> Detectors:
    """Windows from a fifth of a second on, scored without models."""

    def score(windows: Sequence[Samples]) -> Any:
        return np.zeros((len(windows), 1), np.float32)

    return Detectors(
        scorers={"synthetic_voice": score, "synthetic_voice_verify": score},
        specs=(WindowSpec("synthetic_voice", 0.2, 0.2, 0.2),),
        calibrations=Calibrations(
            synthetic.Calibration(1.0, 0.0, 2.0), speaker.Calibration(1.0, 0.0, 0.0, 2.0, 15.0, 2.0, 2.0)
        ),
        versions={"synthetic": "stand-in@0", "speaker": "stand-in@0"},
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on a free port."""
    settings = Settings(
        port=0, data_dir=tmp_path_factory.mktemp("data"), score_deadline_s=60.0,
        **_platforms(SECRET), audiosocket=AudioSocketOptions(port=0),
    )

    async def keys() -> tuple[str, str]:
        async with Store.open(settings.store_url, cipher=Keys.open(settings.data_dir).cipher) as store:
            key = await store.api_keys.create("all", ["stream", "live", "metrics"], by="tests", now=1.0)
            return key, await store.api_keys.create("blind", ["stream", "metrics"], by="tests", now=1.0)

    key, key_without_live = asyncio.run(keys())
    app = create_app(settings, detectors=_detectors())
    server = uvicorn.Server(server_config(app, settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        known = {"audiosocket": AudioSocketOptions(port=app.state.service.audiosocket_port)}
        yield Served(f"ws://127.0.0.1:{port}", key, key_without_live, PROVEN.model_copy(update=known))
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def callset(tmp_path: Path) -> Path:
    """One call of one second: noise whose level goes up and down as syllables do, so that it counts as speech."""
    random = np.random.default_rng(1)
    level = np.repeat(random.uniform(0.02, 0.3, 20), 400)
    caller = (level * random.standard_normal(8000)).clip(-1, 1).astype(np.float32)
    soundfile.write(tmp_path / "call.wav", np.stack((caller, np.zeros_like(caller)), axis=1), 8000)
    (tmp_path / "calls.jsonl").write_text(json.dumps({
        "call_id": "c", "audio": "call.wav", "channels": {"0": "caller", "1": "agent"}, "label": "genuine",
    }))
    return tmp_path


@pytest.mark.parametrize("protocol", [
    "asterisk", "audiosocket", "freeswitch", "jambonz", "native", "plivo", "signalwire", "telnyx", "twilio", "vonage",
])
def test_run(served: Served, callset: Path, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """Every frame of every call arrives, and every scored window is seen on the live feed."""
    monkeypatch.setattr(loadtest, "START_S", 0.0)

    figures = loadtest.run(
        served.url, protocol=protocol, calls=2, seconds=1.0, callset=callset, key=served.key,
        settings=served.settings,
    )

    assert (2, 2) == (figures["calls_asked"], figures["calls_achieved"])
    assert 100 == figures["frames_sent"]
    assert 0 == figures["windows_missing"]
    assert 2 <= figures["windows_scored"] == figures["risk_messages"]
    assert figures["decision_lag_ms"]["max"] > 0
    assert figures["server_cores_used"] is not None
    assert f"calls            2 of 2 for 1 s ({protocol})" == as_text(figures).splitlines()[0]


def test_run_refused_streams(served: Served, callset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that the server turns away count as calls not achieved, and their frames as dropped."""
    monkeypatch.setattr(loadtest, "START_S", 0.0)

    figures = loadtest.run(
        served.url, protocol="twilio", calls=2, seconds=1.0, callset=callset, key=served.key, settings=FORGED
    )

    assert 0 == figures["calls_achieved"]
    assert figures["frames_dropped"] >= 100 - figures["frames_sent"]
    assert 0 == figures["risk_messages"]


def test_run_key_without_live(served: Served, callset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that may not follow the live feed is a clear error, not a report without lags."""
    monkeypatch.setattr(loadtest, "START_S", 0.0)

    with pytest.raises(ConfigurationError, match="scope live") as raised:
        loadtest.run(
            served.url, protocol="native", calls=1, seconds=0.02, callset=callset, key=served.key_without_live
        )
    assert isinstance(raised.value.__cause__, ConnectionClosed)


def test_run_wrong_key(served: Served, callset: Path) -> None:
    """A key that the server does not know is a clear error."""
    with pytest.raises(ConfigurationError, match="scope metrics"):
        loadtest.run(served.url, protocol="native", calls=1, seconds=1.0, callset=callset, key="vg_unknown")


def test_run_no_server(callset: Path) -> None:
    """So is a server that is not there."""
    with pytest.raises(ConfigurationError, match="no server"):
        loadtest.run("ws://127.0.0.1:1", protocol="native", calls=1, seconds=1.0, callset=callset, key="vg_unknown")


def test_run_nothing() -> None:
    """No calls, or calls shorter than a frame, measure nothing."""
    for calls, seconds in ((0, 1.0), (1, 0.01)):
        with pytest.raises(ConfigurationError, match="at least one"):
            loadtest.run("ws://h", protocol="native", calls=calls, seconds=seconds, callset=Path("x"), key="")
