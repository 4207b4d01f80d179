"""Policies on disk."""

from __future__ import annotations

from pathlib import Path

from voiceguard.errors import ConfigurationError
from voiceguard.policy.rules import Policy, load

_PACKAGED = Path(__file__).resolve().parent.parent / "_policies"
_CHECKOUT = Path(__file__).resolve().parents[2] / "policies"
DEFAULT_POLICY = (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT) / "default.yaml"
"""Inside the wheel, or beside the package in a checkout."""


def read_policy(path: Path | None = None) -> Policy:
    """The policy in `path`, else the shipped one. Raises ConfigurationError when it cannot be read or is wrong."""
    path = path or DEFAULT_POLICY
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"policy {path.name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    try:
        return load(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"policy {path.name}: {error}") from error
