"""The OpenAPI 3.1 document of the HTTP API: routes, bodies, answers, who may, problem codes, scopes, webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from voiceguard.events.published import PUBLISHED, TEST
from voiceguard.server.access.rules import ASSISTANTS, ROUTES, SCOPES
from voiceguard.server.access.sessions import CSRF_HEADER
from voiceguard.server.problem_codes import CODES

_CODE_FIELDS = ("customer_ref", "action", "action_id", "code", "expires_at", "tenant")
_NUMBERS = {"expires_at", "alone_s"}


def document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document of these routes, JSON-ready; the same for the same code."""
    found = get_openapi(
        title="voiceguard", version=version("voiceguard-callguard"), openapi_version="3.1.0", routes=routes,
        description="Stops voice fraud on calls while they last. Times are Unix seconds, `at_s` is media time in "
                    "seconds. The streams are described by AsyncAPI, in docs/asyncapi.yaml.",
    )
    for method, path, operation in operations(found):
        _say_who_may(method, path, operation)
    schemas = found["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = {
        "type": "object", "title": "Problem", "description": "What went wrong (RFC 9457).",
        "properties": {
            "type": {"type": "string", "description": "urn:voiceguard:problem: and the code"},
            "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
            "code": {"type": "string", "enum": sorted(CODES),
                     "description": "\n".join(f"- `{code}` ({', '.join(map(str, statuses))}): {meaning}"
                                              for code, (statuses, meaning) in sorted(CODES.items()))},
        },
        "required": ["type", "title", "status", "detail", "code"],
    }
    found["components"]["responses"] = {"Problem": {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }}
    found["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": f"An API key; scopes: {', '.join(SCOPES)}."},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-voiceguard", "description":
                    f"Somebody signed in; `voiceguard` without https. What changes something needs {CSRF_HEADER}."},
    }
    found["x-scopes"] = list(SCOPES)
    found["webhooks"] = dict(_webhooks())
    return found


def operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of every route of a document."""
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _say_who_may(method: str, path: str, operation: dict[str, Any]) -> None:
    rule = ROUTES[method, path]
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    operation["security"] = [] if rule.is_open else [
        *([{"key": [rule.scope]}] if rule.scope else []), *([{"session": sorted(rule.roles)}] if rule.roles else [])
    ]
    operation["x-scope"], operation["x-roles"] = rule.scope, sorted(rule.roles)
    operation["x-assistant"] = (method, path) in ASSISTANTS


def _webhooks() -> Iterator[tuple[str, dict[str, Any]]]:
    headers = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    for published in PUBLISHED.values():
        yield published.type, _post(f"Told to subscribers of {published.type}.", _event(published.type, (
            "call_id", *published.fields)), headers)
    yield TEST, _post("Sent when somebody tries a subscription.", _event(TEST, ()), headers)
    code = {"type": "object", "properties": {name: _typed(name) for name in _CODE_FIELDS},
            "required": list(_CODE_FIELDS[:-1])}
    yield "code", _post("A one-time code for the customer, to otp_webhook_url.", code, headers)


def _post(text: str, schema: dict[str, Any], headers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"post": {
        "summary": text, "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "Taken; anything else is tried again."}},
    }}


def _event(kind: str, fields: Sequence[str]) -> dict[str, Any]:
    data = {"type": "object", "properties": {name: _typed(name) for name in fields}}
    return {"type": "object", "required": ["type", "timestamp", "data"], "properties": {
        "type": {"const": kind}, "timestamp": {"type": "string", "format": "date-time"}, "data": data,
    }}


def _typed(name: str) -> dict[str, Any]:
    if name == "reasons":
        return {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}}
    return {"type": "number" if name in _NUMBERS else "string"}
