"""The report as tables for people: all detectors in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = {
    "after_2_s": "2 s", "after_4_s": "4 s",
    "after_8_s": "8 s", "after_8_s_fused": "8 s, as risk fuses it",
    "call": "call", "call_fused": "call, as risk fuses it",
    "on_demand": "call, last 8 s", "on_demand_fused": "call, last 8 s, fused",
}

_SHORT = {
    "eer": "EER", "min_dcf": "minDCF", "act_dcf": "actDCF", "cllr": "Cllr",
    "missed_where_90_percent_are_caught": "missed", "missed_at_5_percent_false_alarms": "at 5 %",
}


def as_text(report: Mapping[str, Any]) -> str:
    """All tables."""
    models: Mapping[str, Any] = report["models"]
    sections = (_conditions, _slices, _first_decisions, _groups, _genuine, _callers, cost_lines)
    return "\n".join(line for section in sections for line in [*section(models), ""])


def _conditions(models: Mapping[str, Any]) -> Iterator[str]:
    yield "attacks of systems not in train, 95 % intervals over sources"
    yield (f"{'line':6}{'net speech':26}{'detector':38}{'spoofs':>7}{'genuine':>8}  {'EER':23}{'Cllr':23}"
           f"{'minDCF':>7}{'actDCF':>8}  {'telephone flagged at 10 % missed':33}{'resynth':>8}")
    for line, extent in _pairs(models):
        for name, model in models.items():
            part = model["lines"][line].get(extent)
            if part is None:
                continue
            unseen = part["slices"]["attacks_unseen"]
            yield (f"{line:6}{_NAMES[extent]:26}{name:38}{unseen['spoofs']:7d}{unseen['genuine']:8d}  "
                   f"{interval(unseen['eer']):23}{interval(unseen['cllr']):23}{unseen['min_dcf']:7.3f}"
                   f"{unseen['act_dcf']:8.3f}  {interval(part['genuine_telephone_flagged']):33}"
                   f"{_share(part['resynth_flagged']['share']):>8}")


def _slices(models: Mapping[str, Any]) -> Iterator[str]:
    yield "pcmu, 4 s"
    yield f"{'spoofs':18}{'detector':38}{'clips':>6}  {'EER':23}{'Cllr':23}{'least':>6}{'minDCF':>8}{'actDCF':>8}"
    for name in _headline(models)["slices"]:
        for model, part in ((model, _headline({model: report})) for model, report in models.items()):
            row = part["slices"][name]
            yield (f"{name:18}{model:38}{row['spoofs']:6d}  {interval(row['eer']):23}{interval(row['cllr']):23}"
                   f"{row['cllr_min']:6.3f}{row['min_dcf']:8.3f}{row['act_dcf']:8.3f}")
    for model, report in models.items():
        service = _headline({model: report})["service"]
        yield (f"{model}: at a high risk by the shipped options (LLR {service['threshold_llr']:.2f}): unseen attacks "
               f"{interval(service['unseen_attacks_high'])}, genuine {interval(service['genuine_high'])}, "
               f"telephone {interval(service['genuine_telephone_high'])}")


def _first_decisions(models: Mapping[str, Any]) -> Iterator[str]:
    yield "calls: net speech to the first decision, median; undecided; right where decided"
    for name, model in models.items():
        for line, extents in model["lines"].items():
            for who, part in extents.get("first_decision", {}).items():
                median = "-" if part["median_s"] is None else f"{part['median_s']:.1f} s"
                yield (f"{line:6}{name:38}{who:16}{part['calls']:5d}{median:>8}{part['undecided']:8.3f}"
                       f"{part['right_of_decided']:8.3f}")


def _groups(models: Mapping[str, Any]) -> Iterator[str]:
    for title, group in (("page, against its own genuine speech", "by_source"), ("family", "by_family"),
                         ("system", "by_system")):
        figures = ["eer", "min_dcf", "act_dcf", "cllr"]
        if group != "by_source":
            figures += ["missed_where_90_percent_are_caught", "missed_at_5_percent_false_alarms"]
        yield f"pcmu, 4 s, by {title}: " + ", ".join(models)
        yield f"{'':40}{'spoofs':>7}" + "".join(f"{_SHORT[figure]:>8}" for figure in figures) * len(models)
        for name, first in _headline(models)[group].items():
            mark = "" if group == "by_source" or first["seen"] else " (unseen)"
            rows = (_headline({"": report})[group][name] for report in models.values())
            yield (f"{name + mark:40}{first['spoofs']:7d}"
                   + "".join(f"{row[figure]:8.3f}" for row in rows for figure in figures))
        yield ""


def _genuine(models: Mapping[str, Any]) -> Iterator[str]:
    yield "pcmu, 4 s: genuine flagged where 90 % of unseen attacks are caught, and at 5 % of all: " + ", ".join(models)
    rows = _headline(models)["genuine_flagged_by_source"]
    for name in sorted(rows, key=lambda name: (not rows[name]["telephone"], name)):
        shares = (_headline({"": report})["genuine_flagged_by_source"][name] for report in models.values())
        yield (f"{'telephone ' if rows[name]['telephone'] else '':10}{name:40}{rows[name]['recordings']:5d}"
               + "".join(f"{one['share']:8.3f}{one['at_5_percent_overall']:7.3f}" for one in shares))


def _callers(models: Mapping[str, Any]) -> Iterator[str]:
    yield "pcmu, 4 s: genuine at a high risk by the shipped options, and with an LLR above 0; 95 % intervals over clips"
    for name, model in models.items():
        for column, groups in _headline({name: model})["false_alarms"].items():
            for group, row in groups.items():
                yield (f"{name:38}{column:10}{group:14}{row['recordings']:5d} of {row['sources']:3d} sources  "
                       f"{interval(row['high']):24}{interval(row['above_zero']):24}")


def cost_lines(models: Mapping[str, Any]) -> Iterator[str]:
    """What a window costs each detector, line by line."""
    yield "cost of a window of 4 s on one core"
    yield (f"{'detector':38}{'front end':>10}{'network':>9}{'in a batch of 4':>17}{'MACs':>9}{'to AASIST':>11}"
           f"{'file':>9}")
    for name, model in models.items():
        cost = model["cost"]
        yield (f"{name:38}{cost['front_end_ms']:7.2f} ms{cost['model_ms']:6.2f} ms{cost['in_batch_of_4_ms']:14.2f} ms"
               f"{cost['macs'] / 1e9:7.3f} G{cost['macs_to_aasist']:11.3f}{cost['file_mb']:6.1f} MB")


def interval(figure: Mapping[str, float]) -> str:
    """A figure with its interval, or bare where it has none."""
    if "low" not in figure:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _pairs(models: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = next(iter(models.values()))["lines"]
    return [(line, extent) for line in lines for extent in _NAMES if extent in lines[line]]


def _headline(models: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first model's figures through mu-law after 4 s."""
    part: Mapping[str, Any] = next(iter(models.values()))["lines"]["pcmu"]["after_4_s"]
    return part
