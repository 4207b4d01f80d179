"""Models on disk: the shipped ones run, and what is not what its card says is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.adapters.models.onnx import MODELS_FOLDER, load_model, model_cards, read_card
from voiceguard.detectors import synthetic
from voiceguard.errors import ConfigurationError, ModelError
from voiceguard.settings import Settings

SYNTHETIC = MODELS_FOLDER / "synthetic-stream"
NOISE = (np.random.default_rng(1).standard_normal(synthetic.WINDOW_SAMPLES) * 0.1).astype(np.float32)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A model that may be damaged."""
    return Path(shutil.copytree(SYNTHETIC, tmp_path / "models" / "synthetic-stream"))


def test_version_names_the_weights() -> None:
    """Name, and the first twelve digits of the hash of the file that runs."""
    digest = hashlib.sha256((SYNTHETIC / "model.onnx").read_bytes()).hexdigest()

    assert f"synthetic-stream@{digest[:12]}" == load_model(SYNTHETIC).version


def test_batch_and_threads_do_not_matter() -> None:
    """One session serves every call: a window scores the same alone, in a batch, and from several threads."""
    model = load_model(SYNTHETIC)
    windows = synthetic.prepare([NOISE, NOISE[:20_000], NOISE[::-1].copy()])
    alone = [model.run(windows[index : index + 1])[0] for index in range(3)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.run, [windows] * 8))

    for outputs in together:
        np.testing.assert_allclose(np.stack(alone), outputs, atol=0.02)


def test_input_that_does_not_fit_is_a_model_error() -> None:
    """The runtime's own family of errors does not leave the adapter."""
    with pytest.raises(ModelError, match="synthetic-stream"):
        load_model(SYNTHETIC).run(np.zeros((1, 3, 80), np.float32))


def test_changed_weights_are_refused(copy: Path) -> None:
    """One byte more, and it is another model."""
    with (copy / "model.onnx").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(ConfigurationError, match="not the file that model.json describes"):
        load_model(copy)
    assert [False] == [card["verified"] for card in model_cards(copy.parent)]


def test_weights_that_are_no_model(copy: Path) -> None:
    """A file with the right hash that the runtime cannot read."""
    (copy / "model.onnx").write_bytes(b"weights")
    card = read_card(copy) | {"sha256": hashlib.sha256(b"weights").hexdigest()}
    (copy / "model.json").write_text(json.dumps(card))

    with pytest.raises(ConfigurationError, match="the runtime cannot load it"):
        load_model(copy)


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"name": "x"}'])
def test_card_that_cannot_be_used(text: str, copy: Path) -> None:
    """Nothing runs without its papers."""
    (copy / "model.json").write_text(text)

    with pytest.raises(ConfigurationError, match="model.json cannot be used"):
        load_model(copy)


def test_missing_weights(copy: Path) -> None:
    """The operating system's word for it, and the card is not verified."""
    (copy / "model.onnx").unlink()

    with pytest.raises(ConfigurationError, match="No such file"):
        load_model(copy)
    assert [False] == [card["verified"] for card in model_cards(copy.parent)]


def test_model_of_another_task_is_refused(tmp_path: Path) -> None:
    """A speaker encoder does not detect synthetic speech."""
    settings = Settings(data_dir=tmp_path, synthetic_model="speaker-campplus")

    with pytest.raises(ConfigurationError, match="its task is speaker_embedding, not synthetic_voice"):
        load_detectors(settings)


def test_calibration_of_another_kind_is_refused(copy: Path) -> None:
    """Scores that nothing turns into evidence are no use."""
    shutil.copytree(MODELS_FOLDER / "speaker-campplus", copy.parent / "speaker-campplus")
    card = read_card(copy) | {"calibration": {"slope": 1.0}}
    (copy / "model.json").write_text(json.dumps(card))

    with pytest.raises(ConfigurationError, match="a model's calibration has other fields"):
        load_detectors(Settings(models_dir=copy.parent, verify_model=""))


def test_second_detector_is_a_choice(tmp_path: Path) -> None:
    """By default there is one, asked on demand; an empty name leaves it out; a name nobody has is an error."""
    both = load_detectors(Settings(data_dir=tmp_path))
    assert {"synthetic_voice": 2.0, "speaker_embedding": 1.5, "synthetic_voice_verify": None} == {
        spec.task: spec.hop_s for spec in both.specs
    }
    assert both.versions["verify"].startswith("synthetic-verify@")

    one = load_detectors(Settings(data_dir=tmp_path, verify_model=""))
    assert {"synthetic", "speaker"} == one.versions.keys()
    assert one.calibrations.verify is None

    with pytest.raises(ConfigurationError, match="nobody"):
        load_detectors(Settings(data_dir=tmp_path, verify_model="nobody"))
