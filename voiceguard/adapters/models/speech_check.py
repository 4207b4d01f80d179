"""The check of net speech from disk."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np

from voiceguard.errors import ConfigurationError
from voiceguard.speech import SpeechCheck

_RULE = "output_bias", "threshold", "most", "memory_s", "least", "confirmed_s"


def load_check(models: Path) -> SpeechCheck:
    """Load `speech-check/check.npz` after checking it against the SHA-256 in `check.json` beside it.

    Raises ConfigurationError when a file is missing, or is not the one its card describes.
    """
    folder = models / "speech-check"
    try:
        card = json.loads((folder / "check.json").read_text())
        weights = (folder / "check.npz").read_bytes()
        if hashlib.sha256(weights).hexdigest() != card["sha256"]:
            raise ConfigurationError("model speech-check: check.npz is not the file that check.json describes")
        with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
            return SpeechCheck(**arrays, **{name: card[name] for name in _RULE})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"model speech-check cannot be used ({error})") from error
