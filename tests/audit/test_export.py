"""Receipts in other systems' words, held against the published schemas by other people's code."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from voiceguard.audit.export import CSV_COLUMNS, OCSF_VERSION, as_cloudevent, as_line, as_ocsf, as_row, safe_row
from voiceguard.events import Band, Decision, RiskState

SCHEMA = Draft202012Validator(
    OcsfJsonSchemaEmbedded(get_ocsf_schema(OCSF_VERSION)).get_class_schema("detection_finding", ["security_control"])
)


def receipt(
    decision: str = "handover", band: str = "high", state: str = "ok", score: int | None = 56,
    at: float = 1764342000.25, human: str | None = None, grant: str | None = None,
) -> dict[str, Any]:
    """As the audit gives it."""
    return {
        "call_id": "call-1", "action_id": "a1", "at": at,
        "system": {"models": {"synthetic": "s@1", "speaker": "p@2"}, "policy": "0123456789ab", "rule": "high_risk"},
        "data": {
            "media_s": 24.8, "net_speech_s": 12.5, "parameters_sha256": "ab", "recorded_before_sha256": "cd",
            "evidence": [{"source": "synthetic_voice", "llr": 1.5, "weight": 2.0, "contribution": 3.0, "windows": 9}],
        },
        "produced": {
            "action": "payment", "decision": decision, "state": "handed_over", "grant_jti": grant,
            "reasons": [{"code": "high_risk", "text": "The risk is high."}, {"code": "elevated_risk", "text": "Ünd."}],
            "risk": {"score": score, "band": band, "state": state},
        },
        "control": {"tier": "money", "step_up": "urn:voiceguard:acr:otp"}, "human": human,
        "place": {"chain": "call-1", "seq": 7, "sha256": "ef01"},
    }


receipts = st.builds(
    receipt, st.sampled_from([one.value for one in Decision]), st.sampled_from([one.value for one in Band]),
    st.sampled_from([one.value for one in RiskState]), st.none() | st.integers(0, 100), st.floats(0, 4e9),
    st.none() | st.text(), st.none() | st.text(),
).filter(lambda one: one["produced"]["risk"]["band"] != "unknown" or one["produced"]["risk"]["score"] is None)


@given(receipts)
def test_every_receipt_is_a_valid_ocsf_finding(one: dict[str, Any]) -> None:
    """By the schema of that version, which allows no attribute that it does not know."""
    finding = json.loads(as_line(as_ocsf(one, "0.1.0")))

    assert [] == [error.message for error in SCHEMA.iter_errors(finding)]
    assert (2004, 200401, round(one["at"] * 1000)) == (finding["class_uid"], finding["type_uid"], finding["time"])


def test_the_schema_would_find_a_wrong_finding() -> None:
    """The check above can fail."""
    wrong = as_ocsf(receipt(), "0.1.0") | {"colour": "red", "disposition_id": 1000}

    assert 2 == len(list(SCHEMA.iter_errors(wrong)))


@pytest.mark.parametrize(("decision", "action", "disposition", "status"), [
    ("allow", 1, 1, 4), ("step_up", 2, 23, 2), ("handover", 2, 14, 2), ("deny", 2, 2, 4),
])
def test_decisions_in_words_of_ocsf(decision: str, action: int, disposition: int, status: int) -> None:
    """Allowed; challenge; delayed; blocked."""
    finding = as_ocsf(receipt(decision), "0.1.0")

    assert (action, disposition, status) == (finding["action_id"], finding["disposition_id"], finding["status_id"])
    assert (56, 3, 4) == (finding["risk_score"], finding["risk_level_id"], finding["severity_id"])
    assert finding["is_alert"]
    assert "risk_score" not in as_ocsf(receipt(band="unknown", score=None), "0.1.0")


@given(receipts)
def test_nothing_of_a_receipt_is_lost(one: dict[str, Any]) -> None:
    """Every value of it stands somewhere in the finding."""
    text = json.dumps(as_ocsf(one, "0.1.0"))
    values = [
        *one["system"]["models"].values(), one["human"], one["produced"]["grant_jti"], one["place"]["sha256"],
        one["data"]["recorded_before_sha256"], one["produced"]["risk"]["state"], one["control"]["step_up"],
    ]

    assert [] == [value for value in values if json.dumps(value) not in text]


@given(receipts)
def test_every_receipt_is_a_valid_cloudevent(one: dict[str, Any]) -> None:
    """Read by the CloudEvents project's own library, which checks the attributes."""
    event = JSONFormat().read(CloudEvent, as_line(as_cloudevent(one, "urn:voiceguard:test")).encode())

    assert one == event.get_data()
    assert ("ef01", "call-1", f"voiceguard.decision.{one['produced']['decision']}") == (
        event.get_id(), event.get_subject(), event.get_type()
    )
    at = event.get_time()
    assert at is not None
    assert at.timestamp() == pytest.approx(one["at"], abs=2e-3)


def test_time_is_rfc_3339() -> None:
    """In UTC, to the millisecond."""
    assert "2025-11-28T15:00:00.250Z" == as_cloudevent(receipt(), "urn:x")["time"]


def test_rows_are_flat() -> None:
    """Several values share a cell; what there is none of is empty."""
    file = io.StringIO()
    writer = csv.DictWriter(file, CSV_COLUMNS)
    writer.writeheader()
    writer.writerow(as_row(receipt(score=None, band="unknown")))
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))

    assert ("high_risk; elevated_risk", "", "", "speaker=p@2; synthetic=s@1", "7") == tuple(
        row[name] for name in ("reasons", "risk_score", "human", "models", "seq")
    )
    assert set(CSV_COLUMNS) == set(row)


@pytest.mark.parametrize(("value", "shown"), [
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("+441", "'+441"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\\t=1"), ("\r=1", "'\\r=1"), ("\n", "'\\n"),
    ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
    ("a\x00b", "a\\u0000b"), ("call-1", "call-1"), ("", ""), (-1.5, -1.5), (None, None),
])
def test_safe_row_text_is_no_formula(value: object, shown: object) -> None:
    """Whoever opens the table in a spreadsheet runs nothing; numbers stay numbers."""
    assert {"cell": shown} == safe_row({"cell": value})
