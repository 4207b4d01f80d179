"""Figures with intervals, from scored trials and played calls alone, and the same as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speaker.change import Call, delays, false_alarms_per_hour, threshold_at
from benchmarks.speaker.speech import Condition, Line
from benchmarks.speaker.verification import Scored
from voiceguard.measures import metrics

PRIORS = (0.01, 0.05)
ACTED = ("emodb", "nemo-pl", "ravdess", "turev")
"""Sources of acted emotions."""
RATES = (1.0, 4.0, 12.0)
"""False alarms an hour for which a delay is told."""
LEAST_SAME = 20
"""Trials of one speaker below which a source has no figure of its own."""
_SEED = 20261123
_ROUNDS = 500
_Scores = NDArray[np.float64]
_Figure = Callable[[_Scores, _Scores], float]


def verification(scored: Iterable[tuple[str, Line, Condition, Scored]]) -> dict[str, Any]:
    """Encoder to line to condition to figures. Means over sources have the interval of drawing sources anew; a source's
    own EER has that of its people, for the shipped encoder."""
    report: dict[str, Any] = {}
    for name, line, condition, trials in scored:
        figures = _figures(trials, calibrated=name == "shipped")
        report.setdefault(name, {}).setdefault(line, {})[condition] = figures
    return report


def min_dcf(same: _Scores, other: _Scores, prior: float) -> float:
    """Detection cost at the best threshold with a miss and a false alarm at the same price, over that of not listening
    (NIST SRE); `prior`: share of trials of one speaker."""
    miss, false_alarm, _ = metrics.det_curve(same, other)
    return float((prior * miss + (1 - prior) * false_alarm).min() / min(prior, 1 - prior))


def _figures(trials: Scored, *, calibrated: bool) -> dict[str, Any]:
    sources: dict[str, dict[str, Any]] = {}
    for source in sorted(set(trials.source.tolist())):
        rows = trials.source == source
        same, other = trials.score[rows & trials.same], trials.score[rows & ~trials.same]
        if len(same) < LEAST_SAME or not len(other):
            continue
        one, people = (trials.score[rows], trials.same[rows]), trials.speaker[rows]
        part = {
            "same": len(same), "different": len(other), "people": len(set(people.tolist())),
            "eer": _measured(metrics.eer, *one, people) if calibrated else {"value": metrics.eer(same, other)},
            "cllr_min": {"value": metrics.cllr_min(same, other)},
            **{f"min_dcf_{prior}": {"value": min_dcf(same, other, prior)} for prior in PRIORS},
        }
        if calibrated:
            part["cllr"] = {"value": metrics.cllr(same, other)}
        sources[source] = part
    names = ["eer", *(["cllr"] if calibrated else []), "cllr_min", *(f"min_dcf_{prior}" for prior in PRIORS)]
    return {
        "trials": len(trials.same), "without_speech": trials.unheard, "seconds": trials.seconds,
        **{name: _mean([part[name]["value"] for part in sources.values()]) for name in names if sources},
        "sources": sources,
    }


def change(calls: Sequence[Call], high: float) -> dict[str, Any]:
    """Figures of one circumstance, for all sources, for all but the acted emotions, and for these alone, in which one
    voice goes from mood to mood; `high`: the nats from which the shipped risk is high."""
    natural = [call for call in calls if call.source not in ACTED]
    acted = [call for call in calls if call.source in ACTED]
    groups = {"all": calls, "without_acted_emotions": natural, "acted_emotions": acted}
    return {name: _change(group, high) for name, group in groups.items()}


def _change(calls: Sequence[Call], high: float) -> dict[str, Any]:
    alone = [call for call in calls if call.joint_s is None]
    taken = len(calls) - len(alone)
    if not alone or not taken:
        return {}
    return {
        "take_overs": taken, "calls_of_one_voice": len(alone), "people": len({call.speaker for call in calls}),
        "hours_of_one_voice": sum(call.watched_s for call in alone) / 3600,
        "at_false_alarms_per_hour": {f"{rate:g}": _operating(calls, rate) for rate in RATES},
        "shipped": {
            "threshold": high, "false_alarms_per_hour": false_alarms_per_hour(calls, high),
            **_delay(delays(calls, high)),
        },
    }


def _operating(calls: Sequence[Call], rate: float) -> dict[str, Any]:
    threshold = threshold_at(calls, rate)
    found = _delay(delays(calls, threshold))
    medians = []
    names = sorted({call.speaker for call in calls})
    rng = np.random.default_rng(_SEED)
    of = {name: [call for call in calls if call.speaker == name] for name in names}
    for _ in range(_ROUNDS):
        drawn = [call for index in rng.integers(len(names), size=len(names)) for call in of[names[index]]]
        if any(call.joint_s is None for call in drawn) and any(call.joint_s is not None for call in drawn):
            medians.append(_delay(delays(drawn, threshold_at(drawn, rate)))["median_s"]["value"] or np.inf)
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    found["median_s"] |= {"low": _finite(low), "high": _finite(high)}
    return {"threshold": threshold, "false_alarms_per_hour": false_alarms_per_hour(calls, threshold), **found}


def _delay(found: NDArray[np.float64]) -> dict[str, Any]:
    middle = float(np.sort(found)[(len(found) - 1) // 2])
    return {
        "median_s": {"value": _finite(middle)}, "within_6_s": float(np.mean(found <= 6.05)),
        "never": float(np.mean(np.isinf(found))),
    }


def _finite(seconds: float) -> float | None:
    return None if np.isinf(seconds) else round(float(seconds), 2)


def _mean(values: list[float]) -> dict[str, float]:
    figures = np.array(values)
    low, high = metrics.bootstrap_interval(
        lambda drawn: float(figures[drawn].mean()), np.arange(len(figures)), seed=_SEED
    )
    return {"value": float(figures.mean()), "low": low, "high": high}


def _measured(figure: _Figure, score: _Scores, same: NDArray[np.bool_], person: NDArray[np.str_]) -> dict[str, float]:
    def of(drawn: NDArray[np.intp]) -> float:
        return figure(score[drawn[same[drawn]]], score[drawn[~same[drawn]]])

    low, high = metrics.bootstrap_interval(of, person, seed=_SEED)
    return {"value": of(np.arange(len(score))), "low": low, "high": high}


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────────


def as_text(report: dict[str, Any]) -> str:
    """The figures of all parts that were measured, as tables."""
    parts: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "verification": _verification_text, "change": _change_text, "watch-list": _watch_list_text,
    }
    lines = [report["model"]]
    for name, write in parts.items():
        if name in report:
            lines += ["", *write(report[name])]
    return "\n".join([*lines, "", f"cost, one core: {report.get('cost', '-')}"])


def _verification_text(report: dict[str, Any]) -> list[str]:
    lines = []
    for name, of_line in report.items():
        lines += [f"{name}: mean over sources", f"  {'line':7}{'speech':18}{'trials':>7}  {'EER':24}"
                  f"{'minDCF .01':>11}{'.05':>7}{'Cllr':>8}{'min':>7}"]
        for line, conditions in of_line.items():
            for condition, part in conditions.items():
                if part["sources"]:
                    lines.append(f"  {line:7}{condition:18}{part['trials']:>7}  {interval(part['eer']):24}" + "".join(
                        f"{part[key]['value']:>{width}.3f}" if key in part else " " * width
                        for key, width in (("min_dcf_0.01", 11), ("min_dcf_0.05", 7), ("cllr", 8), ("cllr_min", 7))
                    ))
    lines += ["shipped, by source, mu-law, one clip against 3 s"]
    for source, part in report["shipped"]["pcmu"]["clip against 3 s"]["sources"].items():
        lines.append(f"  {source:26}{part['people']:>4}{part['same']:>5}{part['different']:>6}  EER "
                     f"{interval(part['eer']):24}Cllr {part['cllr']['value']:.3f}, min {part['cllr_min']['value']:.3f}")
    return lines


def _change_text(report: dict[str, Any]) -> list[str]:
    lines = []
    for circumstance, groups in report.items():
        for group, part in groups.items():
            if part:
                lines.append(f"change of voice, {circumstance}, {group}: {part['take_overs']} take-overs, "
                             f"{part['hours_of_one_voice']:.2f} h of one voice")
                lines += [_point(f"{rate} an hour", point) for rate, point in part["at_false_alarms_per_hour"].items()]
                lines.append(_point("shipped", part["shipped"]))
    return lines


def _watch_list_text(report: dict[str, Any]) -> list[str]:
    search = report["search"]
    lines = [f"watch list of {search['voices']}: {search['ms']} ms, numpy {search['numpy_ms']} ms, "
             f"{search['numpy_times_slower']:.1f} times slower; nearest found {search['recall_of_nearest']:.4f}, "
             f"of the nearest 8 {search['recall_of_8']:.4f}"]
    return lines + [
        f"  {size:>7} listed, {what}: strangers at a high risk {part['strangers']:.4f}, listed ones "
        f"{part['fraudsters']:.3f}"
        for what, name in (("real people", "real"), ("drawn voices of 12 s", "drawn"))
        for size, part in report[name].items()
    ]


def _point(name: str, point: dict[str, Any]) -> str:
    median = point["median_s"]
    bounds = f" ({median['low']} to {median['high']})" if "low" in median else ""
    return (f"  {name:12} above {point['threshold']:.2f} nats, {point['false_alarms_per_hour']:.2f} an hour: median "
            f"{median['value']} s{bounds}, within 6 s {point['within_6_s']:.3f}, never {point['never']:.3f}")


def interval(figure: dict[str, float]) -> str:
    """A value with its interval."""
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


