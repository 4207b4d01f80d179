"""Figures of one detector under one condition, with intervals, from scored recordings alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.detection.conditions import Recording
from benchmarks.detection.scoring import Fused
from voiceguard.measures import metrics, outcomes
from voiceguard.risk import RiskOptions

ATTACKS = ("tts", "clone", "vc")
TELEPHONE_SOURCES = (
    "hyke-india-ivr", "cslu-numbers-sample", "callytics-csvd", "nu-dialogue/moshi-finetune", "dennisguse/ITU-T_pesq",
    "googleapis/nodejs-speech",
)  # fmt: skip
FALSE_ALARMS = 0.05
"""Share of genuine recordings flagged at the second threshold that misses are counted at."""
LEAST_GROUP = 20
"""Genuine clips of a language, gender or kind that has a row of its own."""
_SEED = 20261123
_Llrs = NDArray[np.float64]
_Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """LLRs (n,) of recordings, nats, with the columns that figures are cut by."""

    llr: _Llrs
    source: NDArray[np.str_]
    system: NDArray[np.str_]
    family: NDArray[np.str_]
    kind: NDArray[np.str_]
    language: NDArray[np.str_]
    gender: NDArray[np.str_]
    seen: _Rows
    genuine: _Rows
    spoof: _Rows
    resynth: _Rows

    @property
    def attack(self) -> _Rows:
        """Text-to-speech, cloning and conversion; vocoder copies of genuine speech stand apart."""
        return self.spoof & np.isin(self.kind, ATTACKS)

    @property
    def headline(self) -> _Rows:
        """Attacks of systems that the training set lacks."""
        return self.attack & ~self.seen

    @property
    def telephone(self) -> _Rows:
        """Genuine speech from real telephone lines."""
        rows: _Rows = self.genuine & (self.kind == "phone") & np.isin(self.source, TELEPHONE_SOURCES)
        return rows


def is_telephone(recording: Recording) -> bool:
    """Whether a recording is genuine speech from a real telephone line."""
    return recording.label == "bonafide" and recording.kind == "phone" and recording.source in TELEPHONE_SOURCES


def gather(recordings: Sequence[Recording], llr: Sequence[float]) -> Scores:
    """Columns of recordings and their LLRs."""
    label = np.array([recording.label for recording in recordings])
    return Scores(
        np.asarray(llr, dtype=np.float64),
        source=np.array([recording.source for recording in recordings]),
        system=np.array([recording.system for recording in recordings]),
        family=np.array([recording.family for recording in recordings]),
        kind=np.array([recording.kind for recording in recordings]),
        language=np.array([recording.language for recording in recordings]),
        gender=np.array([recording.gender for recording in recordings]),
        seen=np.array([recording.seen for recording in recordings]),
        genuine=label == "bonafide",
        spoof=label == "spoof",
        resynth=label == "resynth",
    )


def slices(scores: Scores) -> dict[str, _Rows]:
    """The kinds of spoof that figures are given for; genuine speech is all of it in every one."""
    return {
        "attacks_unseen": scores.headline,
        "attacks_seen": scores.attack & scores.seen,
        "attacks": scores.attack,
        "vocoder_copies": scores.spoof & ~scores.attack,
        "all_spoofs": scores.spoof,
        **{f"unseen_{kind}": scores.headline & (scores.kind == kind) for kind in ATTACKS},
    }


def false_alarm_at_miss(spoof: ArrayLike, bonafide: ArrayLike, miss: float = 0.10) -> float:
    """Share of genuine scores flagged at the highest threshold that misses at most ``miss`` of the spoofs."""
    misses, false_alarms, _ = metrics.det_curve(spoof, bonafide)
    # Rounding keeps 1 of 10 within a limit of 0.1.
    return float(false_alarms[np.flatnonzero(misses <= miss + 1e-12)[-1]])


def threshold_at_miss(spoof: ArrayLike, miss: float = 0.10) -> float:
    """Highest score at which a cut misses at most ``miss`` of the spoofs."""
    ordered = np.sort(np.asarray(spoof, np.float64))
    return float(ordered[int(np.floor(miss * len(ordered) + 1e-9))])


def figures(scores: Scores, high_llr: float | None) -> dict[str, Any]:
    """Figures of one condition; intervals for the headline alone. ``resynth`` counts for neither class.

    `high_llr`: evidence that the shipped options call a high risk in this condition; None where they stay silent.
    """
    threshold = threshold_at_miss(scores.llr[scores.headline])
    report = {
        "recordings": {name: int(getattr(scores, name).sum()) for name in ("genuine", "telephone", "spoof", "resynth")},
        "slices": {
            name: _slice(scores, rows, intervals=name == "attacks_unseen")
            for name, rows in slices(scores).items() if rows.any()
        },
        "threshold_catching_90_percent_llr": threshold,
        "genuine_telephone_flagged": _measured(
            false_alarm_at_miss, scores, scores.headline, scores.telephone
        ),
        "resynth_flagged": _flagged(scores.llr[scores.resynth], threshold),
    }
    if high_llr is not None:
        report["service"] = {
            "threshold_llr": high_llr,
            "unseen_attacks_high": _reaching(scores, scores.headline, high_llr),
            "genuine_high": _reaching(scores, scores.genuine, high_llr),
            "genuine_telephone_high": _reaching(scores, scores.telephone, high_llr),
        }
    return report


def breakdown(scores: Scores, high_llr: float) -> dict[str, Any]:
    """Figures per source, family and system, and of kinds of callers, with intervals for every slice: too many to give
    in every condition.

    Within a source its own genuine speech stands against its own spoofs; families and systems stand against all of it.
    `high_llr`: evidence that the shipped options call a high risk.
    """
    llr, genuine, spoof = scores.llr, scores.genuine, scores.spoof
    threshold = threshold_at_miss(llr[scores.headline])
    strict = float(np.quantile(llr[genuine], 1 - FALSE_ALARMS, method="higher"))

    def against_all(rows: _Rows) -> dict[str, Any]:
        return {
            **_plain(llr[rows], llr[genuine]),
            "seen": bool(scores.seen[rows].any()),
            "missed_where_90_percent_are_caught": float((llr[rows] < threshold).mean()),
            "missed_at_5_percent_false_alarms": float((llr[rows] <= strict).mean()),
        }

    return {
        "slices": {name: _slice(scores, rows) for name, rows in slices(scores).items() if rows.any()},
        "by_source": {
            str(name): _plain(llr[spoof & (scores.source == name)], llr[genuine & (scores.source == name)])
            for name in np.intersect1d(scores.source[spoof], scores.source[genuine])
        },
        "by_family": {
            str(name): against_all(spoof & (scores.family == name)) for name in np.unique(scores.family[spoof])
        },
        "by_system": {
            str(name): against_all(spoof & (scores.system == name)) for name in np.unique(scores.system[spoof])
        },
        "genuine_flagged_by_source": {
            str(name): {
                "telephone": str(name) in TELEPHONE_SOURCES,
                **_flagged(llr[genuine & (scores.source == name)], threshold),
                "at_5_percent_overall": float((llr[genuine & (scores.source == name)] > strict).mean()),
            }
            for name in np.unique(scores.source[genuine])
        },
        "false_alarms": {
            column: _false_alarms(scores, getattr(scores, column), high_llr)
            for column in ("language", "gender", "kind")
        },
    }


def _false_alarms(scores: Scores, column: NDArray[np.str_], high_llr: float) -> dict[str, Any]:
    """Share of genuine clips at a high risk, and with an LLR above zero, by the values of a column; small groups are
    one. Intervals: Wilson's, which take clips for independent and are too narrow where a group is of few sources."""
    names, count = np.unique(column[scores.genuine], return_counts=True)
    large = [str(name) for name in names[count >= LEAST_GROUP] if name]
    groups = {name: scores.genuine & (column == name) for name in large}
    groups["others"] = scores.genuine & ~np.isin(column, [*large, ""])
    groups["unknown"] = scores.genuine & (column == "")
    return {
        name: {
            "recordings": int(rows.sum()),
            "sources": len(np.unique(scores.source[rows])),
            "high": wilson(int((scores.llr[rows] >= high_llr).sum()), int(rows.sum())),
            "above_zero": wilson(int((scores.llr[rows] > 0).sum()), int(rows.sum())),
        }
        for name, rows in groups.items() if rows.any()
    }


