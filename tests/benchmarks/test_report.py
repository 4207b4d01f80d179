"""Figures of the detection benchmark, on scores worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detection.conditions import Recording
from benchmarks.detection.report import (
    breakdown,
    false_alarm_at_miss,
    figures,
    first_decisions,
    gather,
    high_after,
    threshold_at_miss,
    wilson,
)
from benchmarks.detection.scoring import Fused
from benchmarks.detection.text import as_text
from voiceguard.risk import RiskOptions


def recording(label: str, kind: str, system: str = "", *, source: str = "page", seen: bool = False) -> Recording:
    """A recording of which only the columns matter."""
    family = {"new-tts": "flow", "old-tts": "flow", "copier": "vocoder"}.get(system, "")
    return Recording(("clip",), label, kind, system, family, source, "", seen, 4.0)


GENUINE = [recording("bonafide", "read"), recording("bonafide", "phone", source="hyke-india-ivr")] * 5
NEW = [recording("spoof", "tts", "new-tts"), recording("spoof", "tts", "new-tts", source="other")] * 5
OLD = [recording("spoof", "vc", "old-tts", seen=True)] * 2
COPIES = [recording("spoof", "vocoder", "copier")] * 2
CODECS = [recording("resynth", "codec", "codec")] * 2
RECORDINGS = [*GENUINE, *NEW, *OLD, *COPIES, *CODECS]
LLRS = [-2.0, 0.5] * 5 + [1.0, 1.0] * 4 + [1.0, -1.0] + [2.0, 2.0] + [-3.0, -3.0] + [1.5, -4.0]
SCORES = gather(RECORDINGS, LLRS)
REPORT = figures(SCORES, high_llr=0.9)


def test_slices_hold_the_spoofs_that_their_names_say() -> None:
    """Attacks of unseen systems lead; copies stand apart; genuine recordings are all of them everywhere."""
    counts = {name: (part["spoofs"], part["genuine"]) for name, part in REPORT["slices"].items()}

    assert {"attacks_unseen": (10, 10), "attacks_seen": (2, 10), "attacks": (12, 10), "vocoder_copies": (2, 10),
            "all_spoofs": (14, 10), "unseen_tts": (10, 10)} == counts


def test_figures_by_hand() -> None:
    """At a cut of 1.0 nothing genuine is flagged and one attack of ten is missed."""
    unseen = REPORT["slices"]["attacks_unseen"]

    assert 1.0 == REPORT["threshold_catching_90_percent_llr"]
    assert 0.1 == unseen["min_dcf"]
    assert 0.0 == REPORT["slices"]["attacks_seen"]["eer"]["value"]
    assert 1.0 == REPORT["slices"]["vocoder_copies"]["eer"]["value"]
    caught = 9 * math.log2(1 + math.exp(-1)) + math.log2(1 + math.exp(1))
    genuine = 5 * math.log2(1 + math.exp(-2)) + 5 * math.log2(1 + math.exp(0.5))
    assert pytest.approx((caught + genuine) / 20) == unseen["cllr"]["value"]


def test_the_headline_alone_has_intervals() -> None:
    """They hold the value; other slices have none in every condition."""
    unseen = REPORT["slices"]["attacks_unseen"]["eer"]

    assert unseen["low"] <= unseen["value"] <= unseen["high"]
    assert {"value"} == REPORT["slices"]["attacks"]["eer"].keys()


def test_flags_on_telephone_and_codec_speech() -> None:
    """Shares at the cut that catches 90 % of unseen attacks, and at what the service calls high."""
    assert 0.0 == REPORT["genuine_telephone_flagged"]["value"]
    assert {"recordings": 2, "share": 0.5} == REPORT["resynth_flagged"]
    assert 0.9 == REPORT["service"]["unseen_attacks_high"]["value"]
    assert 0.0 == REPORT["service"]["genuine_high"]["value"]


def test_breakdown_counts_false_alarms_by_callers() -> None:
    """Groups of 20 clips have a row each, smaller ones share one, and clips without the column are unknown."""
    genuine = recording("bonafide", "read")
    heard = [replace(genuine, language="en", gender="f")] * 30 + [replace(genuine, language="pl")] * 3 + [genuine] * 2
    spoof = [recording("spoof", "tts", "new-tts")]
    parts = breakdown(gather([*heard, *spoof], [1.0] * 3 + [0.5] * 3 + [-1.0] * 29 + [2.0]), 0.9)["false_alarms"]

    assert {"en": 30, "others": 3, "unknown": 2} == {name: row["recordings"] for name, row in parts["language"].items()}
    assert (0.1, 0.2) == (parts["language"]["en"]["high"]["value"], parts["gender"]["f"]["above_zero"]["value"])
    assert 1 == parts["kind"]["read"]["sources"]


def test_wilson_interval_holds_the_share_and_never_leaves_zero_to_one() -> None:
    """Five of ten: 0.237 to 0.763, as in Wilson's tables; none and all have intervals too."""
    half = wilson(5, 10)

    assert (0.5, 0.237, 0.763) == (half["value"], round(half["low"], 3), round(half["high"], 3))
    assert 0.0 == wilson(0, 10)["low"] < wilson(0, 10)["high"]
    assert wilson(10, 10)["low"] < wilson(10, 10)["high"] <= 1.0


