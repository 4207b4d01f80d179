"""Rules that the whole repository keeps, which no other check sees."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import figures
from tests.privacy import schemas
from voiceguard.adapters.models.onnx import model_cards
from voiceguard.privacy import dataflow
from voiceguard.settings import Settings

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "voiceguard").rglob("*.py"))
TESTED_ELSEWHERE = {
    "voiceguard/__main__.py": "tests/cli/test_mistakes.py",
    "voiceguard/cli/live.py": "tests/cli/test_mistakes.py",
    "voiceguard/cli/shared.py": "tests/cli/test_mistakes.py",
    "voiceguard/events/voices.py": "tests/test_call_voices.py",
    "voiceguard/events/wire.py": "tests/test_call.py",
    "voiceguard/errors.py": "tests/cli/test_mistakes.py",
    "voiceguard/settings/webhooks.py": "tests/adapters/delivery/test_address.py",
    "voiceguard/settings/audit.py": "tests/adapters/test_audit_seal.py",
    "voiceguard/settings/desk.py": "tests/server/access/test_sign_in.py",
    "voiceguard/settings/limits.py": "tests/server/port/test_http.py",
    "voiceguard/server/port/bounded.py": "tests/server/port/test_http.py",
    "voiceguard/settings/platforms.py": "tests/cli/test_mistakes.py",
    "voiceguard/adapters/delivery/webhook.py": "tests/adapters/delivery/test_otp.py",
    "voiceguard/adapters/store/restore.py": "tests/adapters/test_audit_seal.py",
    "voiceguard/adapters/models/detectors.py": "tests/cli/test_recordings.py",
    "voiceguard/policy/actions.py": "tests/policy/test_engine.py",
    "voiceguard/ingest/fields.py": "tests/ingest/test_native.py",
    "voiceguard/ingest/plivo_auth.py": "tests/ingest/test_plivo.py",
    "voiceguard/ingest/signed_url.py": "tests/ingest/test_twilio.py",
    "voiceguard/ingest/twilio_auth.py": "tests/ingest/test_twilio.py",
    "voiceguard/ingest/vonage_auth.py": "tests/ingest/test_vonage.py",
    "voiceguard/simulator/connection.py": "tests/simulator/test_demo.py",
    "voiceguard/simulator/protocols/asterisk.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/audiosocket.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/fork.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/platform.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/audiohook.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/native.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/plivo.py": "tests/simulator/protocols/test_platforms.py",
    "voiceguard/simulator/protocols/telnyx.py": "tests/simulator/protocols/test_platforms.py",
    "voiceguard/simulator/protocols/twilio.py": "tests/simulator/protocols/test_lines.py",
    "voiceguard/simulator/protocols/vonage.py": "tests/simulator/protocols/test_platforms.py",
    "voiceguard/analysis/replay/recording.py": "tests/analysis/replay/test_scoring.py",
    "voiceguard/analysis/replay/voices.py": "tests/cli/test_voices.py",
    "voiceguard/simulator/player.py": "tests/simulator/test_demo.py",
    "voiceguard/server/app.py": "tests/server/access/test_authenticate.py",
    "voiceguard/live/messages.py": "tests/server/streams/test_native.py",
    "voiceguard/server/schemas.py": "tests/server/api/test_voices.py",
    "voiceguard/live/metrics.py": "tests/server/access/test_authenticate.py",
    "voiceguard/live/context.py": "tests/live/test_call.py",
    "voiceguard/live/consent.py": "tests/server/api/test_consents.py",
    "voiceguard/live/gallery.py": "tests/server/api/test_voices.py",
    "voiceguard/server/context.py": "tests/server/api/test_actions.py",
    "voiceguard/server/streams/plivo.py": "tests/server/streams/test_platforms.py",
    "voiceguard/server/streams/credentials.py": "tests/server/streams/test_platforms.py",
    "voiceguard/server/streams/stream_token_auth.py": "tests/server/streams/test_platforms.py",
    "voiceguard/server/streams/telnyx.py": "tests/server/streams/test_platforms.py",
    "voiceguard/server/streams/vonage.py": "tests/server/streams/test_platforms.py",
    "voiceguard/server/streams/session.py": "tests/server/streams/test_native.py",
    "voiceguard/server/streams/websocket.py": "tests/server/streams/test_native.py",
    "voiceguard/server/answers/decisions.py": "tests/privacy/test_dataflow.py",
    "voiceguard/server/answers/people.py": "tests/privacy/test_dataflow.py",
    "voiceguard/server/answers/voices.py": "tests/privacy/test_dataflow.py",
    "voiceguard/privacy/meanings.py": "tests/privacy/test_dataflow.py",
    "voiceguard/privacy/places.py": "tests/privacy/test_dataflow.py",
    "voiceguard/server/problems.py": "tests/server/api/test_actions.py",
    "voiceguard/server/access/principal.py": "tests/server/test_tenants.py",
    "voiceguard/adapters/store/grants.py": "tests/server/test_grant_revocation.py",
    "voiceguard/server/access/fields.py": "tests/server/test_separation.py",
    "voiceguard/adapters/facts.py": "tests/cli/test_compliance.py",
    "voiceguard/adapters/store/facts.py": "tests/cli/test_compliance.py",
    "voiceguard/privacy/compliance_report.py": "tests/cli/test_compliance.py",
    "voiceguard/server/uses.py": "tests/server/test_inventory.py",
    "voiceguard/server/api/inventory.py": "tests/server/test_inventory.py",
    "voiceguard/adapters/store/uses.py": "tests/server/test_inventory.py",
    "voiceguard/server/docs_page.py": "tests/server/test_openapi.py",
    "voiceguard/server/api/documents.py": "tests/server/test_openapi.py",
    "voiceguard/server/connections.py": "tests/server/access/test_revocation.py",
}
"""Modules without a test file of their own name, and the one that covers them."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_tests_mirror_the_package() -> None:
    """Every module with code of its own has its test file, in the folder of the same name."""
    wanted = {}
    for path in MODULES:
        code = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        if code and path.name != "__init__.py" and "migrations" not in path.parts:
            mirrored = Path("tests", *path.relative_to(ROOT / "voiceguard").parts[:-1], f"test_{path.name}")
            wanted[_name(path)] = TESTED_ELSEWHERE.get(_name(path), mirrored.as_posix())

    assert [] == [f"{module}: {test}" for module, test in wanted.items() if not (ROOT / test).is_file()]


