"""Who used which route in the store: counts, never what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import route_uses

MOST_UNDECLARED = 1000
"""Rows of calls to routes that there are not; further ones add to the row of the key without a path."""


@dataclass(slots=True)
class Use:
    """Uses of one route by one key since the last look; times are Unix seconds."""

    route: str
    """Method and path as in the table of rules; of a route that there is not, its path without what may be a name."""
    who: str
    """Name of the key, or `people`, `stream`, `anybody`."""
    is_declared: bool
    calls: int
    first_at: float
    last_at: float
    fields: frozenset[str]


class Uses:
    """Keeps uses of routes; `Store.uses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, uses: Iterable[Use]) -> None:
        """Add what was counted."""
        async with self._database.write("count uses of routes") as connection:
            strange = (await connection.execute(
                select(func.count()).select_from(route_uses).where(route_uses.c.is_declared == 0)
            )).scalar_one()
            for use in uses:
                route = use.route
                if not use.is_declared and strange >= MOST_UNDECLARED:
                    route = route.partition(" ")[0]
                where = (route_uses.c.route == route) & (route_uses.c.who == use.who)
                known = (await connection.execute(select(route_uses.c.fields).where(where))).one_or_none()
                if known is None:
                    strange += not use.is_declared
                    await connection.execute(insert(route_uses).values(
                        route=route, who=use.who, is_declared=int(use.is_declared), calls=use.calls,
                        first_at=use.first_at, last_at=use.last_at, fields=" ".join(sorted(use.fields)),
                    ))
                else:
                    await connection.execute(update(route_uses).where(where).values(
                        calls=route_uses.c.calls + use.calls, last_at=use.last_at,
                        fields=" ".join(sorted(use.fields | set(known.fields.split()))),
                    ))

    async def list(self) -> list[dict[str, Any]]:
        """Every row, by route and key; `fields` is a list."""
        async with self._database.read("list uses of routes") as connection:
            rows = await connection.execute(select(route_uses).order_by(route_uses.c.route, route_uses.c.who))
            return [{**row, "fields": row["fields"].split(), "is_declared": bool(row["is_declared"])}
                    for row in rows.mappings()]
