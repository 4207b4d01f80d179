"""Results as tables that other programs read."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from tests.analysis.calls import call, decided, point
from voiceguard.analysis.report.outcomes import Weights
from voiceguard.analysis.report.tables import COLUMNS, write_calls, write_parquet
from voiceguard.analysis.results import CallResult, Run

REPLAYED = [
    (
        call("a", expect={"payment": "allow"}, tags={"source": "s", "codec": "gsm"}),
        CallResult(call_id="a", duration_s=20.0, net_speech_s=9.5, runs=(
            Run(policy="1", line=(point(None, 2.0), point(-0.5, 4.0), point(0.25, 8.0)), decided=(decided("step_up"),)),
            Run(policy="2", line=(point(None, 2.0),), decided=(decided("allow", shift=None),)),
        )),
    ),
    (call("b'c,d", "synthetic"), CallResult(call_id="b'c,d", error="not readable as audio")),
]


@pytest.fixture
def calls_csv(tmp_path: Path) -> Path:
    """Two policies, a call and a broken file."""
    write_calls(tmp_path / "calls.csv", REPLAYED, ["now", "draft"], Weights(step_up=2.0))
    return tmp_path / "calls.csv"


def test_a_row_for_each_call_and_policy(calls_csv: Path) -> None:
    """In the order of the set; what is unknown is empty."""
    with calls_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [("now", "a"), ("now", "b'c,d"), ("draft", "a"), ("draft", "b'c,d")] == [
        (row["policy"], row["call_id"]) for row in rows
    ]
    assert {
        "label": "genuine", "source": "s", "attack": "", "codec": "gsm", "duration_s": "20.0", "net_speech_s": "9.5",
        "first_decision_net_s": "2.0", "first_decision_s": "4.0", "score": "50", "band": "low", "state": "ok",
        "highest_score": "50", "fraud_llr": "0.25", "synthetic_voice_llr": "0.25", "expected": "payment: allow",
        "decided": "payment: step_up", "as_expected": "False", "step_ups": "1", "handovers": "0", "denials": "0",
        "cost": "2.0", "error": "",
    } == {name: value for name, value in rows[0].items() if name not in ("policy", "call_id")}
    assert ("not readable as audio", "synthetic", "") == tuple(rows[1][name] for name in ("error", "label", "band"))
    assert ("", "unknown", "insufficient_speech", "True") == tuple(
        rows[2][name] for name in ("score", "band", "state", "as_expected")
    )
    assert list(COLUMNS) == list(rows[0])


def test_analysts_query_the_tables(calls_csv: Path, tmp_path: Path) -> None:
    """Calls, each point of a risk line, and decisions, joined in SQL."""
    write_parquet(tmp_path / "it's", calls_csv, REPLAYED)

    with duckdb.connect() as database:
        def ask(query: str) -> list[tuple[object, ...]]:
            return database.sql(query.replace("$", str(tmp_path / "it''s"))).fetchall()

        assert [("draft", 0), ("now", 1)] == ask(
            "SELECT policy, sum(step_ups)::INT FROM '$/calls.parquet' WHERE error IS NULL GROUP BY 1 ORDER BY 1"
        )
        assert [("1", 2.0, None), ("1", 4.0, -0.5), ("1", 8.0, 0.25), ("2", 2.0, None)] == ask(
            "SELECT policy, at_s, evidence['synthetic_voice'] FROM '$/risk.parquet' ORDER BY ALL"
        )
        assert [("a", "payment", "allow", ["why"], None), ("a", "payment", "step_up", ["why"], 50)] == ask(
            "SELECT call_id, action, decision, reasons, risk.score FROM '$/decisions.parquet' ORDER BY decision"
        )
