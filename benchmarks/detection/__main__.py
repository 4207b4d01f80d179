"""Measure the synthetic-voice detector on the development set: ``python -m benchmarks.detection``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.detection.report import as_text, build
from benchmarks.detection.scoring import load_detector, score_clips, time_window


def main() -> None:
    """Score every clip of dev, print the figures and write them to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of dev.csv and train.csv")
    parser.add_argument("--model", type=Path, default=Path("models/synthetic-stream"), help="folder of the model")
    parser.add_argument(
        "--channel", default="pcmu", choices=["pcmu", "pcma", "gsm", "opus", "none"], help="line before the detector"
    )
    parser.add_argument("--max-speech", type=float, default=4.0, help="seconds of net speech heard of each clip")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/detection.json"))
    arguments = parser.parse_args()
    clips = score_clips(arguments.data, arguments.model, arguments.channel, arguments.max_speech, arguments.jobs)
    report = build(clips)
    report["settings"] = {"channel": arguments.channel, "max_speech_s": arguments.max_speech}
    report["model"] = load_detector(arguments.model).version
    report["cost"] = time_window(arguments.model)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")
    print(as_text(report))


if __name__ == "__main__":
    main()
