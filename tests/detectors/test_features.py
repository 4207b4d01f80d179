"""The front end against hand-worked spectra and against librosa's mel filters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceguard.detectors import features


def _tone(hz: float, samples: int = 8000) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(samples) / features.SAMPLE_RATE_HZ).astype(np.float32)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 3400.0])
def test_power_spectrum_peaks_at_the_bin_of_a_tone(hz: float) -> None:
    """Bins are 40 Hz apart and there is one frame per 10 ms."""
    power = features.power_spectrum(_tone(hz))

    assert power.shape == (100, 101)
    assert (power[1:-1].argmax(axis=1) == hz / 40).all()


def test_power_of_a_tone_is_that_of_the_window() -> None:
    """A unit sine in the middle of a bin gives (sum of the window / 2) squared: (100 / 2) ** 2."""
    assert features.power_spectrum(_tone(1000.0))[50, 25] == pytest.approx(2500.0, rel=1e-3)


@pytest.mark.parametrize(
    "samples", [np.zeros(100, np.float32), np.zeros((2, 8000), np.float32)], ids=["short", "stereo"]
)
def test_power_spectrum_refuses_what_it_cannot_frame(samples: np.ndarray) -> None:
    """Too short, or not one channel."""
    with pytest.raises(ValueError, match="more than 100 samples"):
        features.power_spectrum(samples)


def test_mel_filters_are_the_lower_half_of_librosa_s() -> None:
    """Whisper's filters for 16 kHz, cut at 4 kHz."""
    mel = pytest.importorskip("librosa.filters").mel(sr=16000, n_fft=400, n_mels=80)

    assert features.mel_filters() == pytest.approx(mel.T[:101], abs=1e-7)


def test_mel_filters_above_the_telephone_band_are_empty() -> None:
    """The band above 4 kHz has no bins; the first filter above it and all later ones are zero."""
    reached = features.mel_filters().sum(axis=0) > 0

    assert reached[:60].all()
    assert not reached[64:].any()


def test_spectra_do_not_depend_on_level_or_offset() -> None:
    """Gain and DC change nothing, so neither can tell a source apart."""
    speech = (np.random.default_rng(3).standard_normal(16000) * 0.1).astype(np.float32)

    quiet = features.whisper_log_mel(speech)
    loud = features.whisper_log_mel(speech * np.float32(7.0) + np.float32(0.2))

    assert quiet.shape == (200, 80)
    assert loud == pytest.approx(quiet, abs=2e-3)


def test_spectra_keep_two_units_of_range() -> None:
    """Eight decades below the peak is the floor, and four decades are one unit."""
    spectra = features.whisper_log_mel(_tone(1000.0))

    assert spectra.max() - spectra.min() == pytest.approx(2.0, abs=1e-5)


def test_silence_gives_finite_spectra() -> None:
    """Digital silence is flat at the floor, not minus infinity."""
    spectra = features.whisper_log_mel(np.zeros(16000, np.float32))

    assert spectra == pytest.approx(np.full((200, 80), -1.5))


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=101, max_size=400))
def test_spectra_of_any_samples_are_finite(samples: list[float]) -> None:
    """No waveform in range makes a feature that is not a number."""
    spectra = features.whisper_log_mel(np.array(samples, dtype=np.float32))

    assert spectra.shape == (len(samples) // 80, 80)
    assert np.isfinite(spectra).all()