def wilson(hits: int, trials: int) -> dict[str, float]:
    """A share with its 95 % interval (Wilson 1927). `trials` is at least 1."""
    low, high = outcomes.wilson(hits, trials)
    return {"value": hits / trials, "low": low, "high": high}


def first_decisions(recordings: Sequence[Recording], calls: Sequence[Fused]) -> dict[str, Any]:
    """Net speech until the risk is conclusive, whichever way; a median is null where most calls stay undecided."""
    scores = gather(recordings, [call.first_llr for call in calls])
    seconds = np.array([call.first_decision_s for call in calls])

    def part(rows: _Rows, right: _Rows) -> dict[str, Any]:
        median = float(np.median(seconds[rows]))
        return {
            "calls": int(rows.sum()),
            "median_s": median if math.isfinite(median) else None,
            "undecided": float(np.isinf(seconds[rows]).mean()),
            "right_of_decided": float(right[rows & np.isfinite(seconds)].mean()),
        }

    synthetic = scores.llr > 0
    both = scores.headline | scores.genuine
    return {
        "all": part(both, synthetic == scores.spoof),
        "attacks_unseen": part(scores.headline, synthetic),
        "genuine": part(scores.genuine, ~synthetic),
    }


def high_after(net_speech_s: float | None = None) -> float:
    """LLR that makes the risk high by the shipped options, were the voice the only evidence.

    Of one window of so many seconds, or, without, of a fused call.
    """
    options = RiskOptions()
    needed = _logit(options.high) - _logit(options.prior)
    if net_speech_s is None:
        return needed
    return needed / (options.synthetic_worth * (1.0 - math.exp(-net_speech_s / options.synthetic_memory_s)))


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _plain(spoof: _Llrs, bonafide: _Llrs) -> dict[str, Any]:
    return {
        "spoofs": len(spoof),
        "genuine": len(bonafide),
        "eer": metrics.eer(spoof, bonafide),
        "cllr": metrics.cllr(spoof, bonafide),
        "min_dcf": metrics.min_dcf(spoof, bonafide),
        "act_dcf": metrics.act_dcf(spoof, bonafide),
    }


