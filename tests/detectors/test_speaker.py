"""Windows to bands, embeddings to voiceprints, cosines to evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from benchmarks.detection.probes import probe
from voiceguard.detectors import speaker
from voiceguard.detectors.features import fbank80_16k
from voiceguard.errors import ModelError

CALIBRATION = speaker.Calibration(
    scale=20.0, duration=-2.0, offset=-5.0, min_speech_s=2.0, max_speech_s=10.0, limit=4.0, same_limit=9.0
)
EMBEDDINGS = arrays.arrays(np.float32, (3, speaker.DIMENSION), elements=st.floats(-100, 100, width=32)).filter(
    lambda rows: bool((np.linalg.norm(rows, axis=1) > 1e-3).all())
)


def _axis(place: int) -> NDArray[np.float32]:
    axis: NDArray[np.float32] = np.eye(speaker.DIMENSION, dtype=np.float32)[place]
    return axis


def test_prepare_stacks_bands_without_their_mean() -> None:
    """One row per window, in order; the colour of the line is the mean that goes."""
    first, second = probe(1, 3.0), probe(2, 3.0)

    batch = speaker.prepare([first, second])

    assert batch.shape == (2, 298, 80)
    assert batch.dtype == np.float32
    bands = fbank80_16k(second)
    assert batch[1] == pytest.approx(bands - bands.mean(axis=0), abs=1e-4)


@pytest.mark.parametrize("gain", [0.25, 0.5, 2.0])
def test_prepare_does_not_hear_the_level(gain: float) -> None:
    """Above the floor of the logarithm, a quiet caller gives the input that a loud one gives."""
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 24000).astype(np.float32)

    assert np.abs(speaker.prepare([samples * np.float32(gain)]) - speaker.prepare([samples])).max() < 0.01


def test_prepare_repeats_a_short_window() -> None:
    """Two seconds are heard one and a half times."""
    short = probe(5, 2.0)

    assert (speaker.prepare([short]) == speaker.prepare([np.concatenate([short, short[:8000]])])).all()


def test_prepare_gives_numbers_for_silence() -> None:
    """Digital zeros have a logarithm here."""
    assert np.isfinite(speaker.prepare([np.zeros(24000, np.float32)])).all()


def test_prepare_keeps_a_long_window_whole() -> None:
    """Half as much again as a live call's window gives half as many frames more."""
    assert speaker.prepare([probe(6, 4.5)]).shape == (1, 448, 80)


@pytest.mark.parametrize(
    "windows",
    [[], [np.zeros(0, np.float32)], [np.zeros(48001, np.float32)], [np.zeros(24001, np.float32), probe(1, 3.0)]],
)
def test_prepare_refuses_windows_it_does_not_know(windows: list[np.ndarray]) -> None:
    """None at all, an empty one, one of more than 6 s, and a long one beside another length."""
    with pytest.raises(ValueError, match="window"):
        speaker.prepare(windows)


@pytest.mark.parametrize("seconds, lengths", [(0.0, []), (2.0, [2.0]), (6.0, [6.0]), (7.0, [3.5, 3.5])])
def test_pieces_hold_all_of_a_recording(seconds: float, lengths: list[float]) -> None:
    """Nothing is left out, nothing is heard twice, and no piece is a short rest."""
    speech = np.arange(round(seconds * 8000), dtype=np.float32)

    cut = speaker.pieces(speech)

    assert [len(piece) / 8000 for piece in cut] == lengths
    assert not cut or (np.concatenate(cut) == speech).all()


@given(EMBEDDINGS)
def test_normalised_embeddings_have_unit_length(embeddings: np.ndarray) -> None:
    """Direction stays, length goes."""
    unit = speaker.normalise(embeddings)

    assert np.linalg.norm(unit, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (unit * embeddings).sum(axis=1) == pytest.approx(np.linalg.norm(embeddings, axis=1), rel=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_an_embedding_without_direction_is_a_fault_of_the_model(value: float) -> None:
    """It must become a missing score, never a voice."""
    with pytest.raises(ModelError, match="direction"):
        speaker.normalise([_axis(0), np.full(speaker.DIMENSION, value)])


def test_enrol_weighs_each_embedding_by_its_speech() -> None:
    """Three seconds along one axis and four along another; how long a raw embedding is does not count."""
    voice = speaker.enrol([_axis(0) * 7, _axis(1)], [3.0, 4.0])

    assert voice[:2].tolist() == pytest.approx([0.6, 0.8])
    assert np.linalg.norm(voice) == pytest.approx(1.0)


@pytest.mark.parametrize("voices", [[], [_axis(0), -_axis(0)]], ids=["none", "opposite"])
def test_enrol_refuses_voices_that_leave_no_direction(voices: list[np.ndarray]) -> None:
    """Nothing at all, and two that cancel out."""
    with pytest.raises(ModelError, match="direction"):
        speaker.enrol(np.reshape(voices, (-1, speaker.DIMENSION)), np.ones(len(voices)))


def test_cosine_broadcasts() -> None:
    """One voice against several."""
    assert speaker.cosine(_axis(0), np.stack([_axis(0), _axis(1), -_axis(0)])).tolist() == [1.0, 0.0, -1.0]


def test_evidence_is_affine_in_cosine_and_log_speech() -> None:
    """20 * 0.5 - 2 * (ln 4 + ln 2) - 5 by hand; the other direction of the question has the other sign."""
    expected = 5.0 - 2.0 * np.log(8.0)

    assert speaker.same_speaker_llr(0.5, 4.0, 2.0, CALIBRATION) == pytest.approx(expected)
    assert speaker.llr(0.5, 4.0, 2.0, CALIBRATION) == pytest.approx(-expected)


def test_speech_counts_within_the_fitted_range_only() -> None:
    """Under 2 s is 2 s, over 10 s is 10 s."""
    within = speaker.same_speaker_llr([0.5, 0.5], [2.0, 10.0], 3.0, CALIBRATION)

    assert speaker.same_speaker_llr([0.5, 0.5], [0.0, 999.0], 3.0, CALIBRATION).tolist() == within.tolist()


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(0, 100), st.floats(0, 100))
def test_a_higher_cosine_is_never_less_evidence_for_one_voice(
    cosines: list[float], first_s: float, second_s: float
) -> None:
    """Monotonic, bounded, and the same whichever side comes first."""
    evidence = speaker.same_speaker_llr(sorted(cosines), first_s, second_s, CALIBRATION)

    assert (np.diff(evidence) >= 0).all()
    assert -CALIBRATION.limit <= evidence.min() and evidence.max() <= CALIBRATION.same_limit
    assert evidence == pytest.approx(speaker.same_speaker_llr(sorted(cosines), second_s, first_s, CALIBRATION))


def test_one_speaker_may_be_surer_than_different_ones() -> None:
    """More pairs of people vouch for it than people; a watch list's length is paid from that."""
    alike, unlike = speaker.same_speaker_llr([1.0, -1.0], 2.0, 2.0, CALIBRATION)

    assert (9.0, -4.0) == (alike, unlike)
    assert speaker.listed_llr([alike], 1000) == pytest.approx(9.0 - np.log(1000))


@pytest.mark.parametrize("cosine", [np.nan, np.inf, -np.inf])
def test_a_cosine_that_is_not_finite_is_a_fault_of_the_model(cosine: float) -> None:
    """Never a bounded and confident answer."""
    with pytest.raises(ModelError, match="finite"):
        speaker.llr([0.5, cosine], 3.0, 3.0, CALIBRATION)
