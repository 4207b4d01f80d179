"""What the HTTP endpoints share: strict bodies, and the service behind them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from voiceguard.ingest.fields import IDENTIFIER
from voiceguard.server.context import WebContext


def _service(request: Request) -> WebContext:
    service: WebContext = request.app.state.service
    return service


ServiceOf = Annotated[WebContext, Depends(_service)]
Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER.pattern}$")]
Short = Annotated[str, Field(min_length=1, max_length=200)]


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("a reason is more than blanks")
    return reason


Reason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_said)]
"""A person's words for the record."""


class Body(BaseModel):
    """A JSON object with these fields and no others; what is wrong with it is told without its values."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
