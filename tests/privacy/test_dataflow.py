"""The data-flow map: what it says, and that it is noticed when it says too little."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from tests.privacy import schemas
from tests.server.serving import serving
from voiceguard.errors import ConfigurationError
from voiceguard.privacy import dataflow
from voiceguard.privacy.places import PLACES
from voiceguard.server import answers
from voiceguard.server.access.rules import seen_by

ROOT = Path(__file__).parents[2]
FIELDS = list(dataflow.fields(seen_by()))


def test_undeclared_field_of_an_answer_is_named() -> None:
    """An answer that grows a field is told by its place and name."""
    found = schemas.found()
    found["answer Verdict"].add("mood")

    assert ["answer Verdict: mood is not declared"] == dataflow.undeclared(found)


def test_undeclared_table_is_named() -> None:
    """A table that the map lacks is told column by column."""
    assert "table moods: mood is not declared" in dataflow.undeclared({"table moods": {"mood"}})


def test_declared_field_that_is_gone_is_named() -> None:
    """The map does not keep what the code has given up."""
    found = schemas.found()
    found["table nonces"].remove("expires")

    assert ["table nonces: expires is declared and does not exist"] == dataflow.undeclared(found)


def test_answer_by_another_door_is_named() -> None:
    """An answer that a route gives and the map does not name for it is told."""
    assert ["GET /v1/policy: answer People leaves by an undeclared door"] == dataflow.undeclared_doors(
        {"GET /v1/policy": ["Policy", "People"]}
    )


def test_field_outside_of_an_answer_never_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an endpoint returns beside its declared fields is left out of the answer."""

    async def use() -> dict[str, object]:
        async with serving(tmp_path) as served, served.api() as api:
            async def listed(_: object) -> list[dict[str, object]]:
                return [{"name": "k", "scopes": [], "created_at": 1.0, "last_used_at": None, "old_until": None,
                         "expires_at": None, "tenant": "default", "kind": "machine", "owner": None,
                         "actions": None, "fields": None, "secret_sha256": "0"}]

            monkeypatch.setattr(served.service.store.api_keys, "list", listed)
            key = await served.service.store.api_keys.create("people", ["people"], by="tests", now=1.0)
            answer = await api.get("/v1/keys", headers={"Authorization": f"Bearer {key}"})
            return dict(answer.json()["keys"][0])

    assert set(answers.Key.__annotations__) == set(asyncio.run(use()))


def test_secrets_and_voices_leave_by_named_doors_only() -> None:
    """What proves or is a voice is in no answer, message or log line but where it has to be told once."""
    leaving = {f"{field.where}: {field.name}" for field in FIELDS
               if field.leaves and field.meaning.kind in ("secret", "biometric")}

    assert {
        "answer Decision: grant", "answer Registered: uuid", "answer Session: csrf", "answer SetUpBegun: secret",
        "answer SetUpBegun: uri", "answer SetUpBegun: qr", "answer SetUpFinished: recovery_codes",
        "message decision: grant", "webhook code delivery: code", "answer WebhookMade: secret",
    } == leaving


def test_what_rests_has_a_rule_that_ends_it() -> None:
    """No field is kept without a retention rule, and biometric ones lie encrypted."""
    resting = [field for field in FIELDS if field.rests and field.where != "metric labels"]

    assert [] == [field for field in resting if not field.retention]
    assert all("encrypted" in field.rests for field in resting if field.meaning.kind == "biometric")


def test_personal_fields_have_a_legal_basis() -> None:
    """What is of a person has a basis."""
    assert [] == [field for field in FIELDS
                  if field.meaning.kind in ("personal", "biometric") and not field.meaning.basis]


def test_files_of_the_data_folder_are_declared(tmp_path: Path) -> None:
    """A service writes no file that the map lacks."""

    def names() -> set[str]:
        return {path.name.removesuffix("-wal").removesuffix("-shm") for path in tmp_path.iterdir()}

    async def use() -> set[str]:
        async with serving(tmp_path):
            return names()

    assert set() == asyncio.run(use()) - {place.where.removeprefix("file ") for place in PLACES}


def test_document_is_what_the_command_makes() -> None:
    """docs/data-flow.md is generated."""
    from voiceguard.privacy.pictures import as_markdown

    assert (ROOT / "docs" / "data-flow.md").read_text(encoding="utf-8") == as_markdown(FIELDS)


def test_differences_name_what_came_went_and_changed() -> None:
    """One line a field."""
    before = [{**field.as_json()} for field in FIELDS[:3]]
    after = [before[0] | {"class": "secret"}, before[1], {**before[2], "name": "new"}]

    lines = dataflow.differences(before, after)

    assert ["~", "-", "+"] == [line[0] for line in lines] or {"~", "-", "+"} == {line[0] for line in lines}
    assert 3 == len(lines)


def test_differences_of_another_file_are_a_clear_error() -> None:
    """A file that is no map is named so."""
    with pytest.raises(ConfigurationError, match="data-flow map"):
        dataflow.differences([{"name": "x"}], [])


def test_json_form_has_the_contract_s_columns() -> None:
    """DESIGN's names, in its order."""
    assert dataflow.COLUMNS == tuple(FIELDS[0].as_json())
    assert dataclasses.is_dataclass(FIELDS[0])
