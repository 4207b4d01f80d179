"""Net speech counts block by block, and blocks hang on the place of samples alone."""

from pathlib import Path

import numpy as np
import soundfile

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec

SAMPLES = Path(__file__).parents[2] / "samples"
CHECK = load_check(MODELS_FOLDER)
SPECS = (WindowSpec("synthetic_voice", 4.0, 1.0, 2.0),)


def test_windows_hang_on_the_place_of_samples_alone() -> None:
    """A file at once and a live stream of any chunks cut the same windows of checked speech."""
    voice = np.ascontiguousarray(soundfile.read(SAMPLES / "02-recovery.wav", dtype="float32")[0][: 12 * 8000, 0])
    whole = SpeechTrack(SpeechOptions(), SPECS, CHECK).feed(voice)
    assert len(whole) > 2
    for size in (160, 777):
        track = SpeechTrack(SpeechOptions(), SPECS, CHECK)
        parts = [one for at in range(0, len(voice), size) for one in track.feed(voice[at : at + size])]
        assert [one.samples.tobytes() for one in whole] == [one.samples.tobytes() for one in parts]
        assert [one.end_s for one in whole] == [one.end_s for one in parts]
