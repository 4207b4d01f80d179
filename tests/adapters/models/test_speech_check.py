"""The check's weights from disk."""

from pathlib import Path

import pytest

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.errors import ConfigurationError


def test_a_changed_file_refuses_to_start(tmp_path: Path) -> None:
    """Weights must be those that their card names, and both must be there."""
    with pytest.raises(ConfigurationError, match="cannot be used"):
        load_check(tmp_path)
    folder = tmp_path / "speech-check"
    folder.mkdir()
    for name in ("check.json", "check.npz"):
        (folder / name).write_bytes((MODELS_FOLDER / "speech-check" / name).read_bytes())
    assert load_check(tmp_path).threshold == load_check(MODELS_FOLDER).threshold
    (folder / "check.npz").write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match="not the file"):
        load_check(tmp_path)
