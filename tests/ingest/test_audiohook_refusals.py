"""The AudioHook codec when its client breaks the protocol: every rule broken once, and what the client is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingest.audiohook_client import CALL, ID, PARAMETERS, Client, active, media
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    CallEnded,
    FaultReported,
    ReplyDue,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.audiohook import ALLOWED_IN, CODES


def refusal(client: Client, frame: str | bytes) -> PeerError:
    """The error that a frame is answered with."""
    with pytest.raises(PeerError) as raised:
        client.codec.receive_text(frame) if isinstance(frame, str) else client.codec.receive_binary(frame)
    return raised.value


@pytest.mark.parametrize(("changes", "code"), [
    ({"seq": 2}, "out_of_order"), ({"seq": 4}, "out_of_order"), ({"serverseq": 2}, "out_of_order"),
    ({"serverseq": 0}, "out_of_order"), ({"position": "PT0.9S"}, "out_of_order"), ({"id": CALL}, "wrong_stream"),
    ({"type": "playback_started"}, "unknown_type"), ({"type": "pause"}, "unknown_type"), ({"seq": "2"}, "bad_message"),
])
def test_numbering(changes: dict[str, Any], code: str) -> None:
    """Messages are numbered without a gap, acknowledge what was sent, stay in the session and never go back."""
    client = active()
    client.position = 8000
    client.say("ping")

    assert code == refusal(client, client.message("ping", **changes)).code


@pytest.mark.parametrize("kind", list(ALLOWED_IN))
def test_allowed_when(kind: str) -> None:
    """Each message comes in the states that the table names, and in no other."""
    for state in ("preparing", "opening", "active", "paused"):
        client = Client() if state in ("preparing", "opening") else active()
        if state in ("opening", "paused"):
            client.say({"opening": "open", "paused": "paused"}[state])
        frame = b"\xff\xff" if kind == "audio" else client.message(kind)
        if state in ALLOWED_IN[kind]:
            client.codec.receive_text(frame) if isinstance(frame, str) else client.codec.receive_binary(frame)
        else:
            assert "out_of_order" == refusal(client, frame).code


@pytest.mark.parametrize(("kind", "change", "code"), [
    ("resumed", {"start": 0}, "bad_message"),
    ("resumed", {"discarded": "PT604800.1S"}, "gap_too_long"), ("discarded", {"start": None}, "bad_message"),
    ("discarded", {"discarded": "PT3600.1S"}, "gap_too_long"),
])
def test_parameters(kind: str, change: dict[str, Any], code: str) -> None:
    """Each parameter has its form and its limit."""
    client = active()

    assert code == refusal(client, client.message(kind, PARAMETERS[kind] | change)).code


@pytest.mark.parametrize(("kind", "change", "expected"), [
    ("close", {"reason": "bored"}, CallEnded("stopped")), ("close", {"reason": []}, CallEnded("stopped")),
    ("ping", {"rtt": 5}, ReplyDue), ("update", {"language": ""}, ReplyDue),
    ("dtmf", {"digit": "55"}, None), ("dtmf", {"digit": None}, None),
    ("error", {"code": 399}, FaultReported("other")), ("error", {"code": "429"}, FaultReported("other")),
    ("error", {"message": None}, FaultReported),
])
def test_a_parameter_that_nothing_hangs_on_has_any_form(kind: str, change: dict[str, Any], expected: Any) -> None:
    """It never ends the session."""
    client = active()
    events = client.codec.receive_text(client.message(kind, PARAMETERS[kind] | change))

    assert [] == events if expected is None else expected in (events[0], type(events[0]))


def test_sizes() -> None:
    """A text of 65,535 bytes is the longest, whatever the setting; binary messages have their own limit."""
    client = active(options=IngestOptions(max_text_bytes=10**6, max_binary_bytes=100))
    short = client.message("ping", {"pad": ""})
    fits = short.replace('"pad": ""', f'"pad": "{"x" * (65535 - len(short))}"')

    assert (65535, "too_big") == (len(fits), refusal(client, fits + " ").code)
    assert "too_big" == refusal(client, b"\xff" * 102).code
    assert 1 == len(client.codec.receive_text(fits))


@pytest.mark.parametrize(("form", "size"), [("PCMU", 3), ("L16", 2), ("L16", 6)])
def test_broken_samples(form: str, size: int) -> None:
    """Half a sample, or a sample of one channel only, is no audio frame."""
    assert "bad_audio" == refusal(active([media("ei", form)]), b"\x01" * size).code


def test_no_media() -> None:
    """Where only the agent is offered nothing is taken, and nothing may come."""
    client = active([media("i")])

    assert "out_of_order" == refusal(client, b"\xff").code


def test_another_organisation() -> None:
    """Who opens for another organisation than the request was signed for is unauthorised."""
    client = Client()
    with pytest.raises(AuthenticationError) as raised:
        client.say("open", organizationId=ID)
    said = client.hear({"type": "error", "code": raised.value.code, "text": str(raised.value)})

    assert [("disconnect", {"reason": "unauthorized"})] == [(one["type"], one["parameters"]) for one in said]


def test_disconnect() -> None:
    """After an error the client is told why in the protocol's codes, what it still sends is passed over, and its
    `close` is answered."""
    client = active()
    error = refusal(client, b"\xff")
    assert [] == client.hear({"type": "stopped"})
    (said,) = client.hear({"type": "error", "code": error.code, "text": str(error)})

    assert ("disconnect", "error") == (said["type"], said["parameters"]["reason"])
    assert said["parameters"]["info"].startswith("415 bad_audio: ")
    assert client.codec.awaits_close
    assert [] == [*client.codec.receive_binary(b"\xff\xff"), *client.say("ping"), *client.say("paused")]
    (reply, _) = client.say("close", reason="disconnect")
    assert isinstance(reply, ReplyDue)
    assert (["closed"], False) == (client.kinds(dict(reply.message)), client.codec.awaits_close)


@pytest.mark.parametrize(("code", "number"), [*CODES.items(), ("anything_else", 500)])
def test_codes(code: str, number: int) -> None:
    """Every error of ours has one of the protocol's codes."""
    (said,) = active().hear({"type": "error", "code": code, "text": "Why."})

    assert f"{number} {code}: Why." == said["parameters"]["info"]
    assert number in {400, 405, 408, 409, 413, 415, 429, 500, 503}
