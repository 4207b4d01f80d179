"""Audio in another encoding than was announced is an error, and never noise to score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceguard.codecs import StreamDecoder, g711
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples

SAMPLES = Path(__file__).parents[2] / "samples"
CALLS = ("01-balance", "02-recovery", "04-synthetic-kokoro", "05-synthetic-piper", "09-noisy")
ENCODE: dict[str, Callable[[Samples], bytes]] = {
    "mu-law": g711.encode_ulaw,
    "A-law": g711.encode_alaw,
    "linear": lambda samples: (samples * 32767).astype("<i2").tobytes(),
    "turned": lambda samples: (samples * 32767).astype(">i2").tobytes(),
}


def caller(call: str) -> Samples:
    """20 s of a sample call's caller."""
    return np.ascontiguousarray(soundfile.read(SAMPLES / f"{call}.wav", dtype="float32")[0][: 20 * 8000, 0])


def decoded_s(samples: Samples, really: str, announced: Encoding) -> float:
    """Seconds that a channel takes in frames of 20 ms before it is refused; all where it is not."""
    payload, decoder, count = ENCODE[really](samples), StreamDecoder(announced, 8000), 0
    frame = 320 if announced == "l16" else 160
    try:
        for at in range(0, len(payload), frame):
            count += len(decoder.feed(payload[at : at + frame]))
    except PeerError as error:
        assert "bad_audio" == error.code
        return count / 8000
    return float("inf")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("really", "announced"), [
    ("mu-law", "l16"), ("A-law", "l16"), ("turned", "l16"), ("linear", "pcmu"), ("turned", "pcmu"), ("linear", "pcma"),
])
def test_wrong_encoding_is_an_error_before_enough_is_heard(call: str, really: str, announced: Encoding) -> None:
    """Two bytes a sample under a kind of one last twice as long; at most two seconds of all are the caller's speech."""
    assert decoded_s(caller(call)[2 * 8000 :], really, announced) < 12


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("really", "announced"), [("mu-law", "pcmu"), ("A-law", "pcma"), ("linear", "l16")])
def test_right_encoding_is_taken(call: str, really: str, announced: Encoding) -> None:
    """Whole calls, at the line's level, faint, and clipped."""
    for gain in (0.02, 1, 20):
        assert decoded_s(np.clip(gain * caller(call), -1, 1), really, announced) == float("inf")


@pytest.mark.parametrize("announced", ["l16", "pcmu", "pcma"])
def test_noise_and_silence_are_taken(announced: Encoding) -> None:
    """Bytes of no encoding, and one byte for ever, are what they are said to be."""
    for payload in (np.random.default_rng(1).bytes(160_000), b"\xff" * 160_000, bytes(160_000), b"\x7f" * 160_000):
        StreamDecoder(announced, 8000).feed(payload)
        decoder = StreamDecoder(announced, 8000)
        for at in range(0, len(payload), 320):
            decoder.feed(payload[at : at + 320])
