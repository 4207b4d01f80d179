"""The HTTP endpoints for whoever runs the service: which people and keys there are. They are changed on the command
line, where the data folder is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import PrincipalOf
from voiceguard.server.schemas import ServiceOf

router = APIRouter(route_class=CheckedRoute)


@router.get("/v1/people", response_model=answers.People)
async def people(service: ServiceOf, who: PrincipalOf, response: Response) -> dict[str, Any]:
    """Everybody who may sign in, their roles and when they last did."""
    return {"people": await service.store.users.list(who.tenant)}


@router.get("/v1/keys", response_model=answers.Keys)
async def keys(service: ServiceOf, who: PrincipalOf, response: Response) -> dict[str, Any]:
    """Every machine's key, its scopes and when it was last used."""
    return {"keys": await service.store.api_keys.list(who.tenant)}
