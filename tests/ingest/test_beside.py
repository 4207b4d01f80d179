"""What stands beside a call costs none: whatever its form, the call starts, with what of it can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.audiohook_client import OPEN, Client
from voiceguard.events import AudioReceived, CallStarted
from voiceguard.ingest.asterisk_ws import AsteriskCodec
from voiceguard.ingest.audiosocket import IDENTITY, KEY, AudioSocketCodec, message
from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.freeswitch import FORK, STREAM
from voiceguard.ingest.jambonz import JAMBONZ
from voiceguard.ingest.json_stream import JsonPlatform, JsonStreamCodec
from voiceguard.ingest.native import NativeCodec
from voiceguard.ingest.plivo import PLIVO
from voiceguard.ingest.telnyx import TELNYX
from voiceguard.ingest.twilio import SIGNALWIRE, TWILIO
from voiceguard.ingest.vonage import VonageCodec

Said = Mapping[str, Any]
_TWILIO: Final = {"callSid": "call-1", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}
_TELNYX: Final = {"call_control_id": "call-1", "media_format": {"encoding": "PCMU", "sample_rate": 8000}}


def _start(codec: Any, message: Said) -> CallStarted:
    (started,) = codec.receive_text(json.dumps(message))
    assert isinstance(started, CallStarted)
    return started


def _twilio(said: object, platform: JsonPlatform = TWILIO) -> CallStarted:
    start = {**_TWILIO, "customParameters": said}
    return _start(JsonStreamCodec(platform), {"event": "start", "streamSid": "stream-1", "start": start})


def _telnyx(said: object) -> CallStarted:
    start = {**_TELNYX, "custom_parameters": said}
    return _start(JsonStreamCodec(TELNYX), {"event": "start", "stream_id": "stream-1", "start": start})


def _asterisk(said: Said) -> CallStarted:
    variables = {"VOICEGUARD_" + name.upper(): value for name, value in said.items()}
    return _start(AsteriskCodec(), {
        "event": "MEDIA_START", "channel_id": "1.1", "format": "ulaw", "channel_variables": variables,
    })


def _audiohook(said: object) -> CallStarted:
    client = Client()
    (started,) = client.codec.receive_text(client.message("open", {**OPEN, "inputVariables": said}))
    assert isinstance(started, CallStarted)
    return started


def _plivo(said: object) -> CallStarted:
    """Plivo's headers as a map; `test_plivo` has the forms of their text."""
    mu_law = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    start = {"callId": "call-1", "streamId": "stream-1", "mediaFormat": mu_law}
    return _start(JsonStreamCodec(PLIVO), {"event": "start", "start": start, "extra_headers": said})


def _native(said: Said) -> CallStarted:
    ours = {name: said[name] for name in ("customer_ref", "consent") if name in said}
    metadata = {name: value for name, value in said.items() if name not in ours}
    return _start(NativeCodec(), {
        "type": "start", "call_id": "call-1", "encoding": "pcmu", "sample_rate": 8000, "channels": ["caller"],
        "metadata": metadata, **ours,
    })


