"""The front end against Kaldi's own, at 16 kHz, and on samples of every kind."""

from collections.abc import Callable

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.detection.probes import probe
from voiceguard.detectors import features


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bands_are_those_of_kaldi_at_16_khz(seed: int) -> None:
    """Up to the resampler's edge near 4 kHz, the bands of the upsampled signal by Kaldi's own reckoning."""
    kaldi = pytest.importorskip("kaldi_native_fbank")
    samples = probe(seed, 3.0)
    options = kaldi.FbankOptions()
    options.frame_opts.dither, options.frame_opts.samp_freq, options.mel_opts.num_bins = 0.0, 16000, features.BANDS
    reference = kaldi.OnlineFbank(options)
    reference.accept_waveform(16000, soxr.resample(samples, 8000, 16000, quality="VHQ").tolist())
    reference.input_finished()
    expected = np.stack([reference.get_frame(index) for index in range(reference.num_frames_ready)])

    bands = features.fbank80_16k(samples)

    assert expected.shape == bands.shape
    assert np.median(np.abs(expected - bands)[:, :54]) < 0.02


def test_bands_above_the_line_move_by_half_of_what_the_edge_does() -> None:
    """Nothing of a telephone line reaches them, so they follow the highest bands that are heard."""
    bands = features.fbank80_16k(probe(1, 3.0))

    assert (bands[:, :61] == features.fbank61_16k(probe(1, 3.0))).all()
    assert bands[:, 61:] == pytest.approx(np.repeat(0.5 * bands[:, 56:60].mean(axis=1, keepdims=True), 19, axis=1))


@pytest.mark.parametrize(("hz", "bin_"), [(62.5, 0), (125.0, 4), (1000.0, 60), (2031.25, 126)])
def test_narrow_bins_tell_single_harmonics(hz: float, bin_: int) -> None:
    """A tone fills its own bin of 15.6 Hz, and is 40 dB down four bins off."""
    tone = np.sin(2 * np.pi * hz * np.arange(16000) / 8000).astype(np.float32)

    bins = features.narrow128(tone)[20:-20].mean(axis=0)

    assert bins.argmax() == bin_
    assert (bins[max(bin_ - 4, 0)] < bins[bin_] - np.log(1e4)) or bin_ < 4
    assert bins[(bin_ + 8) % 128] < bins[bin_] - np.log(1e4)


def test_spectra_look_at_the_same_moments() -> None:
    """A click is loudest in the same frame of each."""
    click = np.random.default_rng(4).standard_normal(8000).astype(np.float32) * np.float32(1e-3)
    click[4020] = 1.0

    loudest = [int(spectrum(click).mean(axis=1).argmax()) for spectrum in features.SPECTRA.values()]

    assert loudest == [49, 49]


@pytest.mark.parametrize("spectrum", features.SPECTRA.values())
@pytest.mark.parametrize("samples", [np.zeros(199, np.float32), np.zeros((2, 8000), np.float32)])
def test_spectra_refuse_what_cannot_be_framed(spectrum: Callable[..., np.ndarray], samples: np.ndarray) -> None:
    """Less than one frame, and more than one channel."""
    with pytest.raises(ValueError, match="200 samples"):
        spectrum(samples)


def test_level_and_offset_are_taken_away() -> None:
    """Gain and DC change nothing, so neither can tell a source apart."""
    speech = (np.random.default_rng(3).standard_normal(16000) * 0.1).astype(np.float32)

    quiet = features.normalise_level(speech)
    loud = features.normalise_level(speech * np.float32(7.0) + np.float32(0.2))

    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(0.05, rel=1e-4)
    assert loud == pytest.approx(quiet, abs=1e-5)


def test_silence_stays_silence() -> None:
    """There is no level to bring up, and no band that is not a number."""
    level = features.normalise_level(np.full(16000, 0.3, np.float32))

    assert (level == 0).all()
    assert np.isfinite(features.fbank80_16k(level)).all()


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=200, max_size=600))
def test_bands_of_any_samples_are_finite(samples: list[float]) -> None:
    """No waveform in range makes a feature that is not a number."""
    level = features.normalise_level(np.array(samples, dtype=np.float32))
    for spectrum, bands in ((features.fbank80_16k, 80), (features.narrow128, 128)):
        found = spectrum(level)
        assert found.shape == (1 + (len(samples) - 200) // 80, bands)
        assert np.isfinite(found).all()
