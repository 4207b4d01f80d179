"""The AudioSocket codec: a byte stream cut anywhere, and what its messages mean."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallEnded, CallStarted, DtmfReceived
from voiceguard.ingest.audiosocket import (
    ERROR,
    HANG_UP,
    IDENTITY,
    KEY,
    MAX_EARLY_KEYS,
    RATES_HZ,
    AudioSocketCodec,
    Messages,
    message,
)

CALL = UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
HELLO = message(IDENTITY, CALL.bytes)
FRAME = bytes(range(256)) + bytes(64)


def _started(kind: int = 0x10) -> AudioSocketCodec:
    codec = AudioSocketCodec()
    codec.receive_binary(HELLO)
    codec.receive_binary(message(kind, FRAME))
    return codec


def _refused(codec: AudioSocketCodec, data: bytes) -> str:
    with pytest.raises(PeerError) as refusal:
        codec.receive_binary(data)
    return refusal.value.code


# ── the byte stream ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    sent=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=6),
    cuts=st.lists(st.integers(0, 2500), max_size=20),
)
def test_cuts_do_not_matter(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    """However TCP cuts the stream, the same messages come out, and nothing is left between them."""
    stream = b"".join(message(*each) for each in sent)
    messages, found = Messages(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in zip(edges, edges[1:], strict=False):
        messages.feed(stream[begin:end])
        while (whole := messages.next()) is not None:
            found.append(whole)

    assert [message(*each) for each in sent] == found
    assert messages.between


def test_a_message_begun() -> None:
    """A part of a message waits, header or payload."""
    messages = Messages()
    for byte in HELLO[:-1]:
        messages.feed(bytes([byte]))
        assert (None, False) == (messages.next(), messages.between)

    messages.feed(HELLO[-1:])
    assert HELLO == messages.next()


def test_too_big() -> None:
    """A length over the limit is refused before its payload comes."""
    messages = Messages(max_bytes=1000)
    messages.feed(b"\x10\x03\xe9")

    with pytest.raises(PeerError) as refusal:
        messages.next()
    assert ("too_big", 1009) == (refusal.value.code, refusal.value.close_code)


# ── what messages mean ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "rate_hz"), RATES_HZ.items())
def test_the_first_audio_starts_the_call(kind: int, rate_hz: int) -> None:
    """The kind of the audio says the rate."""
    codec = AudioSocketCodec()

    assert [] == codec.receive_binary(HELLO)
    assert [
        CallStarted(str(CALL), "l16", rate_hz, ("caller",)), AudioReceived("caller", 0, FRAME),
    ] == codec.receive_binary(message(kind, FRAME))
    assert [AudioReceived("caller", 160, FRAME)] == codec.receive_binary(message(kind, FRAME))


def test_keys() -> None:
    """A key is one character; those before the first audio follow the call's start."""
    codec = AudioSocketCodec()
    codec.receive_binary(HELLO)
    assert [] == codec.receive_binary(message(KEY, b"4"))

    assert [CallStarted(str(CALL), "l16", 8000, ("caller",)), DtmfReceived("caller", "4")] == codec.receive_binary(
        message(0x10)
    )
    assert [DtmfReceived("caller", "#")] == codec.receive_binary(message(KEY, b"#"))


def test_what_is_skipped() -> None:
    """Fax tones that come as keys, keys of no or two bytes, and kinds that are not known, count as skipped."""
    codec = _started()

    for beside in (message(KEY, b"f"), message(KEY), message(KEY, b"12"), message(0x42, b"applause")):
        assert [] == codec.receive_binary(beside)
    assert 4 == codec.ignored


@pytest.mark.parametrize(
    ("last", "reason"),
    [(message(HANG_UP), "stopped"), (message(ERROR, b"\x01"), "stopped"), (message(ERROR, b"\x04"), "vanished"),
     (message(ERROR), "vanished")],
)
def test_the_end(last: bytes, reason: str) -> None:
    """A hang-up stops the call, as does the error that says so; another error of Asterisk's breaks it off."""
    codec = _started()

    assert [reason] == [event.reason for event in codec.receive_binary(last) if isinstance(event, CallEnded)]
    assert [] == codec.connection_lost()
    assert "out_of_order" == _refused(codec, message(0x10, FRAME))


def test_connection_lost() -> None:
    """Only a call that had begun is lost."""
    assert [] == AudioSocketCodec().connection_lost()
    assert [CallEnded("vanished")] == _started().connection_lost()


@pytest.mark.parametrize("first", [message(0x10, FRAME), message(KEY, b"1"), message(HANG_UP), message(0x42)])
def test_nothing_comes_before_the_uuid(first: bytes) -> None:
    """Whoever does not say which call it is has said nothing."""
    assert "out_of_order" == _refused(AudioSocketCodec(), first)


@pytest.mark.parametrize(
    ("data", "code"),
    [(HELLO, "out_of_order"), (message(0x10, b"odd"), "bad_audio"), (message(0x12, FRAME), "unsupported_media")],
    ids=["a second UUID", "half a sample", "another rate"],
)
def test_refused(data: bytes, code: str) -> None:
    """Each is told, and changes nothing."""
    codec = _started()

    assert code == _refused(codec, data)
    assert [AudioReceived("caller", 160, FRAME)] == codec.receive_binary(message(0x10, FRAME))


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_uuid_has_16_bytes(size: int) -> None:
    """Neither more nor fewer."""
    assert "bad_message" == _refused(AudioSocketCodec(), message(IDENTITY, bytes(size)))


def test_keys_without_audio_are_not_hoarded() -> None:
    """The first ones are kept, the others counted, and the call starts all the same."""
    codec = AudioSocketCodec()
    codec.receive_binary(HELLO)
    for _ in range(MAX_EARLY_KEYS + 3):
        codec.receive_binary(message(KEY, b"1"))
    _, *keys = codec.receive_binary(message(0x10))

    assert ([DtmfReceived("caller", "1")] * MAX_EARLY_KEYS, 3) == (keys, codec.ignored)


@pytest.mark.parametrize("data", [b"", b"\x10", b"\x10\x00"])
def test_no_header(data: bytes) -> None:
    """What `Messages` would never give."""
    assert "bad_message" == _refused(AudioSocketCodec(), data)


def test_no_text() -> None:
    """TCP has no text messages."""
    with pytest.raises(PeerError, match="no text"):
        AudioSocketCodec().receive_text("hello")


def test_what_we_say() -> None:
    """A hang-up where the call ends on our side, once; nothing else."""
    codec = _started()

    assert [] == [frame for kind in ("started", "risk", "decision", "challenge") for frame in codec.encode(
        {"type": kind}
    )]
    assert [b"\x00\x00\x00"] == codec.encode({"type": "stopped"})
    assert [] == codec.encode({"type": "error"})
