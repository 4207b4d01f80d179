"""The AudioHook codec: sessions by hand, what we say in them, and a client that does anything allowed in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.ingest.audiohook_client import CALL, DECISION, ID, OPEN, ORG, RISK, Client, active, media
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    DtmfReceived,
    FaultReported,
    MediaGap,
    MediaPaused,
    MediaResumed,
    ReplyDue,
    WireEvent,
)
from voiceguard.ingest.audiohook_messages import NULL_UUID, written

# ── a session ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_open() -> None:
    """The conversation is the call; of the participant only the id is kept; the answer names the chosen medium."""
    client = Client()
    (started,) = client.say("open", language="en-US", customConfig={"customer_ref": "c-1", "consent": "voice_analysis"})

    assert started == CallStarted(
        CALL, "pcmu", 8000, ("caller",), "c-1", frozenset({"voice_analysis"}),
        {"session_id": ID, "organization_id": ORG, "participant_id": OPEN["participant"]["id"], "language": "en-US"},
    )
    (opened,) = client.hear({"type": "started"})
    assert ("opened", 1, {"media": OPEN["media"], "startPaused": False}) == (
        opened["type"], opened["clientseq"], opened["parameters"]
    )


def test_languages() -> None:
    """A client that asks which languages are transcribed hears: none."""
    client = Client()
    client.say("open", supportedLanguages=True)

    assert [] == client.hear({"type": "started"})[0]["parameters"]["supportedLanguages"]


def test_probe() -> None:
    """A connection probe is answered in full, and is no call: not when audio comes, nor when it is gone."""
    client = Client()
    (reply,) = client.say("open", conversationId=NULL_UUID)
    assert isinstance(reply, ReplyDue)
    assert ["opened"] == client.kinds(dict(reply.message))

    assert [] == client.codec.receive_binary(b"\xff" * 160)
    assert [] == [
        *client.say("paused"), *client.say("resumed"), *client.say("discarded"), *client.say("dtmf"),
    ]
    reply, ended = client.say("close")
    assert isinstance(reply, ReplyDue)
    assert (["closed"], CallEnded("stopped")) == (client.kinds(dict(reply.message)), ended)


def test_lost_probe() -> None:
    """A probe whose socket is gone ends no call."""
    client = Client()
    client.say("open", conversationId=NULL_UUID)

    assert [] == client.codec.connection_lost()


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("channels", ["e", "ei", "ie"])
@pytest.mark.parametrize("form", ["PCMU", "L16"])
def test_audio(form: str, channels: str, big_endian: bool) -> None:
    """Each channel gets its own samples, little-endian, at the place where they are in the stream."""
    client = active([media(channels, form)], l16_big_endian=big_endian)
    count, width = len(channels), {"PCMU": 1, "L16": 2}[form]
    values = np.arange(20 * count).reshape(20, count).astype("u1" if width == 1 else ">i2" if big_endian else "<i2")
    client.codec.receive_binary(values[:7].tobytes())
    events = client.codec.receive_binary(values[7:].tobytes())

    names = [{"e": "caller", "i": "agent"}[letter] for letter in channels]
    little = values.astype(values.dtype.newbyteorder("<"))
    assert events == [AudioReceived(name, 7, little[7:, at].tobytes()) for at, name in enumerate(names)]  # type: ignore[arg-type]
    assert [] == client.codec.receive_binary(b"")


def test_pong_answers_its_ping() -> None:
    """A pong names the ping that it answers, also when more came since."""
    client = active()
    (first,) = client.say("ping", rtt="PT0.0123S")
    client.say("update")

    assert isinstance(first, ReplyDue)
    (pong,) = client.hear(dict(first.message))
    assert ("pong", 2) == (pong["type"], pong["clientseq"])


def test_update() -> None:
    """A change of language is acknowledged."""
    client = active()
    (due,) = client.say("update", language="de-CH")

    assert isinstance(due, ReplyDue)
    assert ["updated"] == client.kinds(dict(due.message))


def test_pause_resume_discard() -> None:
    """What is passed over in a pause, or discarded, moves the stream on; asked for twice, both do nothing."""
    client = active()
    client.codec.receive_binary(b"\xff" * 320)

    assert [MediaPaused()] == client.say("paused")
    assert [] == client.say("paused")
    assert [MediaResumed(80000)] == client.say("resumed", start="PT0.02S", discarded="PT10S")
    assert [] == client.say("resumed", start="PT10.02S", discarded="PT0S")
    assert [MediaGap("caller", 80160, 800), MediaGap("agent", 80160, 800)] == client.say(
        "discarded", start="PT10.02S", discarded="PT0.1S"
    )
    assert [] == client.say("discarded", discarded="PT0S")
    assert [AudioReceived("caller", 80960, b"\x01"), AudioReceived("agent", 80960, b"\x02")] == (
        client.codec.receive_binary(b"\x01\x02")
    )


def test_dtmf_and_error() -> None:
    """Keys are the caller's; what the client complains of is told by its code and never by its text."""
    client = active()

    assert [DtmfReceived("caller", "#")] == client.say("dtmf", digit="#")
    assert [FaultReported("408")] == client.say("error", code=408, message="no pong")
    assert [FaultReported("other")] == client.say("error", code=4711)


