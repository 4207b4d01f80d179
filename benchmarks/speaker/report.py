"""Figures of the encoder with intervals, from scored trials and calls alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speaker.takeover import AFTER_S, Call
from benchmarks.speaker.verification import Trial
from voiceguard.analysis import metrics

AFTER_JOINT_S = (3.0, 4.5, AFTER_S)
_SEED = 20261123
_LLRS = NDArray[np.float64]
_Figure = Callable[[_LLRS, _LLRS], float]


def build(trials: list[Trial], calls: list[Call]) -> dict[str, Any]:
    """All figures. Means over sources have the interval of drawing sources anew, a source's own that of its people."""
    llr = np.array([trial.llr for trial in trials])
    same = np.array([trial.same for trial in trials])
    return {
        "verification": {
            **_figures(llr, same, [trial.source for trial in trials], [trial.speaker for trial in trials]),
            "pooled": {"eer": metrics.eer(llr[same], llr[~same]), "cllr": metrics.cllr(llr[same], llr[~same])},
            "trials": len(trials),
            "trials_without_speech": sum(not trial.heard for trial in trials),
        },
        "take_over": {f"after_{after_s:g}_s": _take_over(calls, after_s) for after_s in AFTER_JOINT_S},
    }


def as_text(report: dict[str, Any]) -> str:
    """The figures as tables for people."""
    part = report["verification"]
    lines = [f"{report['model']}, {report['settings']}", ""]
    lines.append(f"{part['trials']} trials, {part['trials_without_speech']} without speech, pooled {part['pooled']}")
    lines += _table(part)
    for name, part in report["take_over"].items():
        lines += ["", f"take-over {name}: {part['calls']}", f"  flagged above 0: {part['flagged_above_zero']}"]
        lines += _table(part)
    lines += ["", "cost of one window of 3 s on one core:"]
    lines += [f"  {name}: {value:.4g}" for name, value in report["cost"].items()]
    return "\n".join(lines)


def _take_over(calls: list[Call], after_s: float) -> dict[str, Any]:
    judged = [(call, latest) for call in calls if (latest := call.latest(after_s)) is not None]
    llr = np.array([latest for _, latest in judged])
    taken = np.array([call.taken_over for call, _ in judged])
    return {
        "calls": {
            "taken_over": int(taken.sum()), "one_voice": int((~taken).sum()), "unjudged": len(calls) - len(judged),
        },
        "flagged_above_zero": {
            "taken_over": float(np.mean(llr[taken] > 0)), "one_voice": float(np.mean(llr[~taken] > 0)),
        },
        **_figures(llr, taken, [call.source for call, _ in judged], [call.speaker for call, _ in judged]),
    }


def _figures(llr: _LLRS, positive: NDArray[np.bool_], sources: list[str], people: list[str]) -> dict[str, Any]:
    source, person = np.array(sources), np.array(people)
    per_source: dict[str, dict[str, Any]] = {}
    for name in sorted(set(sources)):
        rows = source == name
        per_source[name] = {
            "positive": int((rows & positive).sum()),
            "negative": int((rows & ~positive).sum()),
            "people": len(set(person[rows])),
            "eer": _measured(metrics.eer, llr[rows], positive[rows], person[rows]),
            "cllr": _measured(metrics.cllr, llr[rows], positive[rows], person[rows]),
            "cllr_min": metrics.cllr_min(llr[rows & positive], llr[rows & ~positive]),
        }
    return {
        "eer": _mean([part["eer"]["value"] for part in per_source.values()]),
        "cllr": _mean([part["cllr"]["value"] for part in per_source.values()]),
        "cllr_min": _mean([part["cllr_min"] for part in per_source.values()]),
        "sources": per_source,
    }


def _mean(values: list[float]) -> dict[str, float]:
    figures = np.array(values)
    low, high = metrics.bootstrap_interval(
        lambda drawn: float(figures[drawn].mean()), np.arange(len(figures)), seed=_SEED
    )
    return {"value": float(figures.mean()), "low": low, "high": high}


def _measured(figure: _Figure, llr: _LLRS, positive: NDArray[np.bool_], person: NDArray[np.str_]) -> dict[str, float]:
    def of(drawn: NDArray[np.intp]) -> float:
        return figure(llr[drawn[positive[drawn]]], llr[drawn[~positive[drawn]]])

    low, high = metrics.bootstrap_interval(of, person, seed=_SEED)
    return {"value": of(np.arange(len(llr))), "low": low, "high": high}


def _table(part: dict[str, Any]) -> list[str]:
    lines = [f"  {'source':26}{'people':>9}{'positive':>9}{'negative':>9}  {'EER':24}{'Cllr':24}{'min':>6}"]
    rows = {**part["sources"], "mean over sources": part}
    for name, row in rows.items():
        counts = "".join(f"{row.get(key, ''):>9}" for key in ("people", "positive", "negative"))
        least = row["cllr_min"]["value"] if isinstance(row["cllr_min"], dict) else row["cllr_min"]
        lines.append(
            f"  {name:26}{counts}  {_with_interval(row['eer']):24}{_with_interval(row['cllr']):24}{least:6.3f}"
        )
    return lines


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
