"""What attackers do to speech keeps its form: length, range, type, and what each transform promises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.detection import transforms
from benchmarks.detection.probes import probe
from voiceguard.events import Samples

SPEECH = probe(5, 3.0)
SAME_LENGTH: dict[str, Callable[[Samples], Samples]] = {
    "replay": lambda samples: transforms.replay(samples, np.random.default_rng(1)),
    "pitch up": lambda samples: transforms.shift_pitch(samples, 2.0),
    "pitch down": lambda samples: transforms.shift_pitch(samples, -2.0),
    "low-pass": lambda samples: transforms.low_pass(samples, 2000.0),
    "tandem": transforms.tandem,
    "louder": lambda samples: transforms.gain(samples, 40.0),
    "softer": lambda samples: transforms.gain(samples, -20.0),
    "overdrive": transforms.overdrive,
}


def tone(hz: float, seconds: float = 2.0) -> Samples:
    """A sine at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000)).astype(np.float32)


def peak_hz(samples: Samples) -> float:
    """Frequency of the strongest line in the spectrum."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * 8000 / len(samples))


@pytest.mark.parametrize("transform", SAME_LENGTH.values(), ids=SAME_LENGTH)
def test_length_range_and_type_stay(transform: Callable[[Samples], Samples]) -> None:
    """As many samples as came, float32 in [-1, 1], and not the same ones."""
    out = transform(SPEECH)

    assert (SPEECH.shape, np.float32) == (out.shape, out.dtype)
    assert float(np.abs(out).max()) <= 1.0
    assert not np.array_equal(SPEECH, out)


@pytest.mark.parametrize(("semitones", "ratio"), [(-2.0, 2 ** (-2 / 12)), (1.0, 2 ** (1 / 12))])
def test_pitch_moves_by_semitones(semitones: float, ratio: float) -> None:
    """A tone of 500 Hz ends where the ratio says, and is as loud as it was."""
    out = transforms.shift_pitch(tone(500.0), semitones)

    assert pytest.approx(500.0 * ratio, rel=0.01) == peak_hz(out[1600:-1600])
    assert pytest.approx(float(np.std(tone(500.0))), rel=0.1) == float(np.std(out[1600:-1600]))


def test_stretching_keeps_the_pitch() -> None:
    """Half as long again, the same tone."""
    out = transforms.stretch(tone(440.0), 1.5)

    assert pytest.approx(24_000, abs=400) == len(out)
    assert pytest.approx(440.0, rel=0.01) == peak_hz(out[1600:-1600])


def test_speed_moves_length_and_pitch() -> None:
    """A tenth faster is a tenth higher and shorter."""
    out = transforms.speed(tone(500.0), 1.1)

    assert pytest.approx(16_000 / 1.1, abs=2) == len(out)
    assert pytest.approx(550.0, rel=0.01) == peak_hz(out)


def test_low_pass_leaves_nothing_above_the_edge() -> None:
    """A tone above the edge is gone, one below it stays."""
    below, above = (float(np.std(transforms.low_pass(tone(hz), 2000.0)[800:])) for hz in (1000.0, 3000.0))

    assert pytest.approx(float(np.std(tone(1000.0))), rel=0.02) == below
    assert above < 0.01 * below


def test_pauses_add_only_pauses() -> None:
    """Without them, the speech is what it was."""
    pause = np.full(4_000, 0.25, np.float32)
    out = transforms.stuff_pauses(SPEECH, pause)
    pauses = (len(out) - len(SPEECH)) // len(pause)
    inside = np.convolve(out == np.float32(0.25), np.ones(len(pause)), "valid") == len(pause)
    kept = np.ones(len(out), bool)
    for start in np.flatnonzero(inside):
        kept[start : start + len(pause)] = False

    assert 3 == pauses
    np.testing.assert_array_equal(SPEECH, out[kept])


def test_bursts_and_gaps_take_turns() -> None:
    """0.4 s of speech, 0.4 s of nothing, and speech at the end."""
    out = transforms.bursts(SPEECH)

    assert len(SPEECH) + 7 * 3_200 == len(out)
    np.testing.assert_array_equal(SPEECH[:3_200], out[:3_200])
    assert not out[3_200:6_400].any()
    np.testing.assert_array_equal(SPEECH[3_200:6_400], out[6_400:9_600])


@pytest.mark.parametrize(("share", "turns"), [(0.25, "GGGS"), (0.5, "GSGS"), (0.75, "GSSS")])
def test_turns_of_two_voices(share: float, turns: str) -> None:
    """The share of turns that is synthetic, at the synthetic level; neither voice skips a sample."""
    genuine, synthetic = np.full(32_000, -0.1, np.float32), np.full(36_000, 0.2, np.float32)
    out = transforms.alternate(synthetic, genuine, share)

    assert turns == "".join("S" if level > 0 else "G" for level in out[4_000::8_000])
    np.testing.assert_allclose(np.abs(out), 0.2, rtol=1e-5)


def test_turns_go_on_where_they_ended() -> None:
    """The second synthetic turn follows the first in the synthetic recording."""
    synthetic = np.linspace(-0.5, 0.5, 32_000, dtype=np.float32)
    out = transforms.alternate(synthetic, np.ones(32_000, np.float32), 0.5)

    np.testing.assert_array_equal(synthetic[:16_000], np.concatenate([out[8_000:16_000], out[24_000:]]))


def test_room_tone_is_the_quietest_stretch() -> None:
    """Looped to the length asked for."""
    samples = tone(500.0)
    samples[8_000:8_800] = 0.001

    np.testing.assert_array_equal(np.full(4_000, 0.001, np.float32), transforms.room_tone(samples, 0.5))
