"""README's table of figures, from the results that the benchmarks wrote: ``python -m benchmarks.figures``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PERCENTILES = ("p50", "p95", "p99")
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"


def table(results: Path = RESULTS) -> str:
    """The table, in Markdown."""
    detection, speaker, capacity = (
        json.loads((results / f"{name}.json").read_text()) for name in ("detection", "speaker", "capacity")
    )
    rows = [
        *_detection(detection["models"]),
        *_speaker(speaker),
        *_speech(results / "speech.json"),
        *_capacity(capacity),
        *_replay(results / "replay.json"),
    ]
    lines = ["| figure | value (95 % interval) | command |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} | `{command}` |" for what, value, command in rows)]) + "\n"


def _detection(models: dict[str, Any]) -> list[tuple[str, str, str]]:
    named = {name.split("@")[0]: model for name, model in models.items()}
    mu_law, cost = named["synthetic-stream"]["lines"]["pcmu"], named["synthetic-stream"]["cost"]
    slices, service = mu_law["after_4_s"]["slices"], mu_law["after_4_s"]["service"]
    unseen, decided = slices["attacks_unseen"], mu_law["first_decision"]["all"]["median_s"]
    rows = [
        ("synthetic voice, 4 s, mu-law, attacks of systems not trained on: EER", _interval(unseen["eer"])),
        ("the same, systems trained on: EER", _interval(slices["attacks_seen"]["eer"])),
        ("the same, systems not trained on: Cllr, bits", _interval(unseen["cllr"])),
        ("the same, calls of 15 s: EER", _interval(mu_law["call"]["slices"]["attacks_unseen"]["eer"])),
        ("those attacks at a high risk by the shipped thresholds", _interval(service["unseen_attacks_high"])),
        ("genuine telephone speech at a high risk by them", _interval(service["genuine_telephone_high"])),
        ("net speech to the first decision on a call, median", "-" if decided is None else f"{decided:.1f} s"),
        ("cost of a 4 s window, one core", f"{cost['front_end_ms'] + cost['model_ms']:.1f} ms"),
    ]
    if "synthetic-verify" in named:
        mu_law, cost = named["synthetic-verify"]["lines"]["pcmu"], named["synthetic-verify"]["cost"]
        after_4_s, asked = (mu_law[extent]["slices"]["attacks_unseen"]["eer"] for extent in ("after_4_s", "on_demand"))
        rows += [
            ("second opinion, 4 s, mu-law, systems not trained on: EER", _interval(after_4_s)),
            ("the same, asked once at the end of calls of 15 s: EER", _interval(asked)),
            ("its cost of a 4 s window, one core", f"{cost['front_end_ms'] + cost['model_ms']:.1f} ms"),
        ]
    return [(*row, "python -m benchmarks.detection") for row in rows]


def _speech(path: Path) -> list[tuple[str, str, str]]:
    if not path.exists():
        return []
    results = json.loads(path.read_text())
    cost_ms = results["cpu_ms_per_second_of_audio"]
    heard, false_s = results["genuine_speech_heard"], results["false_speech_s_per_minute"]
    shares = ", ".join(f"{heard[name]:.3f}" for name in ("clean", "15 dB", "5 dB"))
    loud = [f"{kind.replace('_', ' ')} {value:.1f}" for kind, value in false_s.items() if value > 1.0]
    rows = [
        ("genuine speech counted as net speech: clean, 15 dB, 5 dB", shares),
        (f"kinds of noise, music, tones and modems with at most 1 s of false speech a minute, of {len(false_s)}",
         f"{sum(value <= 1.0 for value in false_s.values())}"),
        ("the others, seconds a minute", ", ".join(loud) or "none"),
        ("cost of finding net speech, one second of audio, one core", f"{cost_ms:.1f} ms"),
    ]
    return [(*row, "python -m benchmarks.speech") for row in rows]


def _speaker(results: dict[str, Any]) -> list[tuple[str, str, str]]:
    shipped = results["verification"]["shipped"]
    clips = shipped["pcmu"]["clip against clip"]
    rows = [
        (f"same speaker or not, clips of up to 4.6 s, mu-law, mean of {len(clips['sources'])} sources: EER",
         _interval(clips["eer"])),
        ("the same against 3 s / 1 s of a clip", " / ".join(
            f"{shipped['pcmu'][f'clip against {seconds}']['eer']['value']:.3f}" for seconds in ("3 s", "1 s")
        )),
        ("whole clips through GSM / with noise 10 dB below", " / ".join(
            f"{shipped[line]['clip against clip']['eer']['value']:.3f}" for line in ("gsm", "noise")
        )),
    ]
    # A part that was not measured for the encoder that ships has no figure.
    if "change" in results:
        change = results["change"]["pcmu"]
        natural, acted = (change[name]["shipped"] for name in ("without_acted_emotions", "acted_emotions"))
        rows += [
            ("another voice found by the shipped threshold: median net speech, within 6 s, false alarms an hour",
             _found(natural)),
            ("the same, acted emotions alone", _found(acted)),
        ]
    if "watch-list" in results:
        listed = results["watch-list"]
        rows += [
            ("strangers at a high risk by a watch list of 1 / 10 / 100 real voices, one clip each", " / ".join(
                f"{listed['real'][size]['strangers']:.3f}" for size in ("1", "10", "100")
            )),
            ("search of 100,000 voices, median", f"{listed['search']['ms']['median']:.1f} ms"),
        ]
    return [(*row, "python -m benchmarks.speaker") for row in rows]


def _found(point: dict[str, Any]) -> str:
    median = point["median_s"]["value"]
    return (f"{'never' if median is None else f'{median:.1f} s'}, {point['within_6_s']:.3f},"
            f" {point['false_alarms_per_hour']:.1f}")


def _capacity(results: dict[str, Any]) -> list[tuple[str, str, str]]:
    run = next(run for run in reversed(results["runs"]) if run["held"])
    command = "python -m benchmarks.capacity"
    lags = " / ".join(f"{run['decision_lag_ms'][percentile]:.0f}" for percentile in PERCENTILES)
    return [
        ("live Twilio calls held on one server core, no frame dropped", str(run["calls_achieved"]), command),
        ("decision lag at that load, p50 / p95 / p99", f"{lags} ms", command),
        ("server memory per call at that load", f"{run['server_mb_per_call']:.1f} MB", command),
    ]


def _replay(path: Path) -> list[tuple[str, str, str]]:
    """Every engine and number of workers; nothing until it was measured."""
    if not path.is_file():
        return []
    command = "python -m benchmarks.replay samples/replay/work/replay-demo --workers 1 2 4 --every 10"
    return [
        (
            f"replay, hours of audio a minute and worker, {run['engine']}, workers: {run['workers']}",
            f"{run['hours_per_minute_and_core']:.2f}", command,
        )
        for run in json.loads(path.read_text())["runs"]
    ]


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def main() -> None:
    """Write the table into README.md."""
    readme = ROOT / "README.md"
    head, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    readme.write_text(head + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
