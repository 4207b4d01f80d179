"""Last step: write the benchmark's results and the training sources into the model's CARD.md, between marks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.detection.text import interval
from training import cards
from training.synthetic.settings import Settings, read_settings
from voiceguard.adapters.models.onnx import load_model

RESULTS = Path("benchmarks/results")
_LINES = {"pcmu": "mu-law", "gsm": "GSM", "opus": "Opus", "noise": "mu-law, noise at 10 dB"}
_EXTENTS = {
    "after_2_s": "2 s",
    "after_4_s": "4 s",
    "after_8_s": "8 s",
    "call": "15 s, every window",
    "on_demand": "15 s, the last 8 s asked once",
}
_MADE = {
    "espeak": "GPL-3.0-or-later",
    "flite": "CMU (MIT-like)",
    "festival": "per voice: CMU, GPL, LGPL, BSD (Debian's copyright files)",
    "hibari": "Apache-2.0",
    "piper-joe": "MIT; the voice's recordings are in the public domain",
}
"""Licences of the engines that ``prepare`` speaks with."""


def main() -> None:
    """Rewrite the parts of ``models/<name>/CARD.md`` that come from ``benchmarks/results`` and the prepared clips."""
    settings = read_settings("card")
    folder = Path("models") / settings.config["name"]
    version = load_model(folder).version
    detection = json.loads((RESULTS / "detection.json").read_text())["models"][version]
    attacks = json.loads((RESULTS / "detection_attacks.json").read_text())["models"].get(version)
    parts = {
        "file": f"Version {settings.config['version']}, file `{version.partition('@')[2]}`,"
                f" {detection['cost']['file_mb']:.1f} MB.",
        "measured": "\n".join(measured(detection)),
        "attacked": "\n".join(attacked(attacks)) if attacks else "",
        "reference": "\n".join(reference(json.loads((folder / "model.json").read_text())["reference"], detection)),
    }
    # Figures may be written anew where the clips are not at hand; what was learned from stays as it was.
    if (settings.work / "clips.csv").exists():
        parts["data"] = "\n".join(learned_from(settings))
    cards.write(folder / "CARD.md", parts)


def measured(model: Mapping[str, Any]) -> Iterator[str]:
    """Tables of the development set's figures."""
    headline = model["lines"]["pcmu"]["after_4_s"]
    yield "Mu-law, the first 4 s of net speech:\n"
    yield "| slice | spoofs | EER | Cllr, bits | Cllr min | minDCF | actDCF |"
    yield "|---|---|---|---|---|---|---|"
    for name, row in headline["slices"].items():
        yield (f"| {name.replace('_', ' ')} | {row['spoofs']} | {interval(row['eer'])} | {interval(row['cllr'])} |"
               f" {row['cllr_min']:.3f} | {row['min_dcf']:.3f} | {row['act_dcf']:.3f} |")
    yield "\nUnseen attacks on other lines and after more or less speech:\n"
    yield "| line | net speech | EER | Cllr, bits | telephone speech flagged at 10 % missed | resynth flagged |"
    yield "|---|---|---|---|---|---|"
    for line, title in ((line, title) for line, title in _LINES.items() if line in model["lines"]):
        for extent, heard in _EXTENTS.items():
            part = model["lines"][line][extent]
            row = part["slices"]["attacks_unseen"]
            yield (f"| {title} | {heard} | {interval(row['eer'])} | {interval(row['cllr'])} |"
                   f" {interval(part['genuine_telephone_flagged'])} | {part['resynth_flagged']['share']:.2f} |")
    service = headline["service"]
    decided = model["lines"]["pcmu"]["first_decision"]["all"]
    median = "never" if decided["median_s"] is None else f"{decided['median_s']:.1f} s"
    yield (f"\nBy the shipped thresholds one voice makes the risk high after 4 s from an LLR of"
           f" {service['threshold_llr']:.2f} on, which {interval(service['unseen_attacks_high'])} of unseen attacks"
           f" reach, {interval(service['genuine_high'])} of genuine clips and"
           f" {interval(service['genuine_telephone_high'])} of genuine telephone speech. The first decision on a call"
           f" comes after {median} of net speech (median).\n")
    yield from false_alarms(model)
    systems = {name: row for name, row in headline["by_system"].items() if not row["seen"] and row["spoofs"] >= 5}
    missed = sorted(systems, key=lambda name: -systems[name]["missed_where_90_percent_are_caught"])
    key = "missed_where_90_percent_are_caught"
    yield ("Unseen systems missed most where 90 % are caught: "
           + ", ".join(f"{name} ({systems[name][key]:.0%} of {systems[name]['spoofs']})" for name in missed[:8]) + ".")
    sources = headline["genuine_flagged_by_source"]
    flagged = sorted((name for name in sources if sources[name]["recordings"] >= 5), key=lambda n: -sources[n]["share"])
    yield ("Genuine sources flagged most there: "
           + ", ".join(f"{name} ({sources[name]['share']:.0%} of {sources[name]['recordings']})"
                       for name in flagged[:6])
           + "; telephone: "
           + ", ".join(f"{name} ({row['share']:.0%} of {row['recordings']})"
                       for name, row in sources.items() if row["telephone"])
           + ".")
    pages = headline["by_source"]
    yield ("EER within a page, its own genuine speech against its own spoofs: "
           + ", ".join(f"{name.rpartition('/')[2]} {row['eer']:.2f}" for name, row in pages.items()
                       if min(row["spoofs"], row["genuine"]) >= 5) + ".\n")
    cost = model["cost"]
    yield (f"Cost of a window of 4 s on one core: front end {cost['front_end_ms']:.1f} ms, network"
           f" {cost['model_ms']:.1f} ms, together {cost['in_batch_of_4_ms']:.1f} ms in a batch of four;"
           f" {cost['macs'] / 1e9:.2f} G multiply-accumulates, {cost['macs_to_aasist']:.3f} of AASIST's.")


