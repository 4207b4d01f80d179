"""`report.html` [contract]: one self-contained page that a fraud manager reads, on screen or on paper."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from voiceguard.analysis.optional_imports import load
from voiceguard.analysis.report import charts
from voiceguard.analysis.report.detection import Row
from voiceguard.analysis.report.outcomes import NOTHING, Weights, worst_calls
from voiceguard.errors import AudioFileError
from voiceguard.events import Decision

_HERE = Path(__file__).parent
_MOST_LISTED = 60
WEIGHTS: Final[Mapping[str, str]] = {
    "fraud_per_1000": "frauds among 1,000 calls", "missed_fraud": "a fraud that got through",
    "step_up": "a one-time code", "handover": "a handover", "denied_customer": "a customer denied",
}
"""The weights of the cost that a reader may change."""


def write_report(
    path: Path, title: str, summary: Mapping[str, Any], rows: Sequence[Row], *, risk_high: float, weights: Weights
) -> None:
    """`summary`: `metrics.json`. `rows`: under the first policy. `risk_high`: from where the risk is high, 0..1.

    Raises ConfigurationError without the extra `analysis`.
    """
    jinja2, Markup = load("jinja2"), load("markupsafe").Markup  # noqa: N806
    style, script = (Markup((_HERE / name).read_text(encoding="utf-8")) for name in ("report.css", "report.js"))
    pictures = {name: Markup(svg) for name, svg in _charts(summary).items()}
    worst = [_worst(row, path.parent, risk_high) for row in worst_calls(rows, weights)]
    for one in worst:
        one["line"] = Markup(one["line"])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string((_HERE / "report.html").read_text(encoding="utf-8")).render(
        title=title, **summary, charts=pictures, worst=worst, risk_high=risk_high, weights=WEIGHTS,
        outcomes=[*(decision.value for decision in Decision), NOTHING], most_listed=_MOST_LISTED,
        style=style, script=script, style_sha256=_sha256(style), script_sha256=_sha256(script),
    )
    path.write_text(page, encoding="utf-8")


def _charts(summary: Mapping[str, Any]) -> dict[str, str]:
    first = summary["policies"][0]
    kinds = {"synthetic voice": first["synthetic_voice"], "all fraud": first["fraud_risk"]}
    heard = {name: found for name, found in kinds.items() if found["det"]}
    pictures = {"det": "", "reliability": "", "trade_off": ""}
    if heard:
        pictures["det"] = charts.det({name: found["det"] for name, found in heard.items()})
        pictures["reliability"] = charts.reliability({name: found["reliability"] for name, found in heard.items()})
    if summary["threshold"] is not None:
        pictures["trade_off"] = charts.trade_off(summary["threshold"])
    return pictures


def _worst(row: Row, folder: Path, risk_high: float) -> dict[str, Any]:
    call, run = row.call, row.run
    try:
        picture = charts.spectrogram(call.read()["caller"])
    except AudioFileError:
        picture = ""
    since_s = None if not row.fraud else call.spoof_from_s or 0.0
    return {
        "call_id": call.call_id, "label": call.label, "tags": dict(call.tags),
        "link": _link(call.audio, folder) if call.recorded is None else "",
        "line": charts.risk_line(run, duration_s=row.result.duration_s, high=risk_high, spoof_from_s=since_s),
        "spectrogram": picture,
        "decided": [
            {
                "asked_s": one.asked_s, "action": one.action, "expected": call.expect.get(one.action, "–"),
                "decision": one.decision.value, "rule": one.rule, "reasons": one.reasons,
                "evidence": ", ".join(f"{name} {nats:+.1f}" for name, nats in one.risk.evidence.items()) or "none",
            }
            for one in run.decided
        ],
        "notes": [note.model_dump() for note in run.notes],
    }


def _link(audio: Path, folder: Path) -> str:
    """From the report to the audio, so that both may move together."""
    return quote(Path(os.path.relpath(audio.resolve(), folder.resolve())).as_posix())


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
