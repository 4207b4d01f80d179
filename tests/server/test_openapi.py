"""The OpenAPI document: complete, true, and readable for those who may."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.privacy.schemas import _delivered
from tests.server.access.test_authenticate import on
from tests.server.desk import browser, session_token
from tests.server.serving import Served
from voiceguard.events.published import TEST
from voiceguard.privacy.dataflow import declared
from voiceguard.server.access.rules import ROUTES, SCOPES, Role
from voiceguard.server.app import documented
from voiceguard.server.openapi import operations
from voiceguard.server.problem_codes import CODES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As `voiceguard openapi` prints it."""
    return documented()


def test_document_in_docs_is_that_of_the_code(document: dict[str, Any]) -> None:
    """`voiceguard openapi > docs/openapi.json` makes it anew."""
    assert json.loads((ROOT / "docs" / "openapi.json").read_text()) == json.loads(json.dumps(document))


def test_document_has_every_route_with_who_may(document: dict[str, Any]) -> None:
    """The table of rules and the document name the same routes, scopes and roles."""
    wanted = {route: (rule.scope, sorted(rule.roles)) for route, rule in ROUTES.items()
              if route[0] != "WS" and route[1] != "/console"}

    assert wanted == {(method, path): (operation["x-scope"], operation["x-roles"])
                      for method, path, operation in operations(document)}
    assert list(SCOPES) == document["x-scopes"]


def test_document_references_resolve_and_schemas_are_valid(document: dict[str, Any]) -> None:
    """Each reference leads to something, each schema is one of JSON Schema 2020-12."""
    for reference in _references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_codes_are_those_that_the_code_answers() -> None:
    """Every literal code of a problem, those of refusals on a live call, and the framework's."""
    found = {"unknown_call", "unknown_action", "call_over", "not_found", "method_not_allowed"}
    for path in (ROOT / "voiceguard").rglob("*.py"):
        is_live = "live" in path.parts or path.name == "quotas.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(_codes(node, is_live))

    assert found == set(CODES)


def test_webhooks_have_the_fields_that_the_map_declares(document: dict[str, Any]) -> None:
    """Each event's data as the data-flow map has it, and the code's body as it is sent."""
    told = {name: set(post["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"].get(
        "data", {}).get("properties", {})) for name, post in document["webhooks"].items() if name not in ("code", TEST)}
    code = document["webhooks"]["code"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert {name.removeprefix("webhook "): fields for name, fields in declared().items()
            if name.startswith("webhook ") and name != "webhook code delivery"} == told
    assert _delivered() == set(code["properties"])


def test_document_and_page_are_for_whoever_may(tmp_path: Path) -> None:
    """A stranger gets neither, a key of scope docs the document alone, somebody signed in both."""

    async def use(served: Served) -> Any:
        key = await served.service.store.api_keys.create("reader", ("docs",), by="test", now=1.0)
        token = await session_token(served, "ann", (Role.AUDITOR,))
        async with browser(served) as stranger, served.api(key) as api, browser(served, token) as page:
            return {path: [(await stranger.get(path)).status_code, (await api.get(path)).status_code,
                           await page.get(path)] for path in ("/openapi.json", "/docs")}

    found = on(tmp_path, use)
    (stranger, by_key, seen), (page_stranger, page_by_key, page) = found["/openapi.json"], found["/docs"]
    assert (401, 200, 200) == (stranger, by_key, seen.status_code)
    assert (401, 403, 200) == (page_stranger, page_by_key, page.status_code)
    assert "3.1.0" == seen.json()["openapi"]
    assert "POST /v1/grants/redeem" in page.text and "grant_spent" in page.text and "decision.made" in page.text
    assert "<script" not in page.text and "http://" not in page.text and "https://" not in page.text


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref" and isinstance(value, str))
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _references(value)


def _codes(node: ast.AST, is_live: bool) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if name in ("Problem", "problem_response") and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value)
        refused = any(word.arg == "fatal" and not getattr(word.value, "value", True) for word in node.keywords)
        if is_live and refused and texts:
            yield str(texts[0])
