"""Measure synthetic-voice detectors on the development set: ``python -m benchmarks.detection``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.detection import plots
from benchmarks.detection.conditions import LINES, LineName, Recording, join_voices, read_clips
from benchmarks.detection.macs import cost
from benchmarks.detection.report import Scores, breakdown, figures, first_decisions, gather, high_after, is_telephone
from benchmarks.detection.scoring import (
    CLIP_SECONDS,
    Extent,
    default_models,
    fuse,
    kept,
    load_detector,
    on_demand,
    score,
    stability,
    tempered,
)
from benchmarks.detection.text import as_text, cost_lines
from benchmarks.results_file import as_lines, commit

ENOUGH_S = 8.0
_LEVELS = 5
"""Of the results that are spread over lines: models, a model, its lines, a line, a condition."""


def main() -> None:
    """Score dev in every condition, print the figures and write them to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of dev.csv and train.csv")
    parser.add_argument(
        "--model", type=Path, action="append",
        help="folder of a model, may be given again, the others in --out stay; default: the shipped ones and baselines",
    )
    parser.add_argument("--line", choices=LINES, action="append", help="may be given again; default: all of them")
    parser.add_argument("--quick", action="store_true", help="mu-law and 4 s alone; prints, writes no --out")
    parser.add_argument("--cost", action="store_true", help="what a window costs alone; other figures of --out stay")
    parser.add_argument("--plots", type=Path, help="folder for det.svg and reliability.svg")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/detection.json"))
    arguments = parser.parse_args()
    folders = arguments.model or default_models()
    if arguments.cost:
        measure_cost_anew(folders, arguments.out)
        return
    report: dict[str, Any] = {"models": {load_detector(folder).model.version: {} for folder in folders}}
    for folder, model in zip(folders, report["models"].values(), strict=True):
        model["cost"] = cost(folder)
        if "reference" in load_detector(folder).model.card and not arguments.quick:
            telephone = [clip for clip in read_clips(arguments.data) if is_telephone(clip)]
            model["drift"] = stability(folder, arguments.data, telephone)
        model["lines"] = measure(folder, arguments.data, arguments.line or LINES, arguments.jobs, quick=arguments.quick)
    print(as_text(report))
    if arguments.plots:
        clips = read_clips(arguments.data)
        plots.draw(
            {
                name: _clips(folder, arguments.data, clips, "pcmu", "after_4_s")
                for name, folder in zip(report["models"], folders, strict=True)
            },
            arguments.plots,
        )
    if not arguments.quick:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        for model in report["models"].values():
            model["measured_at_commit"] = commit()
        report["models"] = kept(arguments.out, report["models"])
        arguments.out.write_text(as_lines(report, _LEVELS) + "\n")


def measure_cost_anew(folders: Sequence[Path], out: Path) -> None:
    """Print what a window costs, and write it over what `out` says of it. Raises KeyError for a model not in there."""
    report = json.loads(out.read_text())
    for folder in folders:
        report["models"][load_detector(folder).model.version]["cost"] = cost(folder)
    print("\n".join(cost_lines(report["models"])))
    out.write_text(as_lines(report, _LEVELS) + "\n")


def measure(folder: Path, data: Path, through: Sequence[LineName], jobs: int, *, quick: bool) -> dict[str, Any]:
    """Figures by line and net speech; quick: of the first line and 4 s alone."""
    clips = read_clips(data)
    calls = join_voices(clips)
    lines: dict[str, Any] = {}
    for line in through[:1] if quick else through:
        lines[line] = {
            extent: _after(folder, data, clips, line, extent, jobs)
            for extent in CLIP_SECONDS if not quick or extent == "after_4_s"
        }
        if not quick:
            lines[line] |= _calls(folder, data, calls, line, jobs)
    return lines


def _after(
    folder: Path, data: Path, clips: list[Recording], line: LineName, extent: Extent, jobs: int
) -> dict[str, Any]:
    scores = _clips(folder, data, clips, line, extent, jobs)
    if (line, extent) != ("pcmu", "after_4_s"):
        # Before 4 s of net speech the service gives no number.
        return figures(scores, high_after(4.0) if extent == "after_4_s" else None)
    return figures(scores, high_after(4.0)) | breakdown(scores, high_after(4.0))


def _clips(
    folder: Path, data: Path, clips: list[Recording], line: LineName, extent: Extent, jobs: int = 1
) -> Scores:
    return gather(clips, [heard[-1].llr for heard in score(folder, data, clips, line, extent, jobs)])


def _calls(folder: Path, data: Path, calls: list[Recording], line: LineName, jobs: int) -> dict[str, Any]:
    heard = [
        (call, windows)
        for call, windows in zip(calls, score(folder, data, calls, line, "call", jobs), strict=True) if windows
    ]
    views = {
        "after_8_s": [(call, [one for one in windows if one.end_net_s <= ENOUGH_S])
                      for call, windows in heard if windows[-1].end_net_s >= ENOUGH_S],
        "call": heard,
        "on_demand": [(call, on_demand(windows)) for call, windows in heard],
    }
    report: dict[str, Any] = {
        "first_decision": first_decisions([call for call, _ in heard], [fuse(windows) for _, windows in heard])
    }
    for name, view in views.items():
        recordings = [call for call, _ in view]
        report[name] = figures(gather(recordings, [tempered(windows) for _, windows in view]), None)
        report[f"{name}_fused"] = figures(gather(recordings, [fuse(windows).llr for _, windows in view]), high_after())
    return report


if __name__ == "__main__":
    main()
