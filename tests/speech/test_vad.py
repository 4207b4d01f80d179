"""What is speech, what is a tone, what is silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.codecs import g711
from voiceguard.errors import ConfigurationError
from voiceguard.events import RATE_HZ, Samples
from voiceguard.speech import Frame, SpeechOptions, Vad

FRAME = 160


def tone(*frequencies_hz: float, seconds: float, peak: float = 0.1) -> Samples:
    """A sum of sines, each of this peak."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sines = [np.sin(2 * np.pi * hz * time) for hz in frequencies_hz]
    return np.asarray(peak * np.sum(sines, axis=0), np.float32)


def on_the_line(samples: Samples) -> Samples:
    """The samples after a second of line noise at -62 dBFS and followed by one, in mu-law."""
    padded = np.pad(samples, RATE_HZ)
    noise = np.random.default_rng(7).standard_normal(len(padded)) * 10 ** (-62 / 20)
    return g711.decode_ulaw(g711.encode_ulaw((padded + noise).astype(np.float32)))


def voice(seconds: float) -> Samples:
    """Syllables: a gliding harmonic source, 100 to 140 Hz, in bursts of 0.3 s and pauses of 0.2 s."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 1.3 * time)) / RATE_HZ
    source = sum(np.sin(harmonic * phase) / harmonic**0.7 for harmonic in range(1, 25))
    return np.where(time % 0.5 < 0.3, 0.06 * source, 0).astype(np.float32)


def kinds(samples: Samples) -> list[str]:
    """The kind of each frame."""
    return [frame.kind for frame in Vad(SpeechOptions()).feed(samples)]


@pytest.mark.parametrize("row", [697, 770, 852, 941])
@pytest.mark.parametrize("column", [1209, 1336, 1477, 1633])
@pytest.mark.parametrize("off", [0.985, 1.0, 1.015])
def test_every_key_is_a_tone(row: float, column: float, off: float) -> None:
    """All sixteen key tones, 1.5 % off as ITU-T Q.24 allows, are tones from their first whole frame on."""
    key = tone(row * off, column * off, seconds=0.1)
    heard = kinds(on_the_line(np.concatenate((key, np.zeros(800, np.float32), key))))
    assert ["tone"] * 5 == heard[50:55]
    assert "speech" not in heard[50:]


@pytest.mark.parametrize("frequencies_hz", [(440, 480), (480, 620), (350, 440), (400, 450), (425,), (950,), (1004,)])
@pytest.mark.parametrize("offset", [0, 31, 77, 140])
def test_call_progress_tones_are_known_in_time(frequencies_hz: tuple[float, ...], offset: int) -> None:
    """Ring-back, busy, dial and test tones never give the five speech frames in a row that an onset needs."""
    burst = np.concatenate((np.zeros(offset, np.float32), tone(*frequencies_hz, seconds=1)))
    heard = "".join(kind[0:2] for kind in kinds(on_the_line(burst)))
    assert "to" * 40 in heard
    assert "sp" * 5 not in heard


def test_a_voice_is_speech() -> None:
    """Gliding harmonics in syllables are speech, never tone."""
    heard = kinds(on_the_line(voice(4)))
    assert "tone" not in heard
    assert heard.count("speech") > 100


def test_a_constant_line_is_silent_even_in_webrtcvads_hangover() -> None:
    """One codeword repeated is no speech, right after speech and at full scale."""
    for level in (0.0, 0.2, 1.0):
        idle = np.full(10 * FRAME, level, np.float32)
        heard = kinds(np.concatenate((voice(0.24), idle)))
        assert "speech" in heard[:12]
        assert ["silence"] * 10 == heard[12:]


def test_line_noise_after_keys_is_not_speech() -> None:
    """Tones do not change what webrtcvad takes for noise, nor does its hangover after them count."""
    digits = [tone(697, 1336, seconds=0.09), np.zeros(720, np.float32)] * 18
    heard = kinds(on_the_line(np.concatenate([voice(4), np.zeros(RATE_HZ, np.float32), *digits])))
    assert "speech" not in heard[round(5.5 / 0.02) :]


def test_frames_say_where_they_are() -> None:
    """Frames lie end to end; a skip drops the unfinished one and moves the next."""
    vad = Vad(SpeechOptions())
    before = vad.feed(np.zeros(400, np.float32))
    vad.skip(1000)
    after = vad.feed(np.zeros(200, np.float32))
    assert [0, 160, 1400] == [frame.start_sample for frame in before + after]
    assert 1600 == vad.at_sample


@given(cuts=st.lists(st.integers(0, 700), max_size=40))
def test_chunking_does_not_matter(cuts: list[int]) -> None:
    """Frames are the same however the samples are cut."""
    samples = on_the_line(np.concatenate((voice(0.5), tone(770, 1477, seconds=0.1))))
    vad = Vad(SpeechOptions())
    frames = [frame for part in np.split(samples, np.cumsum(cuts)) for frame in vad.feed(part)]
    assert list(map(_plain, Vad(SpeechOptions()).feed(samples))) == list(map(_plain, frames))


def test_impossible_samples_are_clipped_and_nan_is_zero() -> None:
    """Infinite, huge and missing numbers become samples in [-1, 1]; nothing warns or raises."""
    samples = np.zeros(2 * FRAME, np.float32)
    samples[:5] = np.inf, -np.inf, 1e30, np.nan, 0.5
    first, second = Vad(SpeechOptions()).feed(samples)
    assert [1, -1, 1, 0, 0.5] == first.samples[:5].tolist()
    assert not first.samples[5:].any()
    assert "silence" == second.kind


def test_the_callers_buffer_may_be_used_again() -> None:
    """Frames and what waits for the next feed are copies."""
    buffer = np.full(200, 0.25, np.float32)
    vad = Vad(SpeechOptions())
    frames = vad.feed(buffer)
    buffer[:] = 0.5
    frames += vad.feed(buffer[:120])
    assert [0.25] * 200 + [0.5] * 120 == np.concatenate([frame.samples for frame in frames]).tolist()


@pytest.mark.parametrize("wrong", [{"vad_mode": 4}, {"onset_s": -0.1}, {"hangover_s": float("nan")}])
def test_wrong_options_are_the_operators_fault(wrong: dict[str, float]) -> None:
    """Values out of range refuse to start."""
    with pytest.raises(ConfigurationError):
        SpeechOptions(**wrong)  # type: ignore[arg-type]


def _plain(frame: Frame) -> tuple[bytes, int, str]:
    return frame.samples.tobytes(), frame.start_sample, frame.kind