@pytest.mark.parametrize(("reason", "ended"), [
    ("end", "stopped"), ("disconnect", "stopped"), ("reconnect", "stopped"), ("error", "protocol_error"),
])
def test_close(reason: str, ended: Any) -> None:
    """`closed` goes out when the call's record is complete, and nothing after it."""
    client = active()

    assert [CallEnded(ended)] == client.say("close", reason=reason)
    assert ["event"] == client.kinds(RISK)
    assert ["closed"] == client.kinds({"type": "stopped"})
    assert [] == client.codec.connection_lost()


def test_close_while_opening() -> None:
    """A client that gives up while we open is closed in order."""
    client = Client()
    client.say("open")

    assert [CallEnded("stopped")] == client.say("close")
    assert ["opened", "closed"] == client.kinds({"type": "started"}) + client.kinds({"type": "stopped"})


def test_close_before_open() -> None:
    """So is one that never opened."""
    client = Client()
    reply, ended = client.say("close")

    assert isinstance(reply, ReplyDue)
    assert (["closed"], CallEnded("stopped")) == (client.kinds(dict(reply.message)), ended)


@pytest.mark.parametrize("state", ["opening", "active", "paused"])
def test_vanished(state: str) -> None:
    """An open call whose socket is gone has vanished, once."""
    client = Client() if state == "opening" else active()
    client.say({"opening": "open", "active": "ping", "paused": "paused"}[state])

    assert ([CallEnded("vanished")], []) == (client.codec.connection_lost(), client.codec.connection_lost())


# ── what we say ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_events() -> None:
    """Risk, decisions and challenges are entities of our own types, whole but for the grant."""
    client = active()
    (risk,), (decision,) = client.hear(RISK), client.hear(DECISION | {"grant": "a.signed.token"})
    (challenge,) = client.hear({"type": "challenge", "action_id": "a", "method": "totp"})

    for said, sent in ((risk, RISK), (decision, DECISION), (challenge, {"action_id": "a", "method": "totp"})):
        (entity,) = said["parameters"]["entities"]
        assert {name: value for name, value in sent.items() if name != "type"} == entity["data"]
    types = [said["parameters"]["entities"][0]["type"] for said in (risk, decision, challenge)]
    assert ["voiceguard_risk", "voiceguard_decision", "voiceguard_challenge"] == types


def test_only_changes_of_risk_are_told() -> None:
    """A risk that says nothing new is not sent, the first unknown one included."""
    client = active()
    unknown = RISK | {"score": None, "band": "unknown", "state": "insufficient_speech"}
    told = [unknown, RISK, RISK | {"at_s": 10.0}, RISK | {"score": 4}, RISK | {"state": "inconclusive"}, RISK]

    assert [0, 1, 0, 1, 1, 1] == [len(client.hear(risk)) for risk in told]


def test_pauses_when_enough_was_heard() -> None:
    """With low risk and enough speech the client is asked to pause, and to resume when a person is not simply let
    through; then as much is heard again."""
    client = active(pause_after_s=6.0)

    assert ["event"] == client.kinds(RISK | {"net_speech_s": 5.9})
    assert ["pause"] == client.kinds(RISK)
    assert [] == client.kinds(RISK | {"net_speech_s": 6.5})
    client.say("paused")
    assert ["event"] == client.kinds(DECISION | {"decision": "allow"})
    assert ["event", "resume"] == client.kinds(DECISION)
    client.say("resumed")
    assert [[], [], ["pause"]] == [client.kinds(RISK | {"net_speech_s": at}) for at in (6.5, 11.9, 12.0)]


