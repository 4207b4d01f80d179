"""How the detection benchmark hears clips and calls."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.probes import probe
from benchmarks.detection.scoring import (
    Heard,
    default_models,
    fuse,
    kept,
    load_detector,
    net_speech,
    on_demand,
    tempered,
    windows_of,
)
from voiceguard.risk import RiskOptions
from voiceguard.speech import WindowSpec

SPEC = WindowSpec("synthetic_voice", 4.0, 1.0, 2.0)
OPTIONS = RiskOptions(synthetic_memory_s=6.0, synthetic_worth=2.0, enough_speech_s=4.0, undecided=0.5)


def test_net_speech_leaves_silence_out() -> None:
    """Silence between two stretches of speech is gone, but for the detector's hangover of some frames."""
    speech = probe(1, 2.0)
    padded = np.concatenate([speech, np.zeros(16_000, np.float32), speech])

    assert len(net_speech(padded)) < 2 * len(speech) + 4_000


def test_a_clip_without_speech_is_heard_whole() -> None:
    """A score is better than none."""
    silence = np.zeros(8_000, np.float32)

    np.testing.assert_array_equal(silence, net_speech(silence))


def test_a_clip_is_one_window_of_its_first_speech() -> None:
    """As many seconds as asked for, and no more than there are."""
    clip = probe(1, 3.0)
    ((two_s, first),), ((all_s, everything),) = (
        windows_of(clip, extent, SPEC) for extent in ("after_2_s", "after_4_s")
    )

    assert (2.0, 16_000) == (two_s, len(first))
    assert 2.0 < all_s == len(everything) / 8000 <= 3.0
    np.testing.assert_array_equal(first, everything[:16_000])


def test_a_call_has_the_windows_of_a_live_one() -> None:
    """The first at 2 s of net speech, one a second from then on, 4 s long at most."""
    windows = windows_of(probe(1, 7.0), "call", SPEC)

    assert [2.0 + index for index in range(len(windows))] == [end for end, _ in windows]
    assert [2.0, 3.0, 4.0, 4.0] == [len(samples) / 8000 for _, samples in windows][:4]


def test_fusion_is_that_of_the_risk_room() -> None:
    """Two windows, by hand: each moves the contribution by the share of the memory that it covers."""
    first, second = 2.0 * (1 - math.exp(-2 / 6)), 2.0 * (1 - math.exp(-1 / 6))
    fused = fuse([Heard(2.0, 2.0, 1.5), Heard(3.0, 3.0, -0.5)], OPTIONS)

    assert pytest.approx(first * 1.5 * math.exp(-1 / 6) - second * 0.5) == fused.llr
    assert math.inf == fused.first_decision_s


def test_the_first_decision_needs_speech_and_evidence() -> None:
    """Evidence at 2 s waits for 4 s of net speech, and stays the first decision when later windows disagree."""
    ends = [2.0, 3.0, 4.0, 5.0, 9.0]
    fused = fuse([Heard(end, min(end, 4.0), llr) for end, llr in zip(ends, [2, 2, 2, -3, -3], strict=True)], OPTIONS)

    assert 4.0 == fused.first_decision_s
    assert 0.5 < fused.first_llr
    assert fused.llr < 0


def test_a_scored_recording_has_no_floor() -> None:
    """The mean of its windows, tempered by what they cover together: 2 s on, another second."""
    windows = [Heard(2.0, 2.0, -4.0), Heard(3.0, 3.0, -2.0)]

    assert pytest.approx(-3.0 * 2.0 * (1 - math.exp(-3 / 6))) == tempered(windows, OPTIONS)
    assert tempered(windows, OPTIONS) < fuse(windows, OPTIONS).llr == pytest.approx(-math.log(2))


@pytest.mark.parametrize("judge", [fuse, tempered])
def test_nothing_to_judge_is_an_error(judge: Callable[[list[Heard]], object]) -> None:
    """No windows are not weak evidence."""
    with pytest.raises(ValueError, match="no windows"):
        judge([])


def test_a_second_opinion_hears_the_last_speech_once() -> None:
    """The last window, and the one that ends where it begins."""
    windows = [Heard(float(end), min(end, 4.0), 0.0) for end in range(2, 12)]

    assert [7.0, 11.0] == [heard.end_net_s for heard in on_demand(windows)]
    assert [3.0] == [heard.end_net_s for heard in on_demand(windows[:2])]


def test_one_model_measured_anew_leaves_the_others_figures(tmp_path: Path) -> None:
    """The running model stands first, and what a file of other days held of other weights is gone."""
    stream, verify, *_ = (load_detector(folder).model.version for folder in default_models())
    (tmp_path / "old.json").write_text(json.dumps({"models": {verify: "old", stream: "old", "stream@other": "old"}}))

    assert list(kept(tmp_path / "old.json", {verify: "new"}).items()) == [(stream, "old"), (verify, "new")]
    assert kept(tmp_path / "none.json", {"tried@1": "new"}) == {"tried@1": "new"}
