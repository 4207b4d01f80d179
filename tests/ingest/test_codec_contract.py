"""What every codec promises, whatever a peer sends: events or PeerError, one call, and no change by a refused message.

The messages are those of the recordings in tests/wire: in any order, with any field changed, and among arbitrary text
and bytes. A codec is tested here as soon as it has recordings and a line in tests/ingest/codecs.py.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.codecs import CODECS
from voiceguard import ingest
from voiceguard.errors import PeerError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    Encoding,
    FaultReported,
    MediaGap,
    MediaResumed,
    ReplyDue,
    WireEvent,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.media import samples_in
from voiceguard.server.streams.session import Codec

Frame = str | bytes | Mapping[str, Any] | None
"""A text or binary message of the peer, a message of ours, or None: the connection is lost."""

OPTIONS = IngestOptions(max_text_bytes=10**6, max_gap_s=10.0)
ENDED_BY_ERRORS = frozenset({"audiohook"})
"""Codecs whose session is over after any error; all others have changed nothing."""
CLOSE_CODES = dict(re.findall(r"^    (\w+) +(\d{4})", ingest.__doc__ or "", re.MULTILINE))
WIRE = Path(__file__).parents[1] / "wire"

each_codec = pytest.mark.parametrize("name", CODECS)


def _frame(step: Mapping[str, Any]) -> Frame:
    if "text" in step:
        return str(step["text"])
    if "binary" in step:
        return base64.b64decode(step["binary"])
    return dict(step["say"]) if "say" in step else None


def _read(path: Path) -> list[Frame]:
    return [_frame(json.loads(line)) for line in path.read_text().splitlines()[1:]]


SESSIONS = {name: [_read(path) for path in sorted(WIRE.glob(f"{name}_*.jsonl"))] for name in CODECS}


def state_of(value: object) -> object:
    """Everything that a codec remembers, in a form that compares."""
    if callable(value):
        return None
    if isinstance(value, Mapping):
        return {name: state_of(held) for name, held in value.items()}
    if isinstance(value, list | tuple | deque):
        return [state_of(held) for held in value]
    return {name: state_of(held) for name, held in vars(value).items()} if hasattr(value, "__dict__") else value


class Session:
    """Gives a codec its frames and checks every answer."""

    def __init__(self, name: str) -> None:
        self.codec: Codec = CODECS[name](OPTIONS)
        self._errors_end = name in ENDED_BY_ERRORS
        self._is_over = False
        self._started = self._ended = False
        self._encoding: Encoding = "pcmu"
        self._positions: dict[str, int] = {}

    def give(self, frames: Sequence[Frame]) -> None:
        """Each frame in turn."""
        for frame in frames:
            if not self._is_over:
                self._give(frame)

    def _give(self, frame: Frame) -> None:
        before = state_of(self.codec)
        try:
            events = self._events(frame)
        except PeerError as error:
            assert frame is not None and not isinstance(frame, Mapping)
            assert CLOSE_CODES.get(error.code, str(error.close_code)) == str(error.close_code)
            assert error.code in str(ingest.__doc__)
            self._is_over = self._errors_end
            assert self._errors_end or before == state_of(self.codec)
        else:
            for event in events:
                self._take(event)

    def _events(self, frame: Frame) -> Sequence[WireEvent]:
        if frame is None:
            return self.codec.connection_lost()
        if isinstance(frame, str):
            return self.codec.receive_text(frame)
        if isinstance(frame, bytes):
            return self.codec.receive_binary(frame)
        if not self._ended:  # what is over is not spoken to
            assert all(isinstance(said, str | bytes) for said in self.codec.encode(frame))
        return []

    def _take(self, event: WireEvent) -> None:
        """A call starts once, ends once, and its audio and gaps tile the clock of each channel."""
        if isinstance(event, ReplyDue | FaultReported):
            return
        assert not self._ended
        if isinstance(event, CallEnded):
            self._ended = True
        elif isinstance(event, CallStarted):
            assert not self._started
            self._started, self._encoding = True, event.encoding
            self._positions = dict.fromkeys(event.channels, 0)
        else:
            assert self._started
        if isinstance(event, AudioReceived | MediaGap):
            assert self._positions[event.channel] == event.start_sample
            samples = event.samples if isinstance(event, MediaGap) else samples_in(self._encoding, event.payload)
            assert samples
            self._positions[event.channel] += samples
        if isinstance(event, MediaResumed):
            for channel in self._positions:
                self._positions[channel] += event.passed_samples


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)
NUMBERS = st.integers(0, 60) | st.integers(0, 10**14)


def recorded(name: str) -> st.SearchStrategy[Frame]:
    """Any frame of the codec's recordings."""
    return st.sampled_from([frame for session in SESSIONS[name] for frame in session])


