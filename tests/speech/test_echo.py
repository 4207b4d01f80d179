"""The agent's voice that comes back on the caller's leg is not the caller's speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceguard.codecs import g711
from voiceguard.events import Samples
from voiceguard.speech import SpeechOptions, SpeechTrack

SAMPLES = Path(__file__).parents[2] / "samples"
CHUNK = 800


def legs(call: str) -> tuple[Samples, Samples]:
    """25 s of a sample call: the caller and the agent."""
    both = soundfile.read(SAMPLES / f"{call}.wav", dtype="float32")[0][: 25 * 8000]
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def on_the_line(samples: Samples) -> Samples:
    """In mu-law."""
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(samples, -1, 1).astype(np.float32)))


def net_s(caller: Samples, agent: Samples | None, agent_first: bool = True) -> float:
    """Net speech of the caller's leg, with or without the agent's beside it, in chunks of 100 ms."""
    track = SpeechTrack(SpeechOptions(), ())
    for at in range(0, len(caller), CHUNK):
        if agent is not None and agent_first:
            track.hear_agent(agent[at : at + CHUNK])
        track.feed(caller[at : at + CHUNK])
        if agent is not None and not agent_first:
            track.hear_agent(agent[at : at + CHUNK])
    track.finish()
    return track.net_s


def leaked(agent: Samples, down_db: float, delay: int) -> Samples:
    """The agent's voice through a short echo path, `delay` samples late."""
    path = np.exp(-np.arange(60) / 15) * np.random.default_rng(1).standard_normal(60)
    late = np.pad(agent, (delay, 0))[: len(agent)]
    echo = np.convolve(late, path / np.sqrt((path**2).sum()))[: len(agent)]
    return (10 ** (-down_db / 20) * echo).astype(np.float32)


CASES = [
    (call, down_db, delay)
    for call in ("05-synthetic-piper", "04-synthetic-kokoro", "02-recovery")
    for down_db, delay in ((30, 0), (24, 160), (18, 2400), (12, 1600))
]


@pytest.mark.parametrize(("call", "down_db", "delay"), CASES)
def test_an_echo_adds_no_net_speech_and_takes_none(call: str, down_db: float, delay: int) -> None:
    """12 to 30 dB down and up to 300 ms late, the caller's net speech stays within 8 %; without the agent's channel
    it grows."""
    caller, agent = legs(call)
    heard = on_the_line(caller + leaked(agent, down_db, delay))
    alone = net_s(on_the_line(caller), None)
    assert net_s(heard, None) > 1.05 * alone
    assert 0.98 * alone <= net_s(heard, on_the_line(agent)) <= 1.08 * alone


def test_the_agent_beside_a_clean_caller_costs_no_speech() -> None:
    """Where nothing leaks, both ways to order the channels give all but 3 % of the caller's speech: quiet ends of words
    that one way counts fall below the level that the other has learned."""
    caller, agent = legs("05-synthetic-piper")
    alone = net_s(caller, None)
    for agent_first in (True, False):
        assert net_s(caller, agent, agent_first=agent_first) == pytest.approx(alone, rel=0.03)


def test_both_at_once_is_the_callers_speech() -> None:
    """A caller who talks over an echoing agent is heard."""
    caller, _ = legs("02-recovery")
    agent = np.roll(legs("05-synthetic-piper")[0], 4000)
    alone = net_s(on_the_line(caller), None)
    assert net_s(on_the_line(caller + leaked(agent, 18, 800)), on_the_line(agent)) >= 0.95 * alone


def test_unusable_agent_samples_do_no_harm() -> None:
    """Infinite samples and NaN of the agent's neither raise nor take speech."""
    caller, _ = legs("02-recovery")
    wrong = np.full(len(caller), np.nan, np.float32)
    wrong[::3] = np.inf
    assert net_s(caller, wrong) >= 0.98 * net_s(caller, None)