def false_alarms(model: Mapping[str, Any]) -> Iterator[str]:
    """Genuine speech at a high risk, by who speaks and over what."""
    lines = {line: part["after_4_s"] for line, part in model["lines"].items()}
    yield ("Genuine speech at a high risk after 4 s; intervals of languages, genders and kinds take clips for"
           " independent:\n")
    yield "| genuine speech | clips | sources | at a high risk | LLR above 0 |"
    yield "|---|---|---|---|---|"
    for column, groups in lines["pcmu"]["false_alarms"].items():
        for name, row in groups.items():
            yield (f"| {column}: {name} | {row['recordings']} | {row['sources']} | {interval(row['high'])} |"
                   f" {interval(row['above_zero'])} |")
    for line, part in lines.items():
        for who, name in (("genuine", "all"), ("telephone", "telephone lines")):
            key = "genuine_high" if who == "genuine" else "genuine_telephone_high"
            yield (f"| through {_LINES[line]}: {name} | {part['recordings'][who]} | |"
                   f" {interval(part['service'][key])} | |")
    yield ""


def attacked(attacks: Mapping[str, Any]) -> Iterator[str]:
    """How transforms of the audio move the decision."""
    yield (f"{attacks['spoofs']} spoofs and {attacks['genuine']} genuine clips of the development set, at one"
           f" threshold (LLR {attacks['threshold_llr']:.2f}):\n")
    yield "| what is done | LLR of spoofs moves | caught, now missed | passed, now flagged | EER, both treated |"
    yield "|---|---|---|---|---|"
    for name, row in attacks["transforms"].items():
        flagged, both = (f"{row[key]:.2f}" if key in row else "-" for key in ("passed_now_flagged", "eer_both"))
        yield f"| {name} | {row['spoof_llr_shift']:+.2f} | {row['caught_now_missed']:.2f} | {flagged} | {both} |"


def reference(known: Mapping[str, list[float]], model: Mapping[str, Any]) -> Iterator[str]:
    """Deciles that the running system compares its input with, and where the telephone speech of dev lies."""
    yield "| quantity | first to ninth decile in training | genuine telephone speech of dev | stability index |"
    yield "|---|---|---|---|"
    for name, edges in known.items():
        there = model["drift"][name]
        yield (f"| `{name}` | {', '.join(f'{edge:.1f}' for edge in edges)} |"
               f" {', '.join(f'{edge:.1f}' for edge in there['deciles'])} | {there['index']:.2f} |")


def learned_from(settings: Settings) -> Iterator[str]:
    """Clips per licence and source, the most first."""
    with (settings.data / "train.csv").open(newline="") as file:
        licence = {row["source"]: row["licence"] for row in csv.DictReader(file)}
    licence |= {f"made-{engine}": terms for engine, terms in _MADE.items()}
    with (Path(settings.config["engines"]) / "manifest.csv").open(newline="") as file:
        licence |= {f"made-{row['system']}": row["licence"] for row in csv.DictReader(file)}
    with (Path(settings.config["recordings"]) / "manifest.csv").open(newline="") as file:
        heard = list(csv.DictReader(file))
    licence |= {row["package"]: f"{row['licence']} (Debian's copyright files)" for row in heard}
    # A voice of a package is a source of its own; the card names the package.
    package = {row["source"]: row["package"] for row in heard}
    count: dict[str, dict[str, int]] = {}
    with (settings.work / "clips.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            source = package.get(row["source"], row["source"])
            of = count.setdefault(licence.get(source, "own copies of clips above, their licences"), {})
            of[source] = of.get(source, 0) + 1
    yield "| licence | clips | sources |"
    yield "|---|---|---|"
    for terms, sources in sorted(count.items(), key=lambda item: -sum(item[1].values())):
        listed = ", ".join(f"{name} {clips}" for name, clips in sorted(sources.items(), key=lambda one: -one[1]))
        yield f"| {terms} | {sum(sources.values())} | {listed} |"


if __name__ == "__main__":
    main()
