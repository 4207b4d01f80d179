"""Results as tables: `calls.csv` [contract], and Parquet files that analysts query with DuckDB."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from voiceguard.analysis.optional_imports import load
from voiceguard.analysis.report.detection import Row
from voiceguard.analysis.report.outcomes import Burden, Weights, call_cost
from voiceguard.analysis.report.summary import Replayed, rows_of
from voiceguard.audit.export import safe_row

COLUMNS = (
    "policy", "call_id", "label", "source", "attack", "codec", "duration_s", "net_speech_s", "first_decision_net_s",
    "first_decision_s", "score", "band", "state", "highest_score", "fraud_llr", "synthetic_voice_llr", "expected",
    "decided", "as_expected", "step_ups", "handovers", "denials", "cost", "error",
)


def write_calls(path: Path, replayed: Replayed, names: Sequence[str], weights: Weights) -> None:
    """One row for each call and policy, in the order of the set; a call that failed has its error and little else."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        for place, name in enumerate(names):
            writer.writerows(map(safe_row, _lines(replayed, place, name, weights)))


def _lines(replayed: Replayed, place: int, name: str, weights: Weights) -> Iterator[dict[str, Any]]:
    rows = {row.call.call_id: row for row in rows_of(replayed, place)}
    for call, result in replayed:
        line: dict[str, Any] = {
            "policy": name, "call_id": call.call_id, "label": call.label,
            **{tag: call.tags.get(tag, "") for tag in ("source", "attack", "codec")},
            "expected": _pairs(call.expect),
        }
        row = rows.get(call.call_id)
        yield line | ({"error": result.error} if row is None else _line(row, weights))


def _line(row: Row, weights: Weights) -> dict[str, Any]:
    run, first, burden = row.run, row.run.first_number(), Burden.of(row)
    end = run.line[-1] if run.line else None
    decided = {action: one.decision.value for action, one in run.last().items()}
    return {
        "duration_s": row.result.duration_s, "net_speech_s": row.result.net_speech_s,
        "first_decision_net_s": None if first is None else first.net_s,
        "first_decision_s": None if first is None else first.at_s,
        "score": None if end is None else end.score,
        "band": "unknown" if end is None else end.band.value,
        "state": "insufficient_speech" if end is None else end.state.value,
        "highest_score": max((point.score for point in run.line if point.score is not None), default=None),
        "fraud_llr": None if first is None else round(row.shift, 4),
        "synthetic_voice_llr": None if first is None else round(row.voice_llr, 4),
        "decided": _pairs(decided),
        "as_expected": all(decided.get(action) == wanted for action, wanted in row.call.expect.items()),
        "step_ups": burden.step_ups, "handovers": burden.handovers, "denials": burden.denials,
        "cost": call_cost(row, weights),
    }


def _pairs(decided: Any) -> str:
    return "; ".join(f"{action}: {decision}" for action, decision in sorted(decided.items()))


_RISK = (
    "STRUCT(at_s DOUBLE, net_s DOUBLE, score INTEGER, band VARCHAR, state VARCHAR, evidence MAP(VARCHAR, DOUBLE))"
)
_RUNS = (
    f"STRUCT(policy VARCHAR, line {_RISK}[], decided STRUCT(action_id VARCHAR, action VARCHAR, tier VARCHAR, "
    f"sensitive BOOLEAN, asked_s DOUBLE, decision VARCHAR, state VARCHAR, rule VARCHAR, reasons VARCHAR[], "
    f"risk {_RISK})[])[]"
)
# The types are named, for a set without decisions to have the same tables.
_READ = """
CREATE TABLE runs AS SELECT call_id, unnest(runs, max_depth := 2)
FROM read_json(?, format := 'newline_delimited', columns := {call_id: 'VARCHAR', runs: '$runs'})
""".replace("$runs", _RUNS)
_QUERIES = {
    "risk": "SELECT call_id, policy, unnest(line, max_depth := 2) FROM runs",
    "decisions": "SELECT call_id, policy, unnest(decided, max_depth := 2) FROM runs",
}


def write_parquet(folder: Path, calls_csv: Path, replayed: Replayed) -> None:
    """`calls.parquet`, `risk.parquet` (each point of each call's line) and `decisions.parquet` in `folder`.

    Raises ConfigurationError without the extra `analysis`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        load("duckdb").connect() as database, NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as lines,
        NamedTemporaryFile(suffix=".csv") as table,
    ):
        shutil.copyfile(calls_csv, table.name)  # DuckDB takes ? and * in a folder's name for a pattern
        lines.writelines(result.model_dump_json() + "\n" for _, result in replayed)
        lines.flush()
        database.execute(_READ, [lines.name])
        queries = {**_QUERIES, "calls": "SELECT * FROM read_csv($csv)"}
        for name, query in queries.items():
            target = str(folder / f"{name}.parquet").replace("'", "''")
            source = query.replace("$csv", "'" + table.name.replace("'", "''") + "'")
            database.execute(f"COPY ({source} ORDER BY ALL) TO '{target}' (FORMAT parquet)")  # noqa: S608
