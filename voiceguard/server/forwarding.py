"""Requests about a call that another worker holds: sent there over the bus, answered here.

The request goes as it came, with its credentials, and the call's worker checks it anew: a worker believes no other
one's word of who asks.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Scope

from voiceguard.adapters.bus import BusError
from voiceguard.live.registry import UnknownAction
from voiceguard.server.access.principal import Principal
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem

HTTP = "http"
"""The question to the worker of a call: answer this request."""
SPARE_S = 1.0
"""Time that a forwarded request has beyond a decision's own."""
_KEPT = frozenset({
    b"authorization", b"cookie", b"content-type", b"content-length", b"host", b"idempotency-key", b"origin",
    b"x-csrf-token",
})
"""Headers that travel; what a proxy said of the connection was looked at here."""
_MARK = "voiceguard.forwarded"


class Forwarded(Exception):
    """Answer the request with what the call's worker said."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def forward_to_owner(connection: HTTPConnection) -> None:
    """Dependency of the whole application, after `authorise`: raises Forwarded where another worker holds the call.

    Raises Problem when that worker does not answer, StoreError when nobody knows who holds it.
    """
    scope = connection.scope
    service: WebContext = connection.app.state.service
    bus = service.live.bus
    if scope["type"] != "http" or bus.is_alone or scope.get(_MARK):
        return
    who: Principal | None = getattr(connection.state, "principal", None)
    owner = None if who is None else await _owner(service, who, scope["path_params"])
    if owner is None or owner == bus.worker:
        return
    assert isinstance(connection, Request)
    question = {
        "method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode("latin-1"),
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"] if name in _KEPT
        ],
        "scheme": scope["scheme"], "client": scope["client"], "body": b64encode(await connection.body()).decode(),
    }
    try:
        answer = await bus.ask(owner, HTTP, question, service.settings.decision_timeout_s + SPARE_S)
    except BusError:
        late = {"Retry-After": "1"}
        raise Problem(503, "worker_unavailable", "The worker that holds this call does not answer.", late) from None
    raise Forwarded(Response(b64decode(answer["body"]), answer["status"], dict(answer["headers"])))


async def answer(app: FastAPI, question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request that another worker got."""
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": question["method"],
        "path": question["path"], "raw_path": question["path"].encode(), "root_path": "",
        "query_string": question["query"].encode("latin-1"), "scheme": question["scheme"],
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in question["headers"]],
        "client": question["client"], "server": None, "state": {}, _MARK: True,
    }
    sent: list[Message] = []
    body = b64decode(question["body"])

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    return {
        "status": start["status"],
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
            if name.lower() != b"content-length"
        ],
        "body": b64encode(b"".join(message.get("body", b"") for message in sent[1:])).decode(),
    }


def install(app: FastAPI) -> None:
    """Answer what was forwarded."""

    @app.exception_handler(Forwarded)
    async def _forwarded(_: Request, forwarded: Forwarded) -> Response:
        return forwarded.response


async def _owner(service: WebContext, who: Principal, named: Mapping[str, str]) -> str | None:
    """The worker of the call that the path names; None for none, and for this one's own."""
    if "call_id" in named:
        call_id = who.kept(named["call_id"])
        return None if call_id in service.registry.calls else await service.store.workers.owner(call_id)
    if (action_id := named.get("action_id")) is not None:
        with suppress(UnknownAction):
            service.registry.holding(action_id)
            return None
        return await service.store.workers.owner_of_action(action_id)
    return None
