"""Keys that are cut down to named fields: what of an answer, or of the live feed, reaches their holder."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceguard.server.access.principal import Principal


def cut(body: Any, fields: Collection[str]) -> Any:
    """JSON data with the named fields, each whole, and nothing around them but what leads there."""
    if isinstance(body, dict):
        inner = {name: value if name in fields else cut(value, fields) for name, value in body.items()}
        return {name: value for name, value in inner.items() if name in fields or value not in (None, {}, [])}
    if isinstance(body, list | tuple):
        return [item for item in (cut(item, fields) for item in body) if item not in (None, {}, [])]
    return None


def with_named_fields(app: ASGIApp) -> ASGIApp:
    """Every JSON answer to a key with named fields holds no others; what went wrong is told whole."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        parts: list[bytes] = []

        async def send_cut(message: Message) -> None:
            nonlocal start
            fields = _fields_of(scope)
            if fields is None:
                await send(message)
            elif message["type"] == "http.response.start":
                start = message
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if not kind.startswith("application/json"):
                    start = None
                    await send(message)
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = orjson.dumps(cut(orjson.loads(b"".join(parts) or b"null"), fields) or {})
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await app(scope, receive, send_cut if scope["type"] == "http" else send)

    return served


def _fields_of(scope: Scope) -> Collection[str] | None:
    who: Principal | None = scope.get("state", {}).get("principal")
    return None if who is None else who.terms.fields
