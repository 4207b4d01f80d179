"""Settings of the audit."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class AuditOptions:
    """Who keeps the audit's marks besides the data folder: what these hold shows a roll-back of the whole folder."""

    witness_file: Path | None = None
    """A file on another machine or medium, to which a signed line is added with every checkpoint."""
    witness_url: str | None = None
    """Where the same line is posted."""
    witness_secret: SecretStr | None = None
    """Signs what is posted."""