STARTS: Final[Mapping[str, Callable[[Said], CallStarted]]] = {
    "asterisk": _asterisk, "audiohook": _audiohook, "native": _native, "plivo": _plivo, "telnyx": _telnyx,
    "twilio": _twilio,
    "signalwire": lambda said: _twilio(said, SIGNALWIRE),
    "mod_audio_fork": lambda said: _start(ForkCodec(FORK), {**said, "call_id": "call-1"}),
    "mod_audio_stream": lambda said: _start(ForkCodec(STREAM), {**said, "call_id": "call-1"}),
    "jambonz": lambda said: _start(ForkCodec(JAMBONZ), {**said, "callSid": "call-1"}),
    "vonage": lambda said: _start(VonageCodec(), {
        **said, "event": "websocket:connected", "content-type": "audio/l16;rate=8000", "call_id": "call-1",
    }),
}
each_platform = pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
LEFT_OUT = ("audiohook", "jambonz")
"""Platforms whose own variables are many and are not kept."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6,
)
NAMES = st.text(max_size=8) | st.sampled_from(["First Name", "_id", "1st", "queue", "customer_ref", "consent", "token"])
FOREIGN = NAMES.filter(lambda name: name not in ("channels", "mixType", "sampleRate", "call_id", "callSid"))


@each_platform
@given(said=st.dictionaries(FOREIGN, JSON, max_size=6))
def test_entry_of_any_form_leaves_the_call(start: Callable[[Said], CallStarted], said: dict[str, Any]) -> None:
    """Names and values of any kind; what is kept is text, and of the customer either a reference or nobody."""
    started = start(said)

    assert all(isinstance(value, str) for value in started.metadata.values())
    assert started.customer_ref is None or isinstance(started.customer_ref, str)


@pytest.mark.parametrize(
    "start", [_twilio, _telnyx, _audiohook, _plivo], ids=["twilio", "telnyx", "audiohook", "plivo"]
)
@pytest.mark.parametrize("said", [None, [], "none", 7, True])
def test_parameters_that_are_no_object_leave_the_call(start: Callable[[object], CallStarted], said: object) -> None:
    """They are passed over."""
    assert start(said).customer_ref is None


@each_platform
def test_entry_that_is_not_ours_is_passed_over_and_counted(start: Callable[[Said], CallStarted]) -> None:
    """The rest of what was said is read; a whole number is kept as its digits."""
    started = start({"customer_ref": "c-1", "consent": "voice_analysis", "First Name": "Ann", "vip": True, "age": 15})

    assert ("c-1", {"voice_analysis"}, frozenset()) == (started.customer_ref, started.consent, started.unreadable)
    if "age" in started.metadata:
        assert (2, "15") == (started.passed_over, started.metadata["age"])
        assert not {"First Name", "vip"} & started.metadata.keys()
    else:
        assert 0 == started.passed_over


@pytest.mark.parametrize("name", [name for name in STARTS if name not in LEFT_OUT])
def test_entry_with_a_name_of_ours_is_kept(name: str) -> None:
    """As text."""
    assert {"queue": "7", "age": "15"} == STARTS[name]({"queue": "7", "age": 15}).metadata


@each_platform
def test_whole_number_names_the_customer_by_its_digits(start: Callable[[Said], CallStarted]) -> None:
    """JSON writers turn references of digits into numbers."""
    assert "1001" == start({"customer_ref": 1001}).customer_ref


@each_platform
@pytest.mark.parametrize("reference", ["{{ref}}", "a b", 1.5, True, -7, ["c-1"], {"ref": "c-1"}, "x" * 129, 10**20])
def test_unreadable_customer_makes_the_call_one_of_nobody(
    start: Callable[[Said], CallStarted], reference: object
) -> None:
    """It starts, and says so."""
    started = start({"customer_ref": reference, "consent": "voice_analysis"})

    assert (None, {"customer_ref"}, {"voice_analysis"}) == (
        started.customer_ref, started.unreadable, started.consent
    )


@each_platform
@pytest.mark.parametrize("nothing", [None, ""])
def test_customer_that_is_left_empty_is_not_unreadable(start: Callable[[Said], CallStarted], nothing: object) -> None:
    """A platform that knows nobody says so in either way."""
    started = start({"customer_ref": nothing, "consent": nothing})

    assert (None, frozenset(), frozenset()) == (started.customer_ref, started.consent, started.unreadable)


@each_platform
@pytest.mark.parametrize(("consent", "agreed", "unreadable"), [
    (["voice_analysis"], {"voice_analysis"}, set()), ("voice_analysis, enrol", {"voice_analysis", "enrol"}, set()),
    ("voice analysis", set(), {"consent"}), (["enrol", 7], {"enrol"}, {"consent"}), (True, set(), {"consent"}),
    ({"enrol": True}, set(), {"consent"}), ([], set(), set()),
])
def test_consent_is_what_can_be_read_of_it(
    start: Callable[[Said], CallStarted], consent: object, agreed: set[str], unreadable: set[str]
) -> None:
    """A list or names with commas; what has no such form agrees to nothing, and is told."""
    started = start({"consent": consent})

    assert (agreed, unreadable) == (started.consent, started.unreadable)


@given(text=st.text(max_size=80) | st.lists(NAMES.map(lambda name: f"{name}=x"), max_size=6).map(";".join))
def test_headers_of_any_text_leave_the_call(text: str) -> None:
    """Plivo joins what its application gave into one text."""
    started = _plivo(text)

    assert all(isinstance(value, str) for value in started.metadata.values())


def test_header_that_is_not_ours_is_passed_over_and_counted() -> None:
    """In the text too."""
    started = _plivo("customerRef=c-1;First Name=Ann;queue=7")

    assert ("c-1", {"queue": "7"}, 1) == (started.customer_ref, started.metadata, started.passed_over)


_BESIDE = st.tuples(st.integers(0x04, 0x0F) | st.just(KEY) | st.integers(0x19, 0xFE), st.binary(max_size=20))


@given(early=st.lists(_BESIDE, max_size=50), late=st.lists(_BESIDE, max_size=5))
def test_messages_beside_the_audio_leave_an_audiosocket_call(
    early: list[tuple[int, bytes]], late: list[tuple[int, bytes]]
) -> None:
    """Its connection carries no metadata, which come with the registration: kinds and keys of any form."""
    codec = AudioSocketCodec()
    codec.receive_binary(message(IDENTITY, bytes(range(16))))
    for each in early:
        assert [] == codec.receive_binary(message(*each))
    started, *_ = codec.receive_binary(message(0x10, bytes(320)))
    for each in late:
        codec.receive_binary(message(*each))
    (heard,) = codec.receive_binary(message(0x10, bytes(320)))

    assert (CallStarted, AudioReceived) == (type(started), type(heard))


def test_more_entries_than_are_kept_leave_the_call() -> None:
    """The first 32 are kept, the others counted."""
    started = _twilio({f"entry_{place}": "x" for place in range(40)})

    assert (32, 8) == (len(started.metadata), started.passed_over)


@pytest.mark.parametrize("party", [
    {"ani": None}, {"aniName": "x" * 2000}, {"dnis": 7}, {"ani": {"number": "+15550100"}},
])
def test_party_of_any_form_leaves_the_session(party: Said) -> None:
    """AudioHook's numbers and names are not used, so nothing hangs on them."""
    client = Client()
    message = client.message("open", {**OPEN, "participant": {**OPEN["participant"], **party}})

    assert isinstance(client.codec.receive_text(message)[0], CallStarted)
