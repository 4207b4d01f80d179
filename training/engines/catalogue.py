"""Parse engines.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class System:
    """One way of making speech: an acoustic model and a vocoder, or one diphone voice."""

    name: str
    family: str
    """Kind of synthesis: hmm, concatenative, formant, articulatory, autoregressive, nonautoregressive, vocoder."""
    clips: int
    """How many clips to ask for."""
    voices: dict[str, str]
    """Language of each voice, two letters; empty for a vocoder that copies any clip."""
    copies: bool = False
    """Whether it copies genuine clips instead of reading text."""


@dataclass(frozen=True)
class Engine:
    """One installable engine; its driver lies beside this file."""

    name: str
    licence: str
    """As the package states it."""
    systems: tuple[System, ...]
    requirements: tuple[str, ...] = ()
    """Pinned packages of PyPI."""
    npm: tuple[str, ...] = ()
    """Pinned packages of npm."""
    debian: tuple[str, ...] = ()
    """Packages of Debian that must be installed already."""

    @property
    def driver(self) -> Path:
        """The program that speaks in the engine's environment."""
        return Path(__file__).with_name(f"speak_{self.name}.{'mjs' if self.npm else 'py'}")


def read_engines() -> list[Engine]:
    """All engines, in the order of the file."""
    tables = tomllib.loads(Path(__file__).with_name("engines.toml").read_text())
    return [
        Engine(
            name,
            table["licence"],
            tuple(System(system, **values) for system, values in table["systems"].items()),
            **{key: tuple(table.get(key, ())) for key in ("requirements", "npm", "debian")},
        )
        for name, table in tables.items()
    ]