def test_modules_are_short() -> None:
    """No module and no test file has more than 400 lines."""
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    long = {_name(path) for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400}

    assert set() == long


def test_every_module_says_what_it_is_for() -> None:
    """The first thing in a module is a sentence."""
    assert [] == [_name(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]


def test_every_setting_is_described() -> None:
    """A setting without a sentence is a riddle."""
    assert [] == [name for name, field in Settings.model_fields.items() if not field.description]


def test_models_are_what_their_cards_say_and_small() -> None:
    """Weights have the hashes of their papers, and weigh less than 40 MB together."""
    cards = model_cards(ROOT / "models")

    assert {"synthetic-stream", "synthetic-verify", "speaker-campplus"} == {card["name"] for card in cards}
    assert all(card["verified"] for card in cards)
    assert sum(path.stat().st_size for path in (ROOT / "models").rglob("*.onnx")) < 40e6


def test_readme_shows_the_measured_figures() -> None:
    """README's table is what the benchmarks' results say."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert figures.BEGIN + figures.table() + figures.END in readme


def test_every_field_is_in_the_data_flow_map() -> None:
    """No event, table, record, body, answer, message, log line or webhook has a field that the map lacks."""
    assert [] == dataflow.undeclared(schemas.found())


def test_no_answer_leaves_by_an_undeclared_door() -> None:
    """Every route gives away only the answers that `voiceguard.privacy.doors` names for it."""
    answers = {door: [name.removeprefix("answer ") for name in found if name.startswith("answer ")]
               for door, found in schemas.doors().items()}

    assert [] == dataflow.undeclared_doors(answers)


def test_links_lead_somewhere() -> None:
    """Every relative link of every document names a file of the repository."""
    broken = []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*/*.md"),
                 *(ROOT / "training").glob("*.md"), *(ROOT / "samples").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{_name(path)}: {target}")

    assert [] == broken


def test_nothing_large_or_generated_is_kept() -> None:
    """Version control holds no file above 25 MB (a model may weigh that), no audio but the samples, and no bytecode."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout")
    files = [Path(name) for name in listed.stdout.split("\0") if name]

    assert [] == [file for file in files if (ROOT / file).is_file() and (ROOT / file).stat().st_size > 25e6]
    audio = [file for file in files if file.suffix in {".wav", ".flac", ".mp3", ".ogg"}]
    assert {"samples"} == {file.parts[0] for file in audio}
    assert [] == [file for file in files if file.suffix in {".pyc", ".so", ".db"}]
