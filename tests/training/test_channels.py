"""Random lines for training: every effect leaves a clip of the same length that a line can carry."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.detection.probes import probe
from training.synthetic import channels

Samples = NDArray[np.float32]
NOISES = [probe(100 + seed, 1.0) for seed in range(3)]
CODECS = [pytest.param(codec, id=codec.__name__.strip("_")) for codec in channels._CODECS]


def through(seed: int, samples: Samples) -> Samples:
    """One line drawn by a seed."""
    return channels.through_line(samples, NOISES, np.random.default_rng(seed))


def power_at(samples: Samples, hz: int) -> float:
    """Power in the bin of one tone."""
    time = np.arange(len(samples)) / channels.RATE_HZ
    return float(np.abs(samples @ np.exp(-2j * np.pi * hz * time)) ** 2 / len(samples))


@pytest.mark.parametrize("length", [1, 159, 4000, 16001])
def test_a_line_keeps_the_length_and_stays_in_range(length: int) -> None:
    """Whatever a line does to a clip, samples are finite and within full scale."""
    samples = probe(1, 3.0)[:length]

    for seed in range(40):
        heard = through(seed, samples)
        assert np.float32 == heard.dtype
        assert (length,) == heard.shape
        assert np.abs(heard).max() <= 1.0


def test_silence_stays_finite() -> None:
    """A clip without power has no noise to be mixed by ratio, and divides nothing by zero."""
    heard = np.stack([through(seed, np.zeros(8000, np.float32)) for seed in range(40)])

    assert np.isfinite(heard).all()


def test_a_line_is_decided_by_its_seed_alone() -> None:
    """The same seed gives the same samples, another seed other ones; the clip handed in is left as it was."""
    samples = probe(2, 1.0)
    before = samples.copy()

    assert np.array_equal(through(7, samples), through(7, samples))
    assert not np.array_equal(through(7, samples), through(8, samples))
    assert np.array_equal(before, samples)


def test_lines_reach_every_codec_and_tandems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over some hundred lines each codec is heard, and some lines go through two of them."""
    used: list[list[str]] = []

    def noted(name: str) -> Callable[[Samples, np.random.Generator], Samples]:
        def codec(samples: Samples, rng: np.random.Generator) -> Samples:
            used[-1].append(name)
            return samples

        return codec

    names = [codec.__name__ for codec in channels._CODECS]
    assert ["_gsm", "_opus", "_amr", "_g722"] == names
    monkeypatch.setattr(channels, "_CODECS", tuple(noted(name) for name in names))
    for seed in range(300):
        used.append([])
        through(seed, probe(3, 0.25))

    assert set(names) == {name for line in used for name in line}
    assert {0, 1, 2} == {len(line) for line in used}


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_carry_speech(codec: Callable[[Samples, np.random.Generator], Samples]) -> None:
    """What a codec gives back has its level and, up to the codec's delay, its shape, but is not the input."""
    samples = probe(4, 2.0) * np.float32(0.3)

    heard = codec(samples, np.random.default_rng(1))
    spectra = np.fft.rfft(samples, 2 * len(samples)), np.fft.rfft(heard, 2 * len(samples))
    alike = np.fft.irfft(spectra[0].conj() * spectra[1]) / np.linalg.norm(samples) / np.linalg.norm(heard)

    assert samples.shape == heard.shape
    assert not np.array_equal(samples, heard)
    assert alike[: channels.RATE_HZ // 20].max() > 0.5
    assert 0.5 < np.linalg.norm(heard) / np.linalg.norm(samples) < 1.5


@pytest.mark.parametrize("law", ["ULAW", "ALAW"])
def test_g711_is_close_to_its_input(law: str) -> None:
    """Steps of G.711 are at most a thirty-second part of the sample, and finer near zero."""
    samples = np.clip(probe(5, 1.0), -0.95, 0.95)

    assert np.abs(channels.g711(samples, law) - samples) == pytest.approx(0.0, abs=1 / 32)


@pytest.mark.parametrize("snr_db", [0.0, 12.0, 30.0])
def test_noise_is_mixed_at_the_ratio_asked_for(snr_db: float) -> None:
    """A noise shorter than the clip is looped."""
    samples, noise = probe(6, 3.0), NOISES[0]

    added = channels.add_noise(samples, noise, snr_db, np.random.default_rng(1)) - samples

    assert 10 * np.log10(np.mean(samples**2) / np.mean(added**2)) == pytest.approx(snr_db, abs=0.01)


def test_keys_are_heard_as_pairs_of_tones() -> None:
    """On silence a pressed key leaves one low and one high tone of DTMF, and lasts 80 ms."""
    silence = np.zeros(8000, np.float32)

    pressed = channels._press_keys(silence, np.random.default_rng(2))

    assert not silence.any()
    sounding = np.count_nonzero(np.abs(pressed).reshape(-1, 80).max(axis=1))
    strongest = {
        max(group, key=lambda hz: power_at(pressed, hz)) for group in ((697, 770, 852, 941), (1209, 1336, 1477))
    }
    assert 8 <= sounding <= 4 * 9
    assert all(power_at(pressed, hz) > 100 * power_at(pressed, 1075) for hz in strongest)


def test_lost_packets_are_silent_or_a_fading_repeat() -> None:
    """Every packet of 20 ms is whole, silent, or the one before it at 0.7; over many lines all of these happen."""
    samples = probe(7, 2.0)
    packets = samples.reshape(-1, 160)
    seen, longest = set(), 0

    for seed in range(40):
        heard = channels._lose_packets(samples, np.random.default_rng(seed)).reshape(-1, 160)
        run = 0
        for before, packet, sent in zip(heard, heard[1:], packets[1:], strict=False):
            kinds = {
                "whole": np.array_equal(packet, sent),
                "silent": not packet.any(),
                "repeated": np.array_equal(packet, before * np.float32(0.7)),
            }
            assert any(kinds.values())
            seen |= {name for name, found in kinds.items() if found}
            run = 0 if kinds["whole"] else run + 1
            longest = max(longest, run)

    assert {"whole", "silent", "repeated"} == seen
    assert longest >= 4
