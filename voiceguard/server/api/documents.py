"""The API's own description: the OpenAPI document, and the same as a page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse

from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.docs_page import page
from voiceguard.server.openapi import document

router = APIRouter(route_class=CheckedRoute)


@router.get("/openapi.json", response_class=JSONResponse, response_model=None)
def openapi_json(request: Request) -> JSONResponse:
    """This document."""
    return JSONResponse(_document(request.app))


@router.get("/docs", response_class=HTMLResponse, response_model=None)
def docs(request: Request) -> HTMLResponse:
    """This document as a page, for people who are signed in."""
    return HTMLResponse(page(_document(request.app)))


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:  # FastAPI's own place for it; routes do not change while the service runs
        app.openapi_schema = document(app.routes)
    return app.openapi_schema