def _slice(scores: Scores, rows: _Rows, *, intervals: bool = True) -> dict[str, Any]:
    spoof, bonafide = scores.llr[rows], scores.llr[scores.genuine]
    return {
        **_plain(spoof, bonafide),
        "eer": _measured(metrics.eer, scores, rows, scores.genuine, intervals=intervals),
        "cllr": _measured(metrics.cllr, scores, rows, scores.genuine, intervals=intervals),
        "cllr_min": metrics.cllr_min(spoof, bonafide),
    }


def _measured(
    figure: Callable[[_Llrs, _Llrs], float], scores: Scores, spoof: _Rows, genuine: _Rows, *, intervals: bool = True
) -> dict[str, float]:
    """A figure, with its 95 % interval over sources."""
    rows = np.flatnonzero(spoof | genuine)

    def of(drawn: NDArray[np.intp]) -> float:
        chosen = rows[drawn]
        return figure(scores.llr[chosen[spoof[chosen]]], scores.llr[chosen[genuine[chosen]]])

    measured = {"value": of(np.arange(len(rows)))}
    if intervals:
        measured["low"], measured["high"] = metrics.bootstrap_interval(of, scores.source[rows], seed=_SEED)
    return measured


def _reaching(scores: Scores, rows: _Rows, threshold: float) -> dict[str, float]:
    return _measured(lambda chosen, _: float((chosen >= threshold).mean()), scores, rows, np.zeros_like(rows))


def _flagged(values: _Llrs, threshold: float) -> dict[str, Any]:
    return {"recordings": len(values), "share": float((values >= threshold).mean()) if len(values) else None}
