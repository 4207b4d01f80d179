"""What the HTTP endpoints share: strict bodies, and the service behind them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voiceguard.ingest.fields import IDENTIFIER
from voiceguard.server.context import WebContext


def _service(request: Request) -> WebContext:
    service: WebContext = request.app.state.service
    return service


ServiceOf = Annotated[WebContext, Depends(_service)]
Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER.pattern}$")]
Short = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """A JSON object with these fields and no others; what is wrong with it is told without its values."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
