"""`voiceguard replay` [contract]: a call set in; `report.html`, `calls.csv`, `metrics.json` and more tables out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceguard.adapters.models.onnx import MODELS_FOLDER, load_model
from voiceguard.adapters.policy_files import DEFAULT_POLICY, read_policy
from voiceguard.analysis import optional_imports
from voiceguard.analysis.callsets.asvspoof import Score, write_key, write_scores
from voiceguard.analysis.callsets.callset import Intent, check_actions, read_callset, read_watchlist
from voiceguard.analysis.callsets.from_verdicts import RECORDED
from voiceguard.analysis.replay.engines import EngineName
from voiceguard.analysis.replay.runner import Bench
from voiceguard.analysis.report.outcomes import Weights
from voiceguard.analysis.report.report import write_report
from voiceguard.analysis.report.summary import PSI_ALERT, Replayed, rows_of, summarise
from voiceguard.analysis.report.tables import write_calls, write_parquet
from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings


@dataclass(frozen=True)
class Wish:
    """What to replay, and how."""

    callset: Path
    folder: Path
    """Of the report."""
    policies: tuple[Path, ...] = ()
    """Empty: the one that the settings name."""
    engine: EngineName = "local"
    jobs: int | None = None
    """Workers; None: one for each core."""
    budget_per_1000: float = 20.0
    """Genuine callers that may be handed over, of 1,000 who ask for something sensitive."""
    psi_alert: float = PSI_ALERT
    allow_outside: bool = False
    """Whether audio may lie outside the set's folder."""


def replay_callset(wish: Wish, settings: Settings) -> dict[str, Any]:
    """Replay what is not yet replayed, and write the report's files; returns what stands in `metrics.json`.

    Progress goes to stderr where that is a terminal. Raises ConfigurationError, EngineError.
    """
    optional_imports.need(optional_imports.REPORT)
    files = wish.policies or (settings.policy_file or DEFAULT_POLICY,)
    if len({file.stem for file in files}) < len(files):
        raise ConfigurationError("policies are told apart by their files' names, and two of them have the same")
    policies = [read_policy(file) for file in files]
    calls = read_callset(wish.callset, allow_outside=wish.allow_outside)
    if not calls:
        raise ConfigurationError(f"{wish.callset.name}: holds no call")
    recorded = [(call, call.recorded) for call in calls if call.recorded is not None]
    if recorded and len(recorded) < len(calls):
        raise ConfigurationError("calls with and without audio cannot be replayed together")
    if recorded and wish.policies:
        raise ConfigurationError("no audio was kept of these calls, so no policy can be tried on them")
    if recorded:
        wish.folder.mkdir(parents=True, exist_ok=True)
        return _write(wish, settings, recorded, [RECORDED], {})
    check_actions([event.action for call in calls for event in call.events if isinstance(event, Intent)], policies)
    models = _models(settings)
    bench = Bench(
        settings, tuple(file.read_text(encoding="utf-8") for file in files), tuple(models.values()),
        tuple(one.audio for one in read_watchlist(wish.callset, allow_outside=wish.allow_outside)),
    )
    with optional_imports.load("tqdm").tqdm(total=len(calls), unit="call", disable=None) as progress:
        work = wish.folder / "work"
        replayed = list(bench.run(calls, work, engine=wish.engine, jobs=wish.jobs, done=progress.update))
    return _write(wish, settings, replayed, [file.stem for file in files], models)


def _write(
    wish: Wish, settings: Settings, replayed: Replayed, names: Sequence[str], models: Mapping[str, str]
) -> dict[str, Any]:
    weights = Weights()
    summary = summarise(
        replayed, names, models=models, prior=settings.risk.prior, risk_high=settings.risk.high,
        budget_per_1000=wish.budget_per_1000, psi_alert=wish.psi_alert, weights=weights,
    )
    write_calls(wish.folder / "calls.csv", replayed, names, weights)
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    (wish.folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    write_parquet(wish.folder / "tables", wish.folder / "calls.csv", replayed)
    write_scores(wish.folder / "scores.tsv", _scores(replayed))
    write_key(wish.folder / "key.tsv", [call for call, result in replayed if result.error is None])
    write_report(
        wish.folder / "report.html", _title(wish.callset), summary, rows_of(replayed, 0),
        risk_high=settings.risk.high, weights=weights,
    )
    return summary


def _scores(replayed: Replayed) -> list[Score]:
    """For other programs. A call with too little speech has a 0: no evidence either way."""
    trials = all("trial" in call.tags for call, result in replayed if result.error is None)
    return [
        Score(
            row.call.call_id, row.voice_llr if row.heard else 0.0,
            (row.call.customer_ref or "-") if trials else "", None, -row.shift if row.heard else 0.0,
        )
        for row in rows_of(replayed, 0)
    ]


def _models(settings: Settings) -> dict[str, str]:
    """Role to `<name>@<sha256-12>`, of models that are what their cards say."""
    folder = settings.models_dir or MODELS_FOLDER
    names = {
        "synthetic": settings.synthetic_model, "verify": settings.verify_model, "speaker": settings.speaker_model
    }
    return {role: load_model(folder / name).version for role, name in names.items() if name}


def _title(path: Path) -> str:
    path = path.resolve()
    return path.parent.name if path.name == "calls.jsonl" else path.stem