def opening(name: str) -> st.SearchStrategy[list[Frame]]:
    """A recorded session up to any of its frames."""
    return st.sampled_from(SESSIONS[name]).flatmap(
        lambda session: st.integers(0, len(session)).map(lambda length: session[:length])
    )


def _paths(message: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(message, dict):
        for name, value in message.items():
            yield (*path, name)
            yield from _paths(value, (*path, name))


def _leaves(message: object) -> Iterator[Any]:
    if isinstance(message, dict):
        for value in message.values():
            yield from _leaves(value)
    else:
        yield message


def _objects(name: str) -> list[dict[str, Any]]:
    found = []
    for frame in (frame for session in SESSIONS[name] for frame in session):
        if isinstance(frame, str) and len(frame) < 5000:
            try:
                message = json.loads(frame)
            except ValueError:
                continue
            found += [message] if isinstance(message, dict) and message else []
    return found


@st.composite
def _changed_object(draw: Callable[..., Any], name: str) -> str:
    """A recorded JSON message with one or two of its fields replaced or left out."""
    objects = _objects(name)
    words = st.sampled_from([leaf for message in objects for leaf in _leaves(message)])
    message = copy.deepcopy(draw(st.sampled_from(objects)))
    for _ in range(draw(st.integers(1, 2))):
        paths = [*_paths(message)]
        if not paths:
            break
        *outer, field = draw(st.sampled_from(paths))
        body = message
        for step in outer:
            body = body[step]
        if draw(st.integers(0, 4)) == 0:
            del body[field]
        else:
            body[field] = draw(words | JSON | NUMBERS | NUMBERS.map(str))
    return json.dumps(message)


@st.composite
def _changed_run(draw: Callable[..., Any], name: str) -> Frame:
    """A recorded frame with a few of its characters or bytes replaced."""
    frame = draw(recorded(name).filter(lambda frame: isinstance(frame, str | bytes) and len(frame) < 5000))
    at, width = draw(st.integers(0, len(frame))), draw(st.integers(0, 3))
    between = draw(st.text(max_size=3) if isinstance(frame, str) else st.binary(max_size=3))
    changed: str | bytes = frame[:at] + between + frame[at + width :]
    return changed


def changed(name: str) -> st.SearchStrategy[Frame]:
    """A recorded frame that is not as it was recorded."""
    return _changed_object(name) | _changed_run(name) if _objects(name) else _changed_run(name)


# ── promises ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@each_codec
@given(data=st.data())
def test_any_frame(name: str, data: st.DataObject) -> None:
    """Arbitrary text and bytes at any point of a session."""
    session = Session(name)
    session.give(data.draw(opening(name)))
    session.give(data.draw(st.lists(st.text() | st.binary(), max_size=5)))


@each_codec
@given(data=st.data())
def test_any_field(name: str, data: st.DataObject) -> None:
    """Recorded messages with anything in a known field, at any point of a session."""
    session = Session(name)
    session.give(data.draw(opening(name)))
    session.give(data.draw(st.lists(changed(name) | recorded(name), max_size=5)))


@each_codec
@given(data=st.data())
def test_any_order(name: str, data: st.DataObject) -> None:
    """Recorded messages, right and wrong ones, and lost connections, in any order."""
    session = Session(name)
    session.give(data.draw(st.lists(recorded(name) | st.none(), max_size=25)))


@each_codec
@pytest.mark.parametrize("frame", [
    "\ud800", "[" * 100_000, '{"event":' + "{" * 100_000, '{"event":"start","start":' + "{" * 100_000,
    '{"type":' + "9" * 5000 + "}", "MEDIA_START :: : :x", b"", b"\x00", b"\x10\x00", bytes(65_000),
])
def test_hostile_frame(name: str, frame: str | bytes) -> None:
    """Deep nesting, endless numbers, lone surrogates, cut headers and much audio, at the end of each recording."""
    for recording in ([], *SESSIONS[name]):
        session = Session(name)
        session.give([*recording, frame])


@each_codec
def test_state_is_compared(name: str) -> None:
    """The comparison of states sees a call's start, so that an unchanged state means something."""
    changes = set()
    for recording in SESSIONS[name]:
        session = Session(name)
        before = state_of(session.codec)
        session.give(recording)
        changes.add(before != state_of(session.codec))

    assert True in changes
