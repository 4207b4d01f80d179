"""Measure the speaker encoder on the development set: ``python -m benchmarks.speaker``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from benchmarks.speaker.encoder import Encoder
from benchmarks.speaker.report import as_text, build
from benchmarks.speaker.takeover import play_calls
from benchmarks.speaker.verification import compare
from voiceguard.analysis.channels import ChannelName


def main() -> None:
    """Score every speaker trial of dev, play take-overs, print the figures and write them to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speaker", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of dev.csv and the trials")
    parser.add_argument("--model", type=Path, default=Path("models/speaker-campplus"), help="folder of the model")
    parser.add_argument("--channel", default="pcmu", choices=get_args(ChannelName), help="line before the encoder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speaker.json"))
    arguments = parser.parse_args()
    encoder = Encoder(arguments.model, arguments.channel)
    report = {
        "settings": {"channel": arguments.channel},
        "model": encoder.model.version,
        **build(compare(encoder, arguments.data), play_calls(encoder, arguments.data)),
        "cost": encoder.time_window(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")
    print(as_text(report))


if __name__ == "__main__":
    main()
