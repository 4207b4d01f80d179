"""Labelled call sets [contract]: a folder with `calls.jsonl`, or that file, one call a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voiceguard.adapters.audio_files import read_channels
from voiceguard.errors import AudioFileError, ConfigurationError
from voiceguard.events import Channel, Samples
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


class LabelledCall(_Strict):
    """One line of a call set."""

    call_id: Annotated[str, Field(min_length=1)]
    audio: Path
    channels: dict[int, Channel]
    label: Literal["genuine", "synthetic", "takeover", "mixed"]
    spoof_from_s: Seconds | None = None
    customer_ref: str | None = None
    events: tuple[Annotated[Intent | Transcript | Dtmf, Field(discriminator="type")], ...] = ()
    expect: Mapping[str, Literal["allow", "step_up", "handover", "deny"]] = {}
    """Last decision wanted on each action."""

    def read(self) -> dict[Channel, Samples]:
        """Samples (n,) float32 at 8 kHz of each channel. Raises AudioFileError."""
        channels = read_channels(self.audio)
        if missing := [index for index in self.channels if not 0 <= index < len(channels)]:
            raise AudioFileError(f"has no channel {missing[0]}, only {len(channels)}")
        return {role: np.ascontiguousarray(channels[index]) for index, role in self.channels.items()}


def read_callset(path: Path) -> list[LabelledCall]:
    """The calls in order. Raises ConfigurationError naming the line that is wrong, or a call_id used twice."""
    path = path / "calls.jsonl" if path.is_dir() else path
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigurationError(f"{path.name}: {error.strerror}") from error
    calls: dict[str, LabelledCall] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            call = LabelledCall.model_validate_json(line)
        except ValidationError as error:
            raise ConfigurationError(f"{path.name}, line {number}: {first_fault(error)}") from error
        if call.call_id in calls:
            raise ConfigurationError(f"{path.name}, line {number}: call_id {call.call_id} was used before")
        calls[call.call_id] = call.model_copy(update={"audio": path.parent / call.audio})
    return list(calls.values())
