"""Last step: write the benchmark's results into the encoder's CARD.md, between marks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.detection.text import interval
from training import cards
from training.speaker.export import NAME
from voiceguard.adapters.models.onnx import load_model
from voiceguard.detectors import speaker

_RESULTS = Path("benchmarks/results/speaker.json")
_LINES = ("pcmu", "gsm", "noise")
_SPEECH = (
    "clip against clip", "clip against 3 s", "clip against 2 s", "clip against 1 s", "3 short clips against 3 s",
    "6 s", "12 s",
)

_NOT_MEASURED = "Not measured for this version yet: `python -m benchmarks.speaker`."


def main() -> None:
    """Rewrite the parts of ``models/speaker-campplus/CARD.md`` that come from ``benchmarks/results/speaker.json``.

    Raises ValueError when these are figures of another file.
    """
    folder = Path("models") / NAME
    version, measured = load_model(folder).version, json.loads(_RESULTS.read_text())
    if measured["model"] != version:
        raise ValueError(f"{_RESULTS} measured {measured['model']}, not {version}")
    papers, size = json.loads((folder / "model.json").read_text()), (folder / "model.onnx").stat().st_size
    cards.write(folder / "CARD.md", {
        "file": f"Version {papers['version']}, file `{version.partition('@')[2]}`, {size / 1e6:.1f} MB.",
        "sources": "\n".join(sources(measured["verification"]["shipped"]["pcmu"]["clip against clip"])),
        "encoders": "\n".join(encoders(measured)),
        "change": "\n".join(change(measured["change"])) if "change" in measured else _NOT_MEASURED,
        "watch-list": "\n".join(watch_list(measured["watch-list"])) if "watch-list" in measured else _NOT_MEASURED,
    })


def sources(condition: Mapping[str, Any]) -> Iterator[str]:
    """Each source of the development trials, and their mean."""
    yield "| source | people | same | different | EER | minDCF 0.01 / 0.05 | Cllr, bits | Cllr min |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, row in condition["sources"].items():
        yield (f"| {name} | {row['people']} | {row['same']} | {row['different']} | {interval(row['eer'])} |"
               f" {_value(row, 'min_dcf_0.01')} / {_value(row, 'min_dcf_0.05')} | {_value(row, 'cllr')} |"
               f" {_value(row, 'cllr_min')} |")
    yield (f"| mean over sources | | | | {interval(condition['eer'])} | {_value(condition, 'min_dcf_0.01')} /"
           f" {_value(condition, 'min_dcf_0.05')} | {interval(condition['cllr'])} | {_value(condition, 'cllr_min')} |")


def encoders(measured: Mapping[str, Any]) -> Iterator[str]:
    """Mean error rates of the shipped encoder and of its peers, and what a second of speech costs each."""
    spent: dict[str, float] = {}
    if "cost" in measured:
        cost = measured["cost"]["shipped"]
        own = (cost["front_end_ms"] + cost["model_ms"]) / speaker.WINDOW_S
        spent = {"shipped": own, **measured["cost"]["peers_ms_per_second"]}
    yield f"| encoder | ms of a core a second | line | {' | '.join(_SPEECH)} |"
    yield "|---|---|---|" + "---|" * len(_SPEECH)
    for name, lines in measured["verification"].items():
        for line in _LINES:
            milliseconds = f"{spent[name]:.1f}" if name in spent else "not measured"
            first = f"{name} | {milliseconds}" if line == _LINES[0] else " | "
            yield f"| {first} | {line} | " + " | ".join(_value(lines[line][one], "eer") for one in _SPEECH) + " |"


def change(circumstances: Mapping[str, Any]) -> Iterator[str]:
    """How soon another voice is noticed."""
    yield ("| line | sources | take-overs | hours alone | at 1 false alarm an hour: median delay | within 6 s | never |"
           " shipped threshold: false alarms an hour | within 6 s |")
    yield "|---|---|---|---|---|---|---|---|---|"
    for line, groups in circumstances.items():
        # A group without take-overs has no row.
        for name, row in ((name, row) for name, row in groups.items() if row):
            once, shipped = row["at_false_alarms_per_hour"]["1"], row["shipped"]
            value, low, high = (
                "never" if once["median_s"][key] is None else f"{once['median_s'][key]:.1f} s"
                for key in ("value", "low", "high")
            )
            yield (f"| {line} | {name.replace('_', ' ')} | {row['take_overs']} | {row['hours_of_one_voice']:.2f} |"
                   f" {value} ({low} to {high}) | {once['within_6_s']:.2f} |"
                   f" {once['never']:.2f} | {shipped['false_alarms_per_hour']:.1f} | {shipped['within_6_s']:.2f} |")


def watch_list(found: Mapping[str, Any]) -> Iterator[str]:
    """Who is found on lists of real people, and how long a search takes."""
    yield (f"Watch list: {found['clips']} clips of {found['people']} people of the set, one clip of some listed, one of"
           f" others or of one of them calling; the share whose risk gets high by the list alone.\n")
    yield "| listed | strangers at a high risk | listed ones |"
    yield "|---|---|---|"
    for length, row in found["real"].items():
        yield f"| {length} | {row['strangers']:.3f} | {row['fraudsters']:.3f} |"
    search = found["search"]
    yield (f"\nThe search of {search['voices']:,} voices takes {search['ms']['median']:.1f} ms (median; plain numpy in"
           f" the same run {search['numpy_ms']['median']:.1f} ms), finds the nearest in"
           f" {search['recall_of_nearest']:.1%} of searches and {search['recall_of_8']:.1%} of the nearest eight.")


def _value(row: Mapping[str, Any], name: str) -> str:
    return f"{row[name]['value']:.3f}"


if __name__ == "__main__":
    main()
