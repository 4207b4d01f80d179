"""Every schema of the code, found by looking: what the data-flow map is held against."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml
from fastapi.routing import APIRoute
from pydantic import BaseModel
from typing_extensions import is_typeddict

from tests.server.serving import Voice
from voiceguard import events
from voiceguard.adapters.delivery.otp import WebhookDelivery
from voiceguard.adapters.logs import FIELDS
from voiceguard.adapters.store.tables import metadata
from voiceguard.events import CodeToDeliver
from voiceguard.events.published import PUBLISHED
from voiceguard.live.feed import CallView
from voiceguard.live.handovers import Handover
from voiceguard.live.metrics import Metrics
from voiceguard.server import answers
from voiceguard.server.app import create_app
from voiceguard.settings import Settings

PACKAGE = Path(__file__).parents[2] / "voiceguard"
DECISION = set(answers.Decision.__annotations__) - {"call_id", "grant", "risk"}
"""What the live feed tells of a decision."""


def found() -> dict[str, set[str]]:
    """Every place and the fields that it has in the code."""
    places = {
        **_events(), **_tables(), **_records(), **_messages(), "log line": set(FIELDS), "metric labels": _labels(),
        "webhook code delivery": _delivered(),
        **{f"webhook {one.type}": {"call_id", *one.fields} for one in PUBLISHED.values()},
    }
    for schemas in doors().values():
        for name, fields in schemas.items():
            places.setdefault(name, set()).update(fields)
    return places


def doors() -> dict[str, dict[str, set[str]]]:
    """Each HTTP route (method and path) and what its bodies and answers hold: place to fields."""
    app = create_app(Settings(data_dir=Path("nowhere")), detectors=Voice().detectors())
    routes: dict[str, dict[str, set[str]]] = {}
    for route in _routes(app.routes):
        door = f"{min((route.methods or set()) - {'HEAD'})} {route.path}"
        answer = dict(_schemas(route.response_model, "answer")) if route.response_model is not None else {}
        body = dict(_schemas(route.body_field.field_info.annotation, "body")) if route.body_field else {}
        routes[door] = {**answer, **body}
    return routes


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)


def _schemas(kind: Any, role: str) -> Iterator[tuple[str, set[str]]]:
    """The typed dictionaries and models that a type names, at any depth."""
    if is_typeddict(kind):
        hints = typing.get_type_hints(kind)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        hints = {name: field.annotation for name, field in kind.model_fields.items()}
    else:
        for inner in typing.get_args(kind):
            yield from _schemas(inner, role)
        return
    yield f"{role} {kind.__name__}", set(hints)
    for inner in hints.values():
        yield from _schemas(inner, role)


def _events() -> dict[str, set[str]]:
    return {
        f"event {name}": {field.name for field in dataclasses.fields(kind)}
        for module in (events.commands, events.outcomes, events.scores, events.voices, events.wire)
        for name, kind in vars(module).items() if dataclasses.is_dataclass(kind)
    }


def _tables() -> dict[str, set[str]]:
    return {f"table {table.name}": set(table.columns.keys()) for table in metadata.tables.values()}


def _records() -> dict[str, set[str]]:
    """Kinds of records by the literals that make them: `add("kind", {...})`, `record_act(.., "kind", name=..)`, or a
    dictionary with a `kind` and an `at`."""
    kinds: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for kind, fields in _made(node):
                kinds.setdefault(f"record {kind}", set()).update(fields)
    return kinds


def _messages() -> dict[str, set[str]]:
    """The messages of docs/asyncapi.yaml, which other tests hold against the code, and what the live feed tells."""
    document = yaml.safe_load((PACKAGE.parent / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))["components"]
    schemas = document["schemas"]
    named = {name: _properties(message["payload"], schemas) for name, message in document["messages"].items()}
    told: set[str] = {"kind", "at_s"}
    for path in (PACKAGE / "live", PACKAGE / "server"):
        for file in path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                told |= _told(node)
    shown = Handover("", "", "", "", [], 0.0, 0.0).shown()
    return {
        **{f"message {name}": fields for name, fields in named.items() if fields},
        "message live call": set(CallView("", None, 0.0).since(0, 0)), "message live event": told,
        "message live handover": set(shown),
    }


def _properties(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _properties(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    inner = [_properties(part, schemas) for part in schema.get("allOf", ())]
    return set(schema.get("properties", {})).union(*inner)


def _told(node: ast.AST) -> set[str]:
    """Facts of an event of the live feed: `add_event(kind, at_s, **facts)`, `note(call_id, kind, **facts)`, or a
    returned triple of kind, time and facts. A decision's are the message's."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
        node.func.attr == "add_event" or (node.func.attr == "note" and ast.unparse(node.func.value).endswith("hub"))
    ):
        facts = {keyword.arg for keyword in node.keywords if keyword.arg}
        spread = any(keyword.arg is None and "shown" in ast.unparse(keyword.value) for keyword in node.keywords)
        return facts | (DECISION if spread else set())
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
        last = node.value.elts[2]
        if isinstance(last, ast.Dict):
            return _texts(last)
    return set()


def _labels() -> set[str]:
    metrics: Any = Metrics().registry
    return {label for metric in metrics._collector_to_names for label in getattr(metric, "_labelnames", ())}


def _delivered() -> set[str]:
    bodies: list[bytes] = []

    def keep(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(204)

    async def deliver() -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(keep))
        await WebhookDelivery("https://codes.example", "secret", client=client).deliver(
            CodeToDeliver("a", "brand~c", "payment", "123456", 1.0)
        )

    asyncio.run(deliver())
    return set(json.loads(bodies[0]))


def _made(node: ast.AST) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, ast.Dict):
        keys = _texts(node)
        if "kind" in keys and not {"recipient", "offers"} & keys:
            pairs = zip(node.keys, node.values, strict=True)
            kind = next(value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "kind")
            if isinstance(kind, ast.Constant):
                yield str(kind.value), keys - {"kind", "at"}
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        facts = [arg for arg in node.args if isinstance(arg, ast.Dict)]
        if name in ("add", "record") and texts and facts:
            yield texts[0], _texts(facts[0])
        elif name == "record_act" and texts:
            yield texts[0], {keyword.arg for keyword in node.keywords if keyword.arg}


def _texts(node: ast.Dict) -> set[str]:
    """The keys of a dictionary that stand there as texts."""
    return {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
