"""Net speech to windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import ConfigurationError
from voiceguard.events import Window
from voiceguard.speech import Frame, Windower, WindowSpec


def frames(count: int) -> list[Frame]:
    """Frames of their own index, one frame of media lost after each."""
    return [Frame(np.full(160, index, np.float32), 320 * index, "speech") for index in range(count)]


def windows(count: int, *specs: WindowSpec) -> list[Window]:
    """All windows of that many frames of net speech."""
    windower = Windower(specs)
    return [window for frame in frames(count) for window in windower.feed(frame)]


def test_windows_grow_to_their_length_and_then_slide() -> None:
    """The first at min_s, then every hop_s; they end with the newest frame and hold at most window_s."""
    made = windows(250, WindowSpec("synthetic_voice", window_s=3.0, hop_s=1.0, min_s=1.5))
    assert [1.5, 2.5, 3.5, 4.5] == [window.end_net_s for window in made]
    assert [12000, 20000, 24000, 24000] == [len(window.samples) for window in made]
    assert [(0, 74), (0, 124), (25, 174), (75, 224)] == [(window.samples[0], window.samples[-1]) for window in made]
    assert [2.98, 4.98, 6.98, 8.98] == [window.end_s for window in made]


def test_tasks_have_windows_of_their_own() -> None:
    """Each spec keeps its own time over one ring; due together, they come in the order of the specs."""
    made = windows(200, WindowSpec("synthetic_voice", 4.0, 2.0, 2.0), WindowSpec("speaker_embedding", 1.0, 1.0, 1.0))
    assert [
        ("speaker_embedding", 1.0, 8000),
        ("synthetic_voice", 2.0, 16000),
        ("speaker_embedding", 2.0, 8000),
        ("speaker_embedding", 3.0, 8000),
        ("synthetic_voice", 4.0, 32000),
        ("speaker_embedding", 4.0, 8000),
    ] == [(window.task, window.end_net_s, len(window.samples)) for window in made]


@given(st.integers(1, 150), st.integers(1, 100), st.integers(1, 100), st.integers(0, 150))
def test_windows_come_on_time(window: int, hop: int, least: int, count: int) -> None:
    """For any spec in whole frames: how many windows, where they end and how long they are."""
    spec = WindowSpec("synthetic_voice", (window + least) / 50, hop / 50, least / 50)
    ends = range(least, count + 1, hop)
    made = windows(count, spec)
    assert [end / 50 for end in ends] == [window.end_net_s for window in made]
    assert [160 * min(end, window + least) for end in ends] == [len(made.samples) for made in made]


def test_parts_of_a_frame_wait_for_its_end() -> None:
    """Times that are not whole frames are rounded up to the frame, and lengths are kept exactly."""
    made = windows(10, WindowSpec("synthetic_voice", window_s=0.05, hop_s=0.05, min_s=0.03))
    assert [(0.04, 320), (0.08, 400), (0.14, 400), (0.18, 400)] == [
        (window.end_net_s, len(window.samples)) for window in made
    ]


def test_no_specs_no_windows() -> None:
    """Without a model net speech is still counted."""
    windower = Windower(())
    assert [] == [window for frame in frames(3) for window in windower.feed(frame)]
    assert 480 == windower.net_samples


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 2.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (float("nan"), 1.0, 1.0)])
def test_impossible_windows_are_refused(sizes: tuple[float, float, float]) -> None:
    """A first window longer than windows are, or times shorter than a frame, are configuration errors."""
    with pytest.raises(ConfigurationError):
        WindowSpec("synthetic_voice", *sizes)


ON_DEMAND = WindowSpec("synthetic_voice_verify", window_s=4.0, hop_s=None, min_s=2.0)


@given(st.integers(0, 700), st.integers(0, 700))
def test_demanded_windows_follow_one_another_to_the_end(first: int, then: int) -> None:
    """Whatever was said: no window unasked, at most 8 s, no gap, no overlap with an earlier demand, none under 2 s."""
    windower, given_until = Windower([ON_DEMAND]), 0
    for end in (first, first + then):
        for frame in frames(end)[windower.net_samples // 160 :]:
            assert [] == windower.feed(frame)
        made = windower.demand()
        heard = np.concatenate([window.samples for window in made]) if made else np.zeros(0, np.float32)
        assert (np.repeat(np.arange(end), 160)[end * 160 - len(heard) :] == heard).all()
        assert all(16000 <= len(window.samples) <= 32000 for window in made)
        assert all(len(window.samples) == 32000 for window in made[1:])
        assert given_until <= end * 160 - len(heard)
        assert (end * 160 - given_until >= 16000) == bool(made)
        assert [end / 50] == [window.end_net_s for window in made[-1:]] or not made
        given_until = end * 160 if made else given_until


def test_nothing_is_on_demand_for_tasks_that_have_a_hop() -> None:
    """They get their windows as the call goes on."""
    windower = Windower([WindowSpec("synthetic_voice", 4.0, 1.0, 2.0)])
    for frame in frames(300):
        windower.feed(frame)

    assert [] == windower.demand()
