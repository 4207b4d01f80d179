"""Figures of the detector with intervals, from scored clips alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.scoring import ScoredClip
from voiceguard.analysis import metrics
from voiceguard.risk import RiskOptions

ATTACKS = ("tts", "clone", "vc")
TELEPHONE_SOURCES = ("hyke-india-ivr", "cslu-numbers-sample", "callytics-csvd")
_SEED = 20261123
_LLRS = NDArray[np.float64]


def build(clips: list[ScoredClip]) -> dict[str, Any]:
    """All figures. Genuine speech is all of it in every slice of attacks; ``resynth`` clips count for neither class."""
    llr = np.array([clip.llr for clip in clips])
    source = np.array([clip.source for clip in clips])
    genuine = np.array([clip.label == "bonafide" for clip in clips])
    spoof = np.array([clip.label == "spoof" for clip in clips])
    attack = spoof & np.array([clip.kind in ATTACKS for clip in clips])
    seen = np.array([clip.seen for clip in clips])
    slices = {
        "attacks_unseen": attack & ~seen,
        "attacks_seen": attack & seen,
        "attacks": attack,
        "vocoder_copies": spoof & ~attack,
        "all_spoofs": spoof,
        **{f"unseen_{kind}": attack & ~seen & np.array([clip.kind == kind for clip in clips]) for kind in ATTACKS},
    }
    headline = llr[slices["attacks_unseen"]]
    threshold = metrics.threshold_at_miss(headline)
    resynth = np.array([clip.label == "resynth" for clip in clips])
    systems = sorted({clip.system for clip in clips if clip.label == "spoof"})
    named = np.array([clip.system for clip in clips])
    return {
        "clips": {"genuine": int(genuine.sum()), "spoof": int(spoof.sum()), "resynth": int(resynth.sum())},
        "slices": {name: _slice(llr, rows, genuine, source) for name, rows in slices.items()},
        "threshold_catching_90_percent_llr": threshold,
        "genuine_telephone_flagged": _telephone(llr, slices["attacks_unseen"], genuine, source),
        "genuine_flagged_by_source": {
            name: _share(llr[genuine & (source == name)], threshold) for name in sorted(set(source[genuine]))
        },
        "missed_by_system": {
            name: {
                **_share(-llr[spoof & (named == name)], -threshold, strict=True),
                "seen": bool(seen[named == name].any()),
            }
            for name in systems
        },
        "eer_by_source": {
            name: metrics.eer(llr[spoof & (source == name)], llr[genuine & (source == name)])
            for name in sorted(set(source[spoof]) & set(source[genuine]))
        },
        "resynth_flagged": _share(llr[resynth], threshold),
        "service": _service(llr, slices["attacks_unseen"], genuine, source),
    }


def as_text(report: dict[str, Any]) -> str:
    """The figures as a table for people."""
    lines = [f"{report['model']}, {report['settings']}", ""]
    lines.append(f"{'slice':18}{'spoofs':>7}  {'EER':24}{'Cllr':24}{'min':>6}  {'minDCF':>7}{'actDCF':>8}")
    for name, part in report["slices"].items():
        lines.append(
            f"{name:18}{part['spoofs']:7d}  {_with_interval(part['eer']):24}{_with_interval(part['cllr']):24}"
            f"{part['cllr_min']:6.3f}  {part['min_dcf']:7.3f}{part['act_dcf']:8.3f}"
        )
    telephone = report["genuine_telephone_flagged"]
    lines += ["", "flagged where 90 % of unseen attacks are caught:"]
    lines.append(f"  genuine telephone speech {_with_interval(telephone)}")
    for name in TELEPHONE_SOURCES:
        part = report["genuine_flagged_by_source"][name]
        lines.append(f"    {name}: {part['share']:.3f} of {part['clips']}")
    lines.append(f"  resynth {report['resynth_flagged']['share']:.3f} of {report['resynth_flagged']['clips']}")
    service = report["service"]
    lines += ["", f"at a high risk by the shipped thresholds (LLR {service['threshold_llr']:.2f}) after 4 s:"]
    lines.append(f"  unseen attacks {_with_interval(service['unseen_attacks_high'])}")
    lines.append(f"  genuine telephone speech {_with_interval(service['genuine_telephone_high'])}")
    lines += ["", "EER within a source:"]
    lines += [f"  {name}: {value:.3f}" for name, value in report["eer_by_source"].items()]
    lines += ["", "cost of one window of 4 s on one core:"]
    lines += [f"  {name}: {value:.4g}" for name, value in report["cost"].items()]
    return "\n".join(lines)


def _slice(llr: _LLRS, rows: NDArray[np.bool_], genuine: NDArray[np.bool_], source: NDArray[np.str_]) -> dict[str, Any]:
    spoof, bonafide = llr[rows], llr[genuine]
    return {
        "spoofs": int(rows.sum()),
        "eer": _measured(metrics.eer, llr, rows, genuine, source),
        "cllr": _measured(metrics.cllr, llr, rows, genuine, source),
        "cllr_min": metrics.cllr_min(spoof, bonafide),
        "min_dcf": metrics.min_dcf(spoof, bonafide),
        "act_dcf": metrics.act_dcf(spoof, bonafide),
    }


def _telephone(
    llr: _LLRS, attacks: NDArray[np.bool_], genuine: NDArray[np.bool_], source: NDArray[np.str_]
) -> dict[str, float]:
    return _measured(metrics.false_alarm_at_miss, llr, attacks, genuine & np.isin(source, TELEPHONE_SOURCES), source)


def _service(
    llr: _LLRS, attacks: NDArray[np.bool_], genuine: NDArray[np.bool_], source: NDArray[np.str_]
) -> dict[str, Any]:
    """What the shipped thresholds would do after one window of 4 s, were the voice the only evidence."""
    options = RiskOptions()
    needed = _logit(options.high) - _logit(options.prior)
    threshold = needed / (options.synthetic_worth * (1.0 - math.exp(-4.0 / options.synthetic_memory_s)))

    def share(rows: NDArray[np.bool_]) -> dict[str, float]:
        return _measured(lambda chosen, _: float((chosen >= threshold).mean()), llr, rows, np.zeros_like(rows), source)

    return {
        "threshold_llr": threshold,
        "unseen_attacks_high": share(attacks),
        "genuine_telephone_high": share(genuine & np.isin(source, TELEPHONE_SOURCES)),
    }


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _measured(
    figure: Callable[[_LLRS, _LLRS], float],
    llr: _LLRS,
    spoof: NDArray[np.bool_],
    genuine: NDArray[np.bool_],
    source: NDArray[np.str_],
) -> dict[str, float]:
    """A figure with its 95 % interval over sources."""
    rows = np.flatnonzero(spoof | genuine)

    def of(drawn: NDArray[np.intp]) -> float:
        chosen = rows[drawn]
        return figure(llr[chosen[spoof[chosen]]], llr[chosen[genuine[chosen]]])

    low, high = metrics.bootstrap_interval(of, source[rows], seed=_SEED)
    return {"value": of(np.arange(len(rows))), "low": low, "high": high}


def _share(values: _LLRS, threshold: float, *, strict: bool = False) -> dict[str, Any]:
    flagged = values > threshold if strict else values >= threshold
    return {"clips": len(values), "share": float(flagged.mean())}


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
