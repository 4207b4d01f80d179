"""The HTTP endpoint of the inventory [contract]."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import PrincipalOf
from voiceguard.server.inventory import inventory, keep_uses
from voiceguard.server.schemas import ServiceOf

router = APIRouter(route_class=CheckedRoute)


@router.get("/v1/inventory", response_model=answers.Inventory)
async def read(request: Request, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Every route and who used it, up to now in this process and up to a minute ago in others."""
    await keep_uses(request.app)
    keys = None if who.tenant is None else {key["name"] for key in await service.store.api_keys.list(who.tenant)}
    return inventory(await service.store.uses.list(), keys)