def test_breakdown_counts_misses_per_system_and_family() -> None:
    """Misses are counted at the two cuts; a source's spoofs meet its own genuine speech."""
    parts = breakdown(SCORES, 0.9)

    assert 0.1 == parts["by_system"]["new-tts"]["missed_where_90_percent_are_caught"]
    assert 1.0 == parts["by_system"]["copier"]["missed_at_5_percent_false_alarms"]
    assert 12 == parts["by_family"]["flow"]["spoofs"]
    assert ["page"] == list(parts["by_source"])
    assert 5 == parts["by_source"]["page"]["genuine"]
    assert {"page": False, "hyke-india-ivr": True} == {
        name: part["telephone"] for name, part in parts["genuine_flagged_by_source"].items()
    }


def test_first_decisions_count_undecided_calls() -> None:
    """A call that never decides counts as one that takes for ever; a wrong decision is a decision."""
    calls = [Fused(0, 4.0, -1.0), Fused(0, 6.0, 1.0)] * 5 + [Fused(0, 5.0, 1.0)] * 4 + [Fused(0, math.inf, 0.0)] * 6
    parts = first_decisions([*GENUINE, *NEW], calls)

    assert {"calls": 10, "median_s": 5.0, "undecided": 0.0, "right_of_decided": 0.5} == parts["genuine"]
    assert {"calls": 10, "median_s": None, "undecided": 0.6, "right_of_decided": 1.0} == parts["attacks_unseen"]
    assert 6.0 == parts["all"]["median_s"]


def test_high_is_what_the_shipped_options_call_high() -> None:
    """A fused call needs the way from the prior to the threshold; one window more, since it is tempered."""
    options = RiskOptions()
    odds = [share / (1 - share) for share in (options.high, options.prior)]

    assert pytest.approx(math.log(odds[0] / odds[1])) == high_after()
    assert high_after() == pytest.approx(
        high_after(4.0) * options.synthetic_worth * (1 - math.exp(-4.0 / options.synthetic_memory_s))
    )


def test_two_detectors_stand_in_one_table() -> None:
    """Each condition has a line for each of them, and each system both their figures."""
    headline = REPORT | breakdown(SCORES, 0.9)
    cost = {"front_end_ms": 1.0, "model_ms": 2.0, "in_batch_of_4_ms": 2.5, "macs": 10**9, "macs_to_aasist": 0.1,
            "file_mb": 3.0}
    model = {"cost": cost, "lines": {"pcmu": {"after_4_s": headline}}}
    weaker = figures(gather(RECORDINGS, list(-np.array(LLRS))), 0.9) | breakdown(
        gather(RECORDINGS, (-np.array(LLRS)).tolist()), 0.9
    )
    other = {"cost": cost, "lines": {"pcmu": {"after_4_s": weaker}}}
    lines = as_text({"models": {"one@1": model, "two@2": other}}).splitlines()

    assert ["one@1", "two@2"] == [line.split()[3] for line in lines if line.startswith("pcmu  4 s")]
    (system,) = (line for line in lines if line.startswith("new-tts"))
    assert 2 * 6 == len(system.split()) - len(["new-tts", "(unseen)", "10"])


def test_false_alarm_at_miss_counts_the_limit_itself() -> None:
    """One spoof of ten may be missed at 0.10, so the cut lies at the second lowest."""
    spoof = list(range(10, 20))

    assert threshold_at_miss(spoof, 0.10) == 11.0
    assert false_alarm_at_miss(spoof, [1.0, 10.0, 11.0, 30.0], 0.10) == pytest.approx(0.5)
