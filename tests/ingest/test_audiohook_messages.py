"""What AudioHook's messages say: durations, the medium that is taken, the customer, and who is only trying out."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.audiohook_client import ID, OPEN, media
from voiceguard.errors import PeerError
from voiceguard.ingest.audiohook_messages import NULL_UUID, read_message, read_open, samples, written


@given(st.integers(0, 10**12))
def test_durations_read_back(position: int) -> None:
    """A position that was written is the position that is read."""
    assert position == samples({"position": written(position)}, "position")


@pytest.mark.parametrize(("text", "expected"), [
    ("PT0S", 0), ("PT1S", 8000), ("PT.5S", 4000), ("PT0.000125S", 1), ("PT12.3456S", 98765), ("PT0.0000624S", 0),
])
def test_durations(text: str, expected: int) -> None:
    """Seconds in decimal notation, to the nearest sample."""
    assert expected == samples({"at": text}, "at")


@pytest.mark.parametrize("text", [
    None, 5, "", "PT", "PTS", "PT.S", "PT5.S", "5S", "PT5", "PT-1S", "PT1e3S", "PT1M", "PT1S ", "PT٣S", "PT9999999999S",
])
def test_no_durations(text: object) -> None:
    """Anything else is refused."""
    with pytest.raises(PeerError, match="at is missing or malformed"):
        samples({"at": text}, "at")


@pytest.mark.parametrize("change", [
    {"version": "1"}, {"version": 2}, {"type": 7}, {"id": "session"}, {"id": ID + "0"}, {"seq": "1"}, {"seq": -1},
    {"seq": True}, {"seq": 1.0}, {"seq": 2**53}, {"serverseq": None}, {"position": "now"}, {"parameters": []},
])
def test_every_message_has_these_fields(change: dict[str, Any]) -> None:
    """A message without one of the common fields, or with another form of it, is refused."""
    base = {"version": "2", "type": "ping", "id": ID, "seq": 1, "serverseq": 0, "position": "PT0S", "parameters": {}}
    assert "ping" == read_message(base).kind

    with pytest.raises(PeerError, match="missing or malformed"):
        read_message(base | change)


@pytest.mark.parametrize(("offered", "chosen"), [
    ([media("ei"), media("e"), media("i")], media("e")),
    ([media("ie"), media("i")], media("ie")),
    ([media("e", "L16"), media("e")], media("e")),
    ([media("ei"), media("e", "L16")], media("e", "L16")),
    ([media("e", "OPUS"), media("ei", rate=16000), media("ei")], media("ei")),
    ([media("i")], None),
    ([], None),
])
def test_choice_of_media(offered: list[dict[str, Any]], chosen: dict[str, Any] | None) -> None:
    """The caller alone where offered, mu-law before linear, exactly as offered; the agent alone is not taken."""
    for order in itertools.permutations(offered):
        assert chosen == read_open(OPEN | {"media": list(order)}).chosen()


@pytest.mark.parametrize("offer", [
    media("e", "OPUS"), media("e", rate=16000), media("e", rate="8000"), media("e", type="video"), media(""),
    media("ee"), media("eie"), media("x"), media("e") | {"channels": "external"},
    media("e") | {"channels": [[]]}, media("e") | {"format": []}, {},
])
def test_unsupported_media(offer: dict[str, Any]) -> None:
    """When nothing that is offered can be taken, there is no session."""
    with pytest.raises(PeerError) as refusal:
        read_open(OPEN | {"media": [offer]})
    assert "unsupported_media" == refusal.value.code


@pytest.mark.parametrize("change", [
    {"organizationId": None}, {"conversationId": "call-1"}, {"participant": None}, {"media": None}, {"media": [7]},
    {"participant": OPEN["participant"] | {"id": "me"}},
])
def test_malformed_open(change: dict[str, Any]) -> None:
    """What names the session and its media has its form."""
    with pytest.raises(PeerError) as refusal:
        read_open(OPEN | change)
    assert ("bad_message", True) == (refusal.value.code, refusal.value.fatal)


@pytest.mark.parametrize("where", ["customConfig", "inputVariables"])
@pytest.mark.parametrize("as_text", [False, True], ids=["object", "json"])
@pytest.mark.parametrize("consent", [["voice_analysis", "enrol"], "voice_analysis, enrol"])
def test_customer_and_consent(where: str, as_text: bool, consent: object) -> None:
    """Both come from the flow's variables or from the integration's configuration, as an object or as JSON."""
    known: Any = {"customer_ref": "customer-1", "consent": consent, "queue": {"of": "another service"}}
    opening = read_open(OPEN | {where: json.dumps(known) if as_text else known})

    assert ("customer-1", {"voice_analysis", "enrol"}) == opening.beside[:2]


def test_the_flow_knows_better() -> None:
    """What a flow says of this call goes before what the integration says of all."""
    opening = read_open(OPEN | {
        "customConfig": {"customer_ref": "nobody", "consent": "voice_analysis"},
        "inputVariables": {"customer_ref": "c-1"},
    })

    assert ("c-1", {"voice_analysis"}) == opening.beside[:2]


def test_probe() -> None:
    """A conversation or a participant without an id is nobody's call."""
    participant = OPEN["participant"] | {"id": NULL_UUID}

    assert not read_open(OPEN).is_probe
    assert read_open(OPEN | {"conversationId": NULL_UUID}).is_probe
    assert read_open(OPEN | {"participant": participant}).is_probe
