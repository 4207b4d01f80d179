"""The API as a page for people: made of the OpenAPI document, without scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from voiceguard.server.openapi import operations
from voiceguard.server.problem_codes import CODES


def page(found: Mapping[str, Any]) -> str:
    """One HTML page of a document."""
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>voiceguard API</title>'
             '<link rel="stylesheet" href="/console/docs.css"><main>'
             f"<h1>{escape(found['info']['title'])} API {escape(found['info']['version'])}</h1>"
             f"<p>{escape(found['info']['description'])}</p>"
             '<p><a href="/openapi.json">OpenAPI 3.1 document</a></p><h2>Routes</h2>']
    for method, path, operation in operations(dict(found)):
        parts += _operation(f"{method} {path}", operation, found)
    parts.append("<h2>Webhooks</h2>")
    for kind, post in found["webhooks"].items():
        parts += _operation(kind, post["post"], found)
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(found["components"]["schemas"].items()):
        parts += [f'<h3 id="{escape(name)}">{escape(name)}</h3>', _text(schema.get("description", ""))]
        parts += _fields(schema)
    rows = "".join(f"<tr><td>{escape(code)}</td><td>{', '.join(map(str, statuses))}</td><td>{escape(meaning)}</td></tr>"
                   for code, (statuses, meaning) in sorted(CODES.items()))
    parts.append(f"<h2>Problem codes</h2><table><tr><th>code</th><th>status</th><th>meaning</th></tr>{rows}</table>")
    parts.append(f"<h2>Scopes</h2><p>{escape(', '.join(found['x-scopes']))}</p></main></html>\n")
    return "".join(parts)


def _operation(name: str, operation: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary>{escape(name)}</summary>{_text(operation.get('description') or operation['summary'])}"
    if "security" in operation:
        who = [f"keys of scope {operation['x-scope']}"] if operation["x-scope"] else []
        who += operation["x-roles"] + (["assistants"] if operation["x-assistant"] else [])
        yield f"<p>Who may: {escape(', '.join(who) or 'anybody')}</p>"
    for parameter in operation.get("parameters", ()):
        yield f"<p>{escape(parameter['in'])} <code>{escape(parameter['name'])}</code></p>"
    for title, content in _contents(operation):
        yield f"<p>{escape(title)}: {_kind(content)}</p>"
        if "properties" in content:
            yield from _fields(content)
    yield "</details>"


def _contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "body", content["schema"]
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            yield f"{status} {kind}", content.get("schema", {})


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "<table><tr><th>field</th><th>type</th><th>required</th><th>meaning</th></tr>"
    for name, inner in schema.get("properties", {}).items():
        needed = "yes" if name in schema.get("required", ()) else ""
        yield (f"<tr><td><code>{escape(name)}</code></td><td>{_kind(inner)}</td><td>{needed}</td>"
               f"<td>{_text(inner.get('description', ''))}</td></tr>")
    yield "</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    """The type in a few words; another schema is a link."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema and len(schema["enum"]) < 12:
        return escape(", ".join(map(str, schema["enum"])))
    if "const" in schema:
        return escape(str(schema["const"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))


def _text(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())