@pytest.mark.parametrize("change", [
    {"band": "elevated"}, {"band": "high"}, {"state": "inconclusive"}, {"net_speech_s": 5.0},
    {"score": None, "band": "unknown", "state": "detector_unavailable"},
])
def test_listens_while_it_matters(change: dict[str, Any]) -> None:
    """Any doubt keeps the session open; so does a setting that is not set."""
    assert ["event"] == active(pause_after_s=6.0).kinds(RISK | change)
    assert ["event"] == active().kinds(RISK)


def test_never_resumes_what_the_client_paused() -> None:
    """A pause that the client made, as while a card number is said, is the client's to end."""
    client = active(pause_after_s=6.0)
    client.say("paused")

    assert (["event"], ["event"]) == (client.kinds(RISK), client.kinds(DECISION))


# ── any input ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=800))
def test_cuts_do_not_matter(data: bytes) -> None:
    """Whole, by 20 ms or by single samples, the payloads join to what was sent, without a gap."""
    for size in (1, 160, len(data) or 1):
        client, joined = active([media("e")]), bytearray()
        for at in range(0, len(data), size):
            for event in client.codec.receive_binary(data[at : at + size]):
                assert isinstance(event, AudioReceived)
                assert event.start_sample == len(joined)
                joined += event.payload
        assert data == joined


class Sessions(RuleBasedStateMachine):
    """A client that keeps the protocol does anything that it allows, in any order, while we say what we like: no error,
    one start, one end, and a stream without a hole in its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client(pause_after_s=6.0)
        self.state = "preparing"
        self.place = 0
        self.ends = 0

    def _note(self, events: list[WireEvent]) -> None:
        for event in events:
            if isinstance(event, ReplyDue):
                assert 1 == len(self.client.hear(dict(event.message)))
            elif isinstance(event, AudioReceived | MediaGap) and event.channel == "caller":
                assert self.place == event.start_sample
                self.place += len(event.payload) if isinstance(event, AudioReceived) else event.samples
            elif isinstance(event, MediaResumed):
                self.place += event.passed_samples
            elif isinstance(event, CallEnded):
                self.ends += 1

    @initialize(channels=st.sampled_from(["e", "ei", "ie"]))
    def open(self, channels: str) -> None:
        (started,) = self.client.say("open", media=[media(channels)])
        assert isinstance(started, CallStarted)
        self.channels = len(channels)
        assert ["opened"] == self.client.kinds({"type": "started"})
        self.state = "active"

    @precondition(lambda self: self.state == "active")
    @rule(count=st.integers(0, 400))
    def audio(self, count: int) -> None:
        self.client.position += count
        self._note(self.client.codec.receive_binary(b"\x7f" * count * self.channels))

    @precondition(lambda self: self.state in ("active", "paused"))
    @rule(kind=st.sampled_from(["ping", "update", "dtmf", "error"]))
    def talk(self, kind: str) -> None:
        self._note(self.client.say(kind))

    @precondition(lambda self: self.state in ("active", "paused"))
    @rule()
    def pause(self) -> None:
        self._note(self.client.say("paused"))
        self.state = "paused"

    @precondition(lambda self: self.state in ("active", "paused"))
    @rule(length=st.integers(0, 80000))
    def resume(self, length: int) -> None:
        length = length if self.state == "paused" else 0
        self.client.position += length
        self._note(self.client.say("resumed", start=written(self.place), discarded=written(length)))
        self.state = "active"

    @precondition(lambda self: self.state in ("active", "paused"))
    @rule(length=st.integers(0, 80000))
    def discard(self, length: int) -> None:
        self.client.position += length
        self._note(self.client.say("discarded", start=written(self.place), discarded=written(length)))

    @precondition(lambda self: self.state != "ended")
    @rule(net_s=st.floats(0, 30), decision=st.sampled_from(["allow", "step_up", "handover", "deny"]))
    def tell(self, net_s: float, decision: str) -> None:
        risk = RISK | {"net_speech_s": net_s}
        assert {"event", "pause"} >= {*self.client.kinds(risk)}
        assert "event" == self.client.kinds(DECISION | {"decision": decision, "risk": risk})[0]

    @precondition(lambda self: self.state in ("active", "paused"))
    @rule(vanishes=st.booleans())
    def end(self, vanishes: bool) -> None:
        self._note(self.client.codec.connection_lost() if vanishes else self.client.say("close"))
        if not vanishes:
            assert ["closed"] == self.client.kinds({"type": "stopped"})
        self.state = "ended"

    @precondition(lambda self: self.state == "ended")
    @rule()
    def gone(self) -> None:
        assert [] == self.client.codec.connection_lost()

    def teardown(self) -> None:
        assert int(self.state == "ended") == self.ends


TestSessions = Sessions.TestCase
