"""Recipes of call sets: a TOML file that says which calls to mix, out of whose voices, over which lines."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voiceguard.analysis.callsets.channels import ChannelName
from voiceguard.errors import ConfigurationError
from voiceguard.settings import first_fault

Range = Annotated[tuple[float, float], Field(description="drawn evenly between the two")]
Share = Annotated[float, Field(ge=0, le=1)]
_VOICE_COLUMNS = ("path", "speaker", "label", "system", "source")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Line(_Part):
    """What lies between the caller and the service. Every call draws its own."""

    codecs: tuple[ChannelName, ...] = ("pcmu",)
    """The caller's access line; the service gets all of them as G.711 mu-law, as a gateway would pass them on."""
    speech_dbfs: Range = (-28.0, -20.0)
    noise_dbfs: Range = (-65.0, -55.0)
    """Of white line noise on both channels."""
    background: Share = 0.0
    """Share of calls with one of the recipe's noises behind the caller."""
    background_snr_db: Range = (12.0, 30.0)
    """Speech above that noise."""
    packet_loss: Range = (0.0, 0.0)
    """Share of the caller's 20 ms packets."""


class Calls(_Part):
    """`count` calls of one kind."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    count: Annotated[int, Field(ge=1)]
    label: Literal["genuine", "synthetic", "takeover", "mixed"]
    """`mixed`: a person and a synthetic voice speak in turns."""
    attacks: tuple[str, ...] = ()
    """Systems whose voices call; empty: any of them. `human`: another person takes over."""
    turns: Annotated[int, Field(ge=1)] = 4
    """Of the caller; the agent speaks before each."""
    turn_s: Range = (4.0, 8.0)
    """Seconds that a turn lasts at least, in whole clips."""
    agent_s: Range = (2.0, 5.0)
    pause_s: Range = (0.2, 0.8)
    """Between turns."""
    talk_over: Share = 0.0
    """Share of the agent's turns that begin before the caller has finished."""
    takeover_s: Range = (15.0, 25.0)
    """From when on, at the caller's next turn, somebody else speaks."""
    hold_s: Range = (0.0, 0.0)
    """Hold music on the agent's channel in the middle of the call."""
    action: str | None = None
    """Asked for after the caller's last turn."""
    parameters: dict[str, str] = {}
    digits: Annotated[str | None, Field(pattern=r"^(<otp>|[0-9*#A-D]+)$")] = None
    """Keyed 3 s after the question; heard as tones unless it is the code that was really sent."""
    says: str | None = None
    """A transcript of the caller's, with the question."""
    transcripts: bool = False
    """Whether what is spoken is sent as transcripts, where the voices have texts."""
    expect: Literal["allow", "step_up", "handover", "deny"] | None = None
    """Of the action."""
    line: Line | None = None
    """Instead of the recipe's."""

    @model_validator(mode="after")
    def _whole(self) -> Calls:
        if self.expect is not None and self.action is None:
            raise ValueError("expect needs an action")
        if "human" in self.attacks and self.label != "takeover":
            raise ValueError("only a take-over can be by another human")
        return self


class Clip(_Part):
    """One recording of one voice."""

    path: Path
    speaker: str
    label: Literal["bonafide", "spoof"]
    system: str
    """What made it, where it is synthetic."""
    source: str
    text: str = ""


class Recipe(_Part):
    """A call set to build. Paths are relative to the recipe's folder."""

    seed: Annotated[int, Field(ge=0)]
    voices: Path
    """CSV with the columns path (relative to the CSV's folder), speaker, label (bonafide or spoof), system, source, and
    text where it is known."""
    noises: tuple[Path, ...] = ()
    """Recordings of background noise."""
    music: tuple[Path, ...] = ()
    """Recordings of hold music."""
    line: Line = Line()
    calls: Annotated[tuple[Calls, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Recipe:
        names = [kind.name for kind in self.calls]
        if len(set(names)) < len(names):
            raise ValueError("two kinds of calls have the same name")
        if not self.music and any(kind.hold_s[1] > 0 for kind in self.calls):
            raise ValueError("hold_s needs music")
        if not self.noises and any((kind.line or self.line).background > 0 for kind in self.calls):
            raise ValueError("background needs noises")
        return self


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file, with paths that lead from here. Raises ConfigurationError naming what is wrong."""
    try:
        recipe = Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{path.name}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path.name}: {first_fault(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
    folder = path.parent
    return recipe.model_copy(update={
        "voices": folder / recipe.voices, "noises": tuple(folder / noise for noise in recipe.noises),
        "music": tuple(folder / music for music in recipe.music),
    })


def read_voices(path: Path) -> list[Clip]:
    """The clips of a table of voices. Raises ConfigurationError naming the line that is wrong."""
    clips = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restval="")
            if missing := [name for name in _VOICE_COLUMNS if name not in (reader.fieldnames or ())]:
                raise ConfigurationError(f"{path.name}: has no column {missing[0]}")
            for row in reader:
                known = {name: row[name] for name in (*_VOICE_COLUMNS, "text") if row.get(name)}
                clip = Clip.model_validate({"system": "", **known})
                clips.append(clip.model_copy(update={"path": path.parent / clip.path}))
    except ValidationError as error:
        raise ConfigurationError(f"{path.name}, line {reader.line_num}: {first_fault(error)}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path.name}: {getattr(error, 'strerror', None) or 'not a CSV file'}") from error
    return clips
