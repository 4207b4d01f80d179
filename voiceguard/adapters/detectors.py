"""The detectors in use: models from disk, joined with what the core needs to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voiceguard.adapters.onnx_models import MODELS_FOLDER, Model, load_model
from voiceguard.adapters.scheduler import Scorer
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.errors import ConfigurationError
from voiceguard.events import Samples, Task
from voiceguard.settings import Settings
from voiceguard.speech import WindowSpec


@dataclass(frozen=True)
class Detectors:
    """What scheduler and calls need."""

    scorers: Mapping[Task, Scorer]
    specs: tuple[WindowSpec, ...]
    calibrations: Calibrations
    versions: Mapping[str, str]
    """Role ("synthetic", "speaker") to `<name>@<sha256-12>`."""


def load_detectors(settings: Settings) -> Detectors:
    """Load and try both models. Raises ConfigurationError when one is missing, changed, of another task, or fails."""
    folder = settings.models_dir or MODELS_FOLDER
    detector = _load(folder / settings.synthetic_model, "synthetic_voice")
    encoder = _load(folder / settings.speaker_model, "speaker_embedding")
    try:
        calibrations = Calibrations(
            synthetic.Calibration(**detector.card["calibration"]), speaker.Calibration(**encoder.card["calibration"])
        )
    except TypeError as error:
        raise ConfigurationError(f"a model's calibration has other fields than needed ({error})") from error
    return Detectors(
        scorers={
            "synthetic_voice": _scorer(detector, synthetic.prepare),
            "speaker_embedding": _scorer(encoder, speaker.prepare),
        },
        specs=(_spec(detector), _spec(encoder)),
        calibrations=calibrations,
        versions={"synthetic": detector.version, "speaker": encoder.version},
    )


def _load(folder: Path, task: Task) -> Model:
    model = load_model(folder)
    if model.card["task"] != task:
        raise ConfigurationError(f"model {folder.name}: its task is {model.card['task']}, not {task}")
    return model


def _spec(model: Model) -> WindowSpec:
    card = model.card
    return WindowSpec(card["task"], card["window_s"], card["hop_s"], card["min_window_s"])


def _scorer(model: Model, prepare: Callable[[Sequence[Samples]], NDArray[np.float32]]) -> Scorer:
    def score(windows: Sequence[Samples]) -> NDArray[np.float32]:
        return model.run(prepare(windows))

    return score
