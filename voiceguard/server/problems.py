"""Errors of the HTTP API as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from voiceguard.adapters.store import StoreError
from voiceguard.live.registry import CallOver, NotLive, UnknownAction, UnknownCall

_NOT_LIVE: Mapping[type[NotLive], tuple[int, str]] = {
    UnknownCall: (404, "unknown_call"), UnknownAction: (404, "unknown_action"), CallOver: (409, "call_over"),
}

log = structlog.get_logger()


class Problem(Exception):
    """Answer the request with this problem; `detail` is read by people outside and names no secret."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers


def problem_response(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """`application/problem+json` with the stable `code` in the type URN and as an extension member."""
    body = {
        "type": f"urn:voiceguard:problem:{code}", "title": HTTPStatus(status).phrase, "status": status,
        "detail": detail, "code": code,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def route_of(request: Request) -> str:
    """The route's template: a path itself may name a customer, which no log may."""
    return str(getattr(request.scope.get("route"), "path", "no such route"))


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        if problem.status in (401, 403):
            log.warning("request refused", method=request.method, route=route_of(request), status=problem.status,
                        code=problem.code, reason=problem.detail)
        return problem_response(problem.status, problem.code, problem.detail, problem.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        # Only where and what, never the value: it may be a one-time code.
        places = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return problem_response(422, "invalid_request", "; ".join(places))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
        return problem_response(error.status_code, code, str(error.detail), error.headers)

    @app.exception_handler(NotLive)
    async def _not_live(_: Request, error: NotLive) -> Response:
        return problem_response(*_NOT_LIVE[type(error)], str(error))

    @app.exception_handler(StoreError)
    async def _store(_: Request, __: StoreError) -> Response:
        return problem_response(503, "store_unavailable", "The store cannot be used now.", {"Retry-After": "5"})
