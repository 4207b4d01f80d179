"""What a telephone line leaves of speech."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.detection.probes import probe
from voiceguard.analysis.callsets.channels import ChannelName, apply
from voiceguard.codecs import g711

CHANNELS = get_args(ChannelName)
SPEECH = probe(1, 2.0)


@pytest.mark.parametrize("channel", CHANNELS)
@settings(max_examples=10, deadline=None)
@given(length=st.integers(0, 2000), seed=st.integers(0, 99))
def test_every_sample_stays_in_its_place_and_range(channel: ChannelName, length: int, seed: int) -> None:
    """As many samples out as in, finite, within [-1, 1], float32, at any length and level."""
    loud = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)

    heard = apply(loud, channel)

    assert heard.shape == loud.shape
    assert heard.dtype == np.float32
    assert (np.abs(heard) <= 1).all()


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_same_speech_gives_the_same_samples(channel: ChannelName) -> None:
    """Nothing random."""
    assert (apply(SPEECH, channel) == apply(SPEECH, channel)).all()


@pytest.mark.parametrize(("channel", "least"), [("pcmu", 0.999), ("pcma", 0.999), ("gsm", 0.9), ("opus", 0.8)])
def test_speech_is_not_delayed(channel: ChannelName, least: float) -> None:
    """Of all shifts by up to 20 ms, none fits better, and what comes out is still that speech."""
    heard = apply(SPEECH, channel)
    middle = slice(2000, -2000)
    fits = {shift: np.corrcoef(SPEECH[middle], np.roll(heard, -shift)[middle])[0, 1] for shift in range(-160, 161)}

    best: int = max(fits, key=fits.__getitem__)
    assert abs(best) <= 1
    assert fits[0] > least


@pytest.mark.parametrize(("channel", "law"), [
    ("pcmu", (g711.encode_ulaw, g711.decode_ulaw)), ("pcma", (g711.encode_alaw, g711.decode_alaw)),
])
def test_g711_is_the_codec_of_the_wire(channel: ChannelName, law: tuple[Any, ...]) -> None:
    """A file scored through `pcmu` is what the same file on a mu-law stream would be."""
    encode, decode = law

    assert (apply(SPEECH, channel) == decode(encode(SPEECH))).all()


def test_none_leaves_speech_alone() -> None:
    """For recordings that have been through a line already."""
    assert (apply(SPEECH, "none") == SPEECH).all()


def test_codecs_cost_something() -> None:
    """GSM loses more than mu-law does."""
    lost = {channel: float(np.mean((apply(SPEECH, channel) - SPEECH) ** 2)) for channel in ("pcmu", "gsm")}

    assert 0 < lost["pcmu"] < lost["gsm"]


def test_an_unknown_channel_is_an_error() -> None:
    """Never silently the wide-band original."""
    with pytest.raises(KeyError):
        apply(SPEECH, "amr")  # type: ignore[arg-type]
