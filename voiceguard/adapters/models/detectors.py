"""The detectors in use: models from disk, joined with what the core needs to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voiceguard.adapters.models.onnx import MODELS_FOLDER, Model, load_model
from voiceguard.adapters.models.scheduler import Scorer
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.adapters.models.text import load_reader
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.detectors.features import SPECTRA
from voiceguard.errors import ConfigurationError
from voiceguard.events import Samples, Task
from voiceguard.settings import Settings
from voiceguard.speech import SpeechCheck, WindowSpec
from voiceguard.text.reader import Reader


@dataclass(frozen=True)
class Detectors:
    """What scheduler and calls need."""

    scorers: Mapping[Task, Scorer]
    specs: tuple[WindowSpec, ...]
    calibrations: Calibrations
    versions: Mapping[str, str]
    """Role ("synthetic", "speaker", and "verify" where there is a second detector) to `<name>@<sha256-12>`."""
    reference: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """What the synthetic-voice detector's input looked like in training: quantity to nine deciles."""
    reader: Reader = field(default_factory=Reader)
    """What reads words, with the classifiers that lie in the models folder."""
    check: SpeechCheck | None = None
    """What net speech must pass."""


def load_detectors(settings: Settings) -> Detectors:
    """Load and try the models. Raises ConfigurationError when one is missing, changed, of another task, or fails."""
    folder = settings.models_dir or MODELS_FOLDER
    detector = _load(folder / settings.synthetic_model, "synthetic_voice")
    encoder = _load(folder / settings.speaker_model, "speaker_embedding")
    second = _load(folder / settings.verify_model, "synthetic_voice") if settings.verify_model else None
    try:
        calibrations = Calibrations(
            synthetic.Calibration(**detector.card["calibration"]),
            speaker.Calibration(**encoder.card["calibration"]),
            None if second is None else synthetic.Calibration(**second.card["calibration"]),
        )
    except TypeError as error:
        raise ConfigurationError(f"a model's calibration has other fields than needed ({error})") from error
    scorers: dict[Task, Scorer] = {
        "synthetic_voice": _scorer(detector, _front_end(detector)),
        "speaker_embedding": _scorer(encoder, speaker.prepare),
    }
    specs, versions = [_spec(detector), _spec(encoder)], {"synthetic": detector.version, "speaker": encoder.version}
    if second is not None:
        scorers["synthetic_voice_verify"] = _scorer(second, _front_end(second))
        specs.append(replace(_spec(second), task="synthetic_voice_verify", hop_s=None))
        versions["verify"] = second.version
    reference = detector.card.get("reference", {})
    return Detectors(
        scorers, tuple(specs), calibrations, versions, reference, load_reader(folder), load_check(MODELS_FOLDER)
    )


def _load(folder: Path, task: Task) -> Model:
    model = load_model(folder)
    if model.card["task"] != task:
        raise ConfigurationError(f"model {folder.name}: its task is {model.card['task']}, not {task}")
    return model


def _spec(model: Model) -> WindowSpec:
    card = model.card
    return WindowSpec(card["task"], card["window_s"], card["hop_s"], card["min_window_s"])


def _front_end(model: Model) -> Callable[[Sequence[Samples]], NDArray[np.float32]]:
    spectra = model.card.get("frontend")
    if not isinstance(spectra, list) or not spectra or not all(name in SPECTRA for name in spectra):
        raise ConfigurationError(f"model {model.card['name']}: its front end is {spectra}, not of {', '.join(SPECTRA)}")
    return partial(synthetic.prepare, spectra=spectra)


def _scorer(model: Model, prepare: Callable[[Sequence[Samples]], NDArray[np.float32]]) -> Scorer:
    def score(windows: Sequence[Samples]) -> NDArray[np.float32]:
        return model.run(prepare(windows))

    return score
