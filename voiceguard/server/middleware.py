"""What every request passes: security headers, a limit on bodies, and log fields of the stream's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from voiceguard.server.problems import problem_response
from voiceguard.settings import Settings

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every HTTP answer."""

MAX_BODY_BYTES = 65536
HSTS_S = 31536000
"""One year (RFC 6797); sent wherever TLS is spoken, by this service or by a proxy before it."""
STREAMS = "/v1/stream/"


def guarded_by_limits(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Security headers on every answer, hosts as they are allowed, and no body read that is too large or of unknown
    length."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        is_host = _is_allowed(scope, settings.allowed_hosts)
        if scope["type"] == "websocket":
            if not is_host:
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
                return
            if scope["path"].startswith(STREAMS):
                structlog.contextvars.bind_contextvars(protocol=scope["path"].removeprefix(STREAMS))
            with suppress(WebSocketDisconnect):  # gone, or cut by a limit, before it was accepted
                await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["scheme"] == "https" or (settings.web_origin or "").startswith("https:"):
                    headers["Strict-Transport-Security"] = f"max-age={HSTS_S}"
                if scope["path"].startswith("/console"):  # its files keep their names from one version to the next
                    headers["Cache-Control"] = "no-cache"
                elif scope["path"].startswith("/v1/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        refusal = _refuse_body(scope) if is_host else problem_response(
            421, "other_host", "This service is not reached under this host name."
        )
        await (refusal or app)(scope, receive, send_with_headers)

    return guarded


def _is_allowed(scope: Scope, hosts: Collection[str]) -> bool:
    if not hosts:
        return True
    named = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
    return any(named == host or (host.startswith("*.") and named.endswith(host[1:])) for host in hosts)


def _refuse_body(scope: Scope) -> Response | None:
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        return problem_response(411, "length_required", "Send the body with a Content-Length.")
    if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
        return problem_response(413, "too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    return None
