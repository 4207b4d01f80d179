"""The classifiers of words from disk: hash checked, weights as plain arrays."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.errors import ConfigurationError
from voiceguard.text.linear import BUCKETS, Classifier
from voiceguard.text.reader import Reader

INTENTS, INJECTION = "text-intents", "text-injection"


def load_reader(folder: Path | None = None) -> Reader:
    """Both classifiers of a models folder. One that is not there is left out: the rules work without it.

    Raises ConfigurationError for one that is not what its card says.
    """
    folder = folder or MODELS_FOLDER
    wishes, orders = (
        load_classifier(folder / name) if (folder / name / "weights.json").is_file() else None
        for name in (INTENTS, INJECTION)
    )
    return Reader(wishes, orders)


def load_classifier(folder: Path) -> Classifier:
    """`folder/weights.npz` after checking it against the SHA-256 in `folder/weights.json`."""
    try:
        card = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
        packed = (folder / "weights.npz").read_bytes()
        if hashlib.sha256(packed).hexdigest() != card["sha256"]:
            raise ConfigurationError(f"model {folder.name}: weights.npz is not the file that weights.json describes")
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            weights, scales, biases = arrays["weights"], arrays["scales"], arrays["biases"]
        labels = tuple(card["labels"])
        if weights.shape != (BUCKETS, len(labels)) or set(card["thresholds"]) != set(labels):
            raise ConfigurationError(f"model {folder.name}: weights and labels do not fit each other")
        return Classifier(labels, weights, scales, biases, card["thresholds"], f"{card['name']}@{card['sha256'][:12]}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"model {folder.name}: it cannot be used ({error})") from error
