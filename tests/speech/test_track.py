"""The whole room on the sample calls, which are real speech through a telephone line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import webrtcvad
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceguard.events import Samples, Window
from voiceguard.speech import SpeechOptions, SpeechTrack, Vad, WindowSpec

SAMPLES = Path(__file__).parents[2] / "samples"
SPECS = (WindowSpec("synthetic_voice", 4.0, 1.0, 1.0), WindowSpec("speaker_embedding", 3.0, 1.5, 1.5))


def channel(call: str, number: int) -> Samples:
    """One channel of a sample call."""
    return np.ascontiguousarray(soundfile.read(SAMPLES / f"{call}.wav", dtype="float32")[0][:, number])


def trained(samples: Samples) -> Samples:
    """Net speech as training cuts it."""
    vad = webrtcvad.Vad(2)
    rows = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    pcm = np.clip(rows * 32767, -32768, 32767).astype(np.int16)
    return rows[[vad.is_speech(row.tobytes(), 8000) for row in pcm]].reshape(-1)


def plain(windows: list[Window]) -> list[tuple[str, bytes, float, float]]:
    """Windows that can be compared."""
    return [(window.task, window.samples.tobytes(), window.end_net_s, window.end_s) for window in windows]


CALL = channel("03-wrong-codes", 0)[31 * 8000 : 36 * 8000]
SPOKEN = np.concatenate((channel("02-recovery", 0)[2 * 8000 : 7 * 8000], CALL))
WHOLE = SpeechTrack(SpeechOptions(), SPECS).feed(SPOKEN)


def test_whole_frames_and_single_samples_give_the_same_windows() -> None:
    """A file at once, a live stream of 20 ms and a sample at a time are one and the same."""
    assert len(WHOLE) > 4
    for size in (160, 1):
        track = SpeechTrack(SpeechOptions(), SPECS)
        windows = [window for at in range(0, len(SPOKEN), size) for window in track.feed(SPOKEN[at : at + size])]
        assert plain(WHOLE) == plain(windows)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 5000), max_size=60))
def test_chunking_does_not_matter(cuts: list[int]) -> None:
    """Nor does any other way to cut it."""
    track = SpeechTrack(SpeechOptions(), SPECS)
    windows = [window for part in np.split(SPOKEN, np.cumsum(cuts)) for window in track.feed(part)]
    assert plain(WHOLE) == plain(windows)


def test_live_speech_is_what_training_cut() -> None:
    """With onsets of no length the window holds bit for bit the net speech of the training data."""
    speech = channel("10-injected-instruction", 0)[: 12 * 8000]
    expected = trained(speech)
    spec = WindowSpec("synthetic_voice", 60.0, len(expected) / 8000, len(expected) / 8000)
    (window,) = SpeechTrack(SpeechOptions(onset_s=0), [spec]).feed(speech)
    assert expected.tobytes() == window.samples.tobytes()


@pytest.mark.parametrize("call", sorted(path.stem for path in SAMPLES.glob("*.wav")))
def test_speech_is_not_lost(call: str) -> None:
    """Nothing that a person says in any sample call passes for a tone."""
    for number in (0, 1):
        samples = channel(call, number)
        if (call, number) == ("03-wrong-codes", 0):
            samples = samples[: 33 * 8000]  # keys are pressed from here on
        heard = [frame.kind for frame in Vad(SpeechOptions()).feed(samples)]
        assert len(trained(samples)) // 160 == heard.count("speech")
        assert 0 == heard.count("tone")


def test_keyed_digits_add_no_net_speech() -> None:
    """The eighteen audible digits of the third sample call count for nothing, nor does the noise between them."""
    call = channel("03-wrong-codes", 0)
    track = SpeechTrack(SpeechOptions(), ())
    track.feed(call[: 33 * 8000])
    spoken = track.net_s
    assert spoken > 15
    track.feed(call[33 * 8000 :])
    assert spoken == track.net_s


def test_a_gap_moves_the_clock_and_ends_the_segment() -> None:
    """Net speech stands still over a gap, media time does not, and windows go on across it."""
    track = SpeechTrack(SpeechOptions(), SPECS)
    half = 3 * 8000 + 40
    windows = track.feed(SPOKEN[:half])
    net_s, segments = track.net_s, len(track.segments)
    track.skip(4000)
    assert (half + 4000) / 8000 == track.at_s
    assert net_s == track.net_s
    later = track.feed(SPOKEN[half:])
    assert (len(SPOKEN) + 4000) / 8000 == track.at_s
    assert segments < len(track.segments)
    assert later[0].end_net_s - windows[-1].end_net_s <= 1.0
    assert later[0].end_s > (half + 4000) / 8000
    assert (half + 4000 - 40) % 160 == 0
    assert all((window.end_s * 8000 - half - 4000) % 160 == 0 for window in later)


def test_a_negative_gap_is_refused() -> None:
    """The media clock never goes back."""
    with pytest.raises(ValueError, match="shorter than nothing"):
        SpeechTrack(SpeechOptions(), SPECS).skip(-1)
