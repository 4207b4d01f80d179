"""How well the scores of a replay tell fraud from genuine callers: pure figures over rows, one row a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voiceguard.analysis.callsets.callset import LabelledCall
from voiceguard.analysis.results import CallResult, Run
from voiceguard.measures import metrics

LEAST_SOURCES = 5
"""Under so many sources, an interval drawn from them means nothing."""
LEAST_CALLS = 5
"""Under so many calls of either class, a slice has no figures."""
SEED = 20261129
SLICES = ("attack", "codec", "source")
_DET_POINTS = 100

Figure = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
FIGURES: Mapping[str, Figure] = {
    "eer": metrics.eer, "min_dcf": metrics.min_dcf, "act_dcf": metrics.act_dcf, "cllr": metrics.cllr,
    "cllr_min": metrics.cllr_min,
}


@dataclass(frozen=True)
class Row:
    """One call under one policy."""

    call: LabelledCall
    result: CallResult
    run: Run

    @property
    def source(self) -> str:
        """What intervals draw; a call that names none is one of its own."""
        return self.call.tags.get("source", self.call.call_id)

    @property
    def fraud(self) -> bool:
        """Whether the caller, or part of the call, is not genuine."""
        return self.call.label != "genuine"

    @property
    def synthetic(self) -> bool:
        """Whether a synthetic voice is heard; a person who takes over has the attack `human`, or one that is `unknown`.
        """
        if self.call.label == "takeover":
            return self.call.tags.get("attack", "human") not in ("human", "unknown")
        return self.fraud

    @property
    def heard(self) -> bool:
        """Whether there ever was enough speech to judge."""
        return self.run.first_number() is not None

    @property
    def voice_llr(self) -> float:
        """Evidence of a synthetic voice at the end of the call, nats."""
        evidence = self.run.line[-1].evidence
        return evidence.get("synthetic_voice", 0.0) + evidence.get("synthetic_voice_verify", 0.0)

    @property
    def shift(self) -> float:
        """All evidence of fraud at the end of the call, nats."""
        return self.run.line[-1].shift


def detection(rows: Sequence[Row], positive: Callable[[Row], bool], score: Callable[[Row], float]) -> dict[str, Any]:
    """Figures of `score` for calls that are `positive` against genuine ones, in all and in slices.

    `unscored`: calls that never had enough speech, which no figure counts.
    """
    asked = [row for row in rows if positive(row) or not row.fraud]
    heard = [row for row in asked if row.heard]
    spoof, genuine = _split(heard, positive, score)
    found: dict[str, Any] = {
        "fraud": len(spoof), "genuine": len(genuine), "unscored": len(asked) - len(heard),
        "sources": len({row.source for row in heard}), "figures": {}, "det": [], "reliability": [], "by": {},
    }
    if not len(spoof) or not len(genuine):
        return found
    found["figures"] = {name: _figure(figure, heard, positive, score) for name, figure in FIGURES.items()}
    miss, false_alarm, _ = metrics.det_curve(spoof, genuine)
    kept = np.unique(np.linspace(0, len(miss) - 1, min(len(miss), _DET_POINTS)).round().astype(int))
    found["det"] = [[_short(false_alarm[at]), _short(miss[at])] for at in kept]
    posterior, share = metrics.reliability(spoof, genuine)
    found["reliability"] = [[_short(x), _short(y)] for x, y in zip(posterior, share, strict=True)]
    found["by"] = {tag: _slices(heard, tag, positive, score) for tag in SLICES}
    return found


def trials(rows: Sequence[Row]) -> dict[str, Any] | None:
    """a-DCF of the calls that are tagged as speaker trials: the less speaks for fraud, the more for the customer."""
    heard = [row for row in rows if row.heard]
    scores = {
        trial: [-row.shift for row in heard if row.call.tags.get("trial") == trial]
        for trial in ("target", "nontarget", "spoof")
    }
    if not all(scores.values()):
        return None
    return {**{trial: len(found) for trial, found in scores.items()}, "a_dcf": _short(metrics.a_dcf(**scores))}


def first_decision(rows: Sequence[Row]) -> dict[str, Any]:
    """Speech and time until the risk first has a number."""
    first = [point for row in rows if (point := row.run.first_number()) is not None]
    if not first:
        return {"calls": 0, "never": len(rows)}
    net, at = [point.net_s for point in first], [point.at_s for point in first]
    return {
        "calls": len(first), "never": len(rows) - len(first),
        "net_speech_s": {"median": _short(np.median(net)), "p90": _short(np.quantile(net, 0.9))},
        "call_s": {"median": _short(np.median(at)), "p90": _short(np.quantile(at, 0.9))},
    }


def interval(figure: Callable[[NDArray[np.intp]], float], sources: Sequence[str]) -> list[float] | None:
    """95 % interval of `figure` (of row numbers) over draws of whole sources.

    None where there are too few, or where every draw gives the same: zero of a few is not zero for certain.
    """
    if len(set(sources)) < LEAST_SOURCES:
        return None
    try:
        low, high = metrics.bootstrap_interval(figure, list(sources), seed=SEED)
    except ValueError:
        return None
    return [_short(low), _short(high)] if low < high else None


def _figure(
    figure: Figure, rows: Sequence[Row], positive: Callable[[Row], bool], score: Callable[[Row], float]
) -> dict[str, Any]:
    is_spoof, scores = np.array([positive(row) for row in rows]), np.array([score(row) for row in rows])

    def of(drawn: NDArray[np.intp]) -> float:
        return figure(scores[drawn][is_spoof[drawn]], scores[drawn][~is_spoof[drawn]])

    everything = np.arange(len(rows))
    return {"value": _short(of(everything)), "interval": interval(of, [row.source for row in rows])}


def _slices(
    rows: Sequence[Row], tag: str, positive: Callable[[Row], bool], score: Callable[[Row], float]
) -> dict[str, Any]:
    """Attacks are held against all genuine calls, codecs and sources against the genuine calls of their own."""
    found: dict[str, dict[str, float]] = {}
    for value in sorted({row.call.tags[tag] for row in rows if tag in row.call.tags}):
        named = [row for row in rows if row.call.tags.get(tag) == value or (tag == "attack" and not positive(row))]
        spoof, genuine = _split(named, positive, score)
        if tag == "attack" and not len(spoof):
            continue
        found[value] = {"fraud": len(spoof), "genuine": len(genuine)}
        if min(len(spoof), len(genuine)) >= LEAST_CALLS:
            found[value] |= {name: _short(FIGURES[name](spoof, genuine)) for name in ("eer", "cllr")}
    return found


def _split(
    rows: Sequence[Row], positive: Callable[[Row], bool], score: Callable[[Row], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.array([score(row) for row in rows if positive(row)], dtype=np.float64),
        np.array([score(row) for row in rows if not positive(row)], dtype=np.float64),
    )


def _short(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
