"""Labelled call sets [contract]: a folder with `calls.jsonl`, or that file, one call a line.

Beside it may lie `watchlist.jsonl`: recordings of known fraudsters, who are on the watch list before the calls.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voiceguard.adapters.audio_files import read_channels
from voiceguard.analysis.results import CallResult
from voiceguard.errors import AudioFileError, ConfigurationError
from voiceguard.events import Channel, Samples
from voiceguard.policy import Policy
from voiceguard.settings import first_fault

Seconds = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Intent(_Strict):
    """An action is asked for."""

    at_s: Seconds
    type: Literal["intent"]
    action: str
    parameters: dict[str, str] = {}


class Transcript(_Strict):
    """What a transcriber heard."""

    at_s: Seconds
    type: Literal["transcript"]
    channel: Channel
    text: str


class Dtmf(_Strict):
    """Keyed digits, the last of them at `at_s`; `<otp>` stands for the code that was really delivered."""

    at_s: Seconds
    type: Literal["dtmf"]
    digits: Annotated[str, Field(pattern=r"^(<otp>|[0-9*#A-D]+)$")]


class Drop(_Strict):
    """The stream breaks, and another one of the same call id comes `for_s` seconds later; what is said meanwhile is
    lost."""

    at_s: Seconds
    type: Literal["drop"]
    for_s: Seconds


Event = Intent | Transcript | Dtmf | Drop


class LabelledCall(_Strict):
    """One line of a call set."""

    call_id: Annotated[str, Field(min_length=1)]
    audio: Path = Path()
    channels: dict[int, Channel]
    label: Literal["genuine", "synthetic", "takeover", "mixed"]
    spoof_from_s: Seconds | None = None
    customer_ref: str | None = None
    events: tuple[Annotated[Event, Field(discriminator="type")], ...] = ()
    expect: Mapping[str, Literal["allow", "step_up", "handover", "deny"]] = {}
    """Last decision wanted on each action."""
    tags: Mapping[str, str] = {}
    """What figures are broken down by: `source` (whose recording; intervals draw whole sources), `attack`, `codec`,
    and `trial` (target, nontarget or spoof) where the call is a speaker trial."""

    recorded: CallResult | None = None
    """What the live service heard and decided, in place of audio that nobody kept."""

    @model_validator(mode="after")
    def _has_audio_or_record(self) -> LabelledCall:
        if ("audio" in self.model_fields_set) == (self.recorded is not None):
            raise ValueError("needs either audio or recorded")
        if self.recorded is not None and self.recorded.call_id != self.call_id:
            raise ValueError("recorded is of another call")
        return self

    def read(self) -> dict[Channel, Samples]:
        """Samples (n,) float32 at 8 kHz of each channel. Raises AudioFileError."""
        if self.recorded is not None:
            raise AudioFileError("no audio was kept of this call")
        channels = read_channels(self.audio)
        if missing := [index for index in self.channels if not 0 <= index < len(channels)]:
            raise AudioFileError(f"has no channel {missing[0]}, only {len(channels)}")
        return {role: np.ascontiguousarray(channels[index]) for index, role in self.channels.items()}


class ListedVoice(_Strict):
    """One line of `watchlist.jsonl`."""

    audio: Path
    reason: Annotated[str, Field(min_length=1)]


_Line = TypeVar("_Line", LabelledCall, ListedVoice)


def read_callset(path: Path, *, allow_outside: bool = False) -> list[LabelledCall]:
    """The calls in order. Raises ConfigurationError naming the line that is wrong, or a call_id used twice.

    `allow_outside`: audio may lie outside the set's folder; of a set that came from elsewhere it must not.
    """
    path = path / "calls.jsonl" if path.is_dir() else path
    calls: dict[str, LabelledCall] = {}
    for number, line in _read_lines(path, LabelledCall):
        call = line
        if call.call_id in calls:
            raise ConfigurationError(f"{path.name}, line {number}: call_id {call.call_id} was used before")
        if call.recorded is None:
            call = call.model_copy(update={"audio": _placed(path, number, call.audio, allow_outside)})
        calls[call.call_id] = call
    return list(calls.values())


def check_actions(actions: Iterable[str], policies: Sequence[Policy]) -> None:
    """Raises ConfigurationError for an action that none of the policies names: it would be denied, and count as no
    fraud that asked."""
    known = {name for policy in policies for name in policy.actions}
    for action in actions:
        if action not in known:
            near = difflib.get_close_matches(action, known, 1)
            hint = f": is it {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
            raise ConfigurationError(f"no policy names the action {action}{hint}")


def read_watchlist(path: Path, *, allow_outside: bool = False) -> list[ListedVoice]:
    """The fraudsters of a call set, in order; none where it lists none. Raises ConfigurationError as above."""
    path = (path if path.is_dir() else path.parent) / "watchlist.jsonl"
    if not path.exists():
        return []
    return [
        one.model_copy(update={"audio": _placed(path, number, one.audio, allow_outside)})
        for number, one in _read_lines(path, ListedVoice)
    ]


def _placed(manifest: Path, number: int, audio: Path, allow_outside: bool) -> Path:
    """Where the audio of a line lies, links followed. Raises ConfigurationError."""
    placed = manifest.parent / audio
    try:
        is_inside = placed.resolve().is_relative_to(manifest.parent.resolve())
    except (OSError, ValueError, RuntimeError):  # a null byte; a circle of links
        raise ConfigurationError(f"{manifest.name}, line {number}: audio: no file can have this name") from None
    if not (is_inside or allow_outside):
        raise ConfigurationError(
            f"{manifest.name}, line {number}: audio: lies outside the set's folder (--allow-outside reads it all the "
            "same)"
        )
    return placed


def _read_lines(path: Path, kind: type[_Line]) -> Iterator[tuple[int, _Line]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigurationError(f"{path.name}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, kind.model_validate_json(line)
            except ValidationError as error:
                raise ConfigurationError(f"{path.name}, line {number}: {first_fault(error)}") from error
