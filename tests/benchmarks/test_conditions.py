"""What the detection benchmark plays to a detector: voices joined to calls, and lines with noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection.conditions import Recording, add_noise, join_voices, through

RNG = np.random.default_rng(3)
SPEECH = (0.1 * RNG.standard_normal(16_000)).astype(np.float32)
NOISES = {"rain": [(0.02 * RNG.standard_normal(3_000)).astype(np.float32)], "hold_music": [np.ones(3_000, np.float32)]}


def clip(name: str, dur_s: float, *, speaker: str = "ann", system: str = "", source: str = "page") -> Recording:
    """A clip of which only the voice and the length matter."""
    label = "spoof" if system else "bonafide"
    return Recording((name,), label, "read", system, "", source, speaker, False, dur_s)


def test_clips_of_one_voice_join_in_order() -> None:
    """A call ends with the clip that fills it, and the next one begins after it."""
    clips = [clip(name, 6.0) for name in "abcdef"]

    assert [("a", "b", "c"), ("d", "e", "f")] == [call.paths for call in join_voices(clips)]
    assert [18.0, 18.0] == [call.dur_s for call in join_voices(clips)]


def test_voices_never_mix() -> None:
    """Another speaker, system or page is another voice, however the clips lie."""
    ways: list[dict[str, str]] = [{}, {"speaker": "bob"}, {"system": "tts"}, {"source": "other"}]
    clips = [clip(f"{index}{turn}", 8.0, **way) for turn in "ab" for index, way in enumerate(ways)]

    joined = {call.paths for call in join_voices(clips)}

    assert {(f"{index}a", f"{index}b") for index in range(len(ways))} == joined


def test_a_rest_is_a_call_when_it_is_long_enough() -> None:
    """Ten seconds make a call, less does not."""
    long, short = [clip("a", 5.0), clip("b", 5.0)], [clip("a", 5.0), clip("b", 4.9)]

    assert [("a", "b")] == [call.paths for call in join_voices(long)]
    assert [] == join_voices(short)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.floats(0.5, 5.0)), max_size=30))
def test_no_clip_is_in_two_calls(drawn: list[tuple[str, float]]) -> None:
    """Calls share nothing, last from 10 s to a clip more than 15 s, and hold one speaker each."""
    clips = [clip(str(index), dur, speaker=who) for index, (who, dur) in enumerate(drawn)]
    calls = join_voices(clips)
    used = [path for call in calls for path in call.paths]

    assert len(set(used)) == len(used)
    assert all(10.0 <= call.dur_s < 15.0 + 5.0 for call in calls)
    assert all({call.speaker} == {drawn[int(path)][0] for path in call.paths} for call in calls)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 20.0])
def test_noise_has_the_ratio_asked_for(snr_db: float) -> None:
    """Mean power of the speech over that of what was added."""
    added = add_noise(SPEECH * 0.3, NOISES["rain"][0], snr_db, np.random.default_rng(1)) - SPEECH * 0.3

    assert pytest.approx(snr_db, abs=0.01) == 10 * np.log10(np.mean((SPEECH * 0.3) ** 2) / np.mean(added**2))


def test_a_noisy_line_is_the_same_for_one_seed() -> None:
    """Noise hangs on the seed, and is never music."""
    first, again, other = (through(SPEECH, "noise", NOISES, seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert abs(float(first.mean())) < 0.01
