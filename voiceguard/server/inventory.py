"""The inventory: every route there is, who used it with which fields, and calls to routes that there are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceguard.adapters.store import StoreError
from voiceguard.privacy.dataflow import declared
from voiceguard.server.access.rules import ROUTES
from voiceguard.server.uses import Counted

_NAME = re.compile(r"[a-z][a-z_-]{0,31}|v[0-9]|openapi\.json")
ANSWER_FIELDS: Final = frozenset(
    field for place, fields in declared().items() if place.startswith("answer ") for field in fields
)


def without_names(path: str) -> str:
    """A path of a route that there is not, with `{}` for each part that may name somebody; at most six parts."""
    parts = path.strip("/").split("/")
    return "/" + "/".join(part if _NAME.fullmatch(part) else "{}" for part in parts[:6])


def names_in(body: Any) -> Iterator[str]:
    """Names of declared fields at any depth of an answer; other keys are data."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ANSWER_FIELDS:
                yield name
            yield from names_in(value)
    elif isinstance(body, list):
        for item in body[:3]:
            yield from names_in(item)


async def keep_uses(app: Any) -> None:
    """Write what the application counted. A store that cannot take it costs counts and nothing else."""
    service = getattr(app.state, "service", None)
    if service is not None and (uses := service.counted.taken()):
        with suppress(StoreError):
            await service.store.uses.add(uses)


def with_inventory(app: ASGIApp) -> ASGIApp:
    """Count who uses which route. What is asked and answered is not kept."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        service = scope["app"].state.service
        counted: Counted = service.counted
        status, parts, is_json = 0, list[bytes](), False

        async def watched(message: Message) -> None:
            nonlocal status, is_json
            if message["type"] == "http.response.start":
                status = message["status"]
                kind = Headers(raw=message["headers"]).get("content-type", "")
                is_json = status < 300 and kind.startswith("application/json") and counted.wants_fields(*_use(scope))
            elif message["type"] == "http.response.body" and is_json:
                parts.append(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, watched)
        finally:
            route, who = _use(scope)
            is_declared = "route" in scope or scope["path"].startswith("/console")
            if not is_declared:
                who = await _key_of(scope, service.now()) or ""
            if who and status not in (401, 403):
                fields = frozenset(names_in(orjson.loads(b"".join(parts)))) if is_json and any(parts) else ()
                counted.note(route, who, service.now(), is_declared=is_declared, fields=fields)

    return served


def _use(scope: Scope) -> tuple[str, str]:
    """Route and key of a request."""
    method = "WS" if scope["type"] == "websocket" else scope["method"].replace("HEAD", "GET")
    route = scope.get("route")
    path = route.path if route is not None else "/console" if scope["path"].startswith("/console") else without_names(
        scope["path"])
    principal = scope.get("state", {}).get("principal")
    if principal is None:
        return f"{method} {path}", "stream" if method == "WS" else "anybody"
    return f"{method} {path}", "people" if principal.is_person else principal.name


async def _key_of(scope: Scope, now: float) -> str | None:
    """Name of the key that came with a request which no route checked; None without a good one."""
    scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    with suppress(StoreError):
        holder = await scope["app"].state.service.store.api_keys.check(secret.strip(), now)
        return None if holder is None else str(holder.name)
    return None


def inventory(uses: Sequence[Mapping[str, Any]], keys: Iterable[str] | None = None) -> dict[str, Any]:
    """[contract] What `GET /v1/inventory` answers. `uses`: rows of the store; `keys`: whose uses are shown; None: all.

    A route that nobody used is so since counting began.
    """
    shown = [use for use in uses if keys is None or use["who"] in {*keys, "people", "stream", "anybody"}]
    since = min((use["first_at"] for use in uses), default=None)
    routes = []
    for (method, path), rule in ROUTES.items():
        theirs = [use for use in shown if use["is_declared"] and use["route"] == f"{method} {path}"]
        last = max((use["last_at"] for use in theirs), default=None)
        routes.append({
            "route": f"{method} {path}", "scope": rule.scope, "roles": sorted(rule.roles),
            "calls": sum(use["calls"] for use in theirs), "last_used_at": last,
            "unused_since": last if last is not None else since, "users": [_told(use) for use in theirs],
        })
    return {"counted_since": since, "routes": routes,
            "undeclared": [{"route": use["route"], **_told(use)} for use in shown if not use["is_declared"]]}


def _told(use: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": use["who"], "calls": use["calls"], "last_used_at": use["last_at"], "fields": list(use["fields"])}
