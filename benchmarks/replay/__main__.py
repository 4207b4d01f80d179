"""Hours of audio replayed in a minute and core, by engine and workers: ``python -m benchmarks.replay SET``.

Every run starts from nothing and includes the start of its workers, the report left out. Writes
``benchmarks/results/replay.json``; Ray is measured where it is installed, on a cluster of this machine alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import tempfile
import time
from pathlib import Path

from voiceguard.adapters.models.onnx import MODELS_FOLDER, load_model
from voiceguard.adapters.policy_files import DEFAULT_POLICY
from voiceguard.analysis.callsets.callset import LabelledCall, read_callset
from voiceguard.analysis.replay.engines import EngineName
from voiceguard.analysis.replay.runner import Bench
from voiceguard.settings import Settings

RESULTS = Path(__file__).resolve().parents[1] / "results" / "replay.json"


def measure(bench: Bench, calls: list[LabelledCall], engine: EngineName, workers: int) -> dict[str, object]:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as work:
        began = time.monotonic()
        results = [result for _, result in bench.run(calls, Path(work), engine=engine, jobs=workers)]
        wall_s = time.monotonic() - began
    audio_h = sum(result.duration_s for result in results) / 3600
    return {
        "engine": engine, "workers": workers, "calls": len(calls), "audio_h": round(audio_h, 3),
        "wall_s": round(wall_s, 1), "s_per_call": round(wall_s * workers / len(calls), 3),
        "hours_per_minute_and_core": round(audio_h / (wall_s / 60) / workers, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("callset", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--every", type=int, default=1, help="of so many calls one is replayed")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    settings = Settings()
    models = (settings.synthetic_model, settings.verify_model, settings.speaker_model)
    versions = tuple(load_model(MODELS_FOLDER / name).version for name in models)
    bench = Bench(settings, (DEFAULT_POLICY.read_text(encoding="utf-8"),), versions)
    engines: list[EngineName] = ["local"]
    if importlib.util.find_spec("ray"):
        engines.append("ray")
    calls = read_callset(options.callset)[:: options.every]
    runs = []
    for engine in engines:
        for workers in options.workers:
            runs.append(measure(bench, calls, engine, workers))
            print(json.dumps(runs[-1]))
    machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}
    options.out.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
