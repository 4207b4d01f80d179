"""What happens to a voice on its way into a mixed call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.analysis.callsets import mixing
from voiceguard.events import Samples

RNG = np.random.default_rng


def _tone(hz: float, seconds: float = 1.0) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000).astype(np.float32)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize(("hz", "gain"), [(100.0, 0.0), (300.0, 1.0), (1000.0, 1.0), (3400.0, 1.0), (3700.0, 0.0)])
def test_a_line_passes_the_telephone_band(hz: float, gain: float) -> None:
    """300 to 3400 Hz, and nothing a little beyond."""
    assert _rms(mixing.band(_tone(hz))) == pytest.approx(gain * _rms(_tone(hz)), abs=1e-3)


@pytest.mark.parametrize("silence", [0, 8000, 40_000])
def test_level_is_that_of_the_speech(silence: int) -> None:
    """Pauses do not make the speech louder, as long as half of the packets are heard."""
    samples = np.concatenate([0.01 * _tone(440.0, 10.0), np.zeros(silence, np.float32)])

    assert _rms(mixing.level(samples, -20.0)[:80_000]) == pytest.approx(0.1, rel=0.01)


def test_silence_stays_silent() -> None:
    """There is no level to bring it to, and nothing to cut."""
    silent = np.zeros(800, np.float32)

    np.testing.assert_array_equal(silent, mixing.level(silent, -20.0))
    assert 0 < len(mixing.trimmed(silent))
    assert 10 == len(mixing.trimmed(np.zeros(10, np.float32))) == len(mixing.level(np.ones(10, np.float32), -6.0))


def test_silence_at_both_ends_is_cut() -> None:
    """By whole packets."""
    padded = np.concatenate([np.zeros(1600, np.float32), _tone(440.0), np.zeros(800, np.float32)])

    assert 8000 == len(mixing.trimmed(padded))


@pytest.mark.parametrize(("digit", "pair"), [
    ("1", (697, 1209)), ("0", (941, 1336)), ("#", (941, 1477)), ("D", (941, 1633)),
])
def test_keys_are_pairs_of_tones(digit: str, pair: tuple[int, int]) -> None:
    """ITU-T Q.23, and a pause after each."""
    spectrum = np.abs(np.fft.rfft(mixing.tones(digit)[:720], 8000))
    low, high = int(spectrum[600:1000].argmax()) + 600, int(spectrum[1100:1700].argmax()) + 1100

    assert (low, high) == pytest.approx(pair, abs=6)
    assert 3 * 1440 == len(mixing.tones("123"))
    assert 0.0 == np.abs(mixing.tones(digit)[720:]).max()
    assert 0 == len(mixing.tones(""))


def test_no_key_has_no_tone() -> None:
    """An unknown digit is a mistake."""
    with pytest.raises(KeyError):
        mixing.tones("x")


def test_noise_has_its_level() -> None:
    """As an RMS."""
    assert _rms(mixing.line_noise(80_000, -40.0, RNG(1))) == pytest.approx(0.01, rel=0.02)


def test_a_recording_goes_round() -> None:
    """From some place on, for as long as is needed."""
    looped = mixing.looped(np.arange(5, dtype=np.float32), 12, RNG(3))

    assert 12 == len(looped)
    assert {1.0, -4.0} == set(np.diff(looped).tolist())


@given(st.floats(0.0, 0.4), st.integers(0, 5))
def test_about_the_wanted_share_of_packets_is_lost(share: float, seed: int) -> None:
    """Whole packets are silent, in bursts of two on average; the rest is untouched."""
    samples = np.ones(160 * 20_000 + 7, np.float32)
    kept = mixing.lose_packets(samples, share, RNG(seed))
    packets = kept[: 160 * 20_000].reshape(-1, 160)

    assert set(np.unique(kept)) <= {0.0, 1.0}
    assert (packets.min(axis=1) == packets.max(axis=1)).all()
    assert 1.0 - packets[:, 0].mean() == pytest.approx(share, abs=0.03)
    bursts = int((np.diff(packets[:, 0]) < 0).sum())
    if share > 0.05:
        assert (packets[:, 0] == 0).sum() / bursts == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("share", [-0.1, 0.7, 1.0, float("nan")])
def test_impossible_losses(share: float) -> None:
    """A share that is none, or that bursts of two cannot make."""
    with pytest.raises(ValueError, match="share of packets"):
        mixing.lose_packets(np.ones(1600, np.float32), share, RNG(0))
