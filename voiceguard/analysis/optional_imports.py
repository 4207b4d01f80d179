"""Packages that only analysts need: imported where they are used, and named with their extra where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from voiceguard.errors import ConfigurationError

REPORT = ("jinja2", "duckdb", "librosa", "matplotlib", "tqdm")
"""What a report is made with."""


def load(module: str, extra: str = "analysis") -> Any:
    """The module. Raises ConfigurationError naming the extra when it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(_text(module, extra)) from error


def need(modules: tuple[str, ...], extra: str = "analysis") -> None:
    """Raises ConfigurationError, before any work is done, when one of the modules is not installed."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ConfigurationError(_text(module, extra))


def _text(module: str, extra: str) -> str:
    return f"{module} is not installed; it comes with the extra {extra}: pip install 'voiceguard-callguard[{extra}]'"
