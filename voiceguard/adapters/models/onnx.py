"""Models on disk: hash checked, card parsed, one ONNX Runtime session shared by every call of the process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voiceguard.errors import ConfigurationError, ModelError

_PACKAGED = Path(__file__).resolve().parents[2] / "_models"
_CHECKOUT = Path(__file__).resolve().parents[3] / "models"
MODELS_FOLDER = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
"""Inside the wheel, or beside the package in a checkout."""


@dataclass(frozen=True)
class Model:
    """One loaded model; `run` may be called from several threads at once (ONNX Runtime sessions allow it)."""

    card: Mapping[str, Any]
    """The parsed model.json."""
    session: onnxruntime.InferenceSession

    @property
    def version(self) -> str:
        """`<name>@<first 12 hex digits of the weights' SHA-256>`, as risk messages and receipts name it."""
        return f"{self.card['name']}@{self.card['sha256'][:12]}"

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """First output (batch, ...) for an input (batch, ...). Raises ModelError when the runtime fails."""
        try:
            (output, *_) = self.session.run(None, {self.card["input"]["name"]: batch})
        except Exception as error:  # the runtime raises a private family of types
            raise ModelError(f"{self.card['name']}: {type(error).__name__}") from error
        return np.asarray(output, dtype=np.float32)


def read_card(folder: Path) -> dict[str, Any]:
    """The folder's model.json. Raises ConfigurationError when it is missing, not JSON or lacks a needed field."""
    try:
        card: dict[str, Any] = json.loads((folder / "model.json").read_text())
        for name in ("name", "task", "sha256", "window_s", "hop_s", "min_window_s", "input", "calibration"):
            card[name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"model {folder.name}: model.json cannot be used ({error})") from error
    return card


def load_model(folder: Path) -> Model:
    """Load `folder/model.onnx` after checking it against the SHA-256 in `folder/model.json`.

    Raises ConfigurationError when a file is missing, or is not the one its card describes.
    """
    card = read_card(folder)
    try:
        weights = (folder / "model.onnx").read_bytes()
    except OSError as error:
        raise ConfigurationError(f"model {folder.name}: {error.strerror}") from error
    if hashlib.sha256(weights).hexdigest() != card["sha256"]:
        raise ConfigurationError(f"model {folder.name}: model.onnx is not the file that model.json describes")
    try:
        session = open_session(weights)
    except Exception as error:  # the runtime raises a private family of types
        raise ConfigurationError(f"model {folder.name}: the runtime cannot load it") from error
    return Model(card, session)


def open_session(weights: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread of one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would burn the core that the other calls need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def model_cards(folder: Path = MODELS_FOLDER) -> list[dict[str, Any]]:
    """Cards of all models in a folder, by name, each with `verified`: whether the weights match the card."""
    cards = []
    for path in sorted(folder.glob("*/model.json")):
        card = read_card(path.parent)
        weights = path.with_name("model.onnx")
        digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        cards.append({**card, "verified": digest == card["sha256"]})
    return cards
