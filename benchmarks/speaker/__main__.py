"""Measure the speaker encoder and what stands on it on the development set: ``python -m benchmarks.speaker``.

Parts can be named to measure them alone. The search of ``watch-list`` wants a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

from benchmarks.detection.report import high_after
from benchmarks.results_file import as_lines, commit
from benchmarks.speaker import report as figures
from benchmarks.speaker.change import CIRCUMSTANCES, Circumstance, play_calls
from benchmarks.speaker.encoder import Encoder
from benchmarks.speaker.verification import compare, everybodys_voices, peer_costs
from benchmarks.speaker.watchlist import measure

_LEVELS = 4
"""Of the results that are spread over lines: parts, circumstances or encoders, lines, a condition."""


def main() -> None:
    """Score every speaker trial, play take-overs, search lists, print the figures and write them to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speaker", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; nothing named: all")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of dev.csv and the trials")
    parser.add_argument("--model", type=Path, default=Path("models/speaker-campplus"), help="folder of the model")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speaker.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {unknown.pop()}")
    encoder = Encoder(arguments.model)
    measured = {part: PARTS[part](encoder, arguments.data) for part in arguments.parts or PARTS}
    report = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    if report.get("model") != encoder.model.version:
        report = {"model": encoder.model.version}
    report |= {"commits": report.get("commits", {}) | dict.fromkeys(measured, commit())}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(as_lines(report | measured, _LEVELS) + "\n")
    print(figures.as_text(report | measured))


def _change(encoder: Encoder, data: Path) -> dict[str, Any]:
    with ProcessPoolExecutor(len(CIRCUMSTANCES)) as pool:
        found = pool.map(_one_change, repeat(encoder.folder), repeat(data), CIRCUMSTANCES)
    return dict(zip(CIRCUMSTANCES, found, strict=True))


def _one_change(model: Path, data: Path, circumstance: Circumstance) -> dict[str, Any]:
    return figures.change(play_calls(Encoder(model), data, circumstance), high_after())


PARTS: dict[str, Callable[[Encoder, Path], dict[str, Any]]] = {
    "verification": lambda encoder, data: figures.verification(compare(encoder, data)),
    "change": _change,
    "watch-list": lambda encoder, data: measure(encoder, everybodys_voices(encoder, data)),
    "cost": lambda encoder, _: {
        "shipped": encoder.time_window(),
        "peers_ms_per_second": {name: peer["ms_per_second"] for name, peer in peer_costs().items()},
    },
}

if __name__ == "__main__":
    main()
