"""The classifiers of words from disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.text import load_reader
from voiceguard.errors import ConfigurationError


def test_what_ships_loads_and_is_small() -> None:
    """Both classifiers, each under 5 MB, under their hashes."""
    reader = load_reader()

    assert reader.wishes is not None
    assert reader.orders is not None
    assert all(path.stat().st_size < 5e6 for path in MODELS_FOLDER.glob("text-*/weights.npz"))


def test_a_changed_file_is_refused_and_a_missing_one_left_out(tmp_path: Path) -> None:
    """The rules work alone; weights that are not their card's are a fault."""
    assert load_reader(tmp_path).wishes is None
    shutil.copytree(MODELS_FOLDER / "text-intents", tmp_path / "text-intents")
    (tmp_path / "text-intents" / "weights.npz").write_bytes(b"other")
    with pytest.raises(ConfigurationError, match="not the file"):
        load_reader(tmp_path)
