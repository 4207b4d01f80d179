"""What the benchmark of replay reports of a run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.replay.__main__ import measure
from tests.analysis.calls import short_set
from voiceguard.adapters.policy_files import DEFAULT_POLICY
from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.analysis.replay.runner import Bench
from voiceguard.settings import Settings


def test_a_run_is_counted(tmp_path: Path) -> None:
    """Audio, calls and workers as they were; rates are made of them and the time."""
    bench = Bench(Settings(), (DEFAULT_POLICY.read_text(encoding="utf-8"),), ("m@1",))
    calls = read_callset(short_set(tmp_path, "08-too-little-speech", seconds=9.0))
    run = measure(bench, calls, "local", 1)

    assert ("local", 1, 1, round(9 / 3600, 3)) == tuple(run[name] for name in ("engine", "workers", "calls", "audio_h"))
    assert run["s_per_call"] == run["wall_s"] or abs(float(run["s_per_call"]) - float(run["wall_s"])) < 0.06  # type: ignore[arg-type]
    assert float(run["hours_per_minute_and_core"]) > 0  # type: ignore[arg-type]
