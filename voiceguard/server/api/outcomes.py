"""The HTTP endpoints of outcomes [contract]: whether the controls help, and complaints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, model_validator

from voiceguard.measures import outcomes
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import PrincipalOf
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, Identifier, ServiceOf

router = APIRouter(route_class=CheckedRoute)
DAY_S = 86400.0
By = Literal["all", "policy", "action", "language", "line", "segment", "region", "day"]


class Complaint(Body):
    """What somebody complains of: a call, or the customer's last one; `at` in Unix seconds, empty: now."""

    customer_ref: Identifier | None = None
    about: Identifier | None = None
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
    at: float | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Complaint:
        if self.customer_ref is None and self.about is None:
            raise ValueError("a customer_ref or about, a call's id, is needed")
        return self


@router.get("/v1/outcomes", response_model=answers.Outcomes)
async def summed_up(
    service: ServiceOf, who: PrincipalOf, since: float | None = None, until: float | None = None, by: By = "all",
    changed_at: float | None = None,
) -> dict[str, Any]:
    """What came of the calls that began in a time, by groups; the last 30 days unless it says otherwise.

    `changed_at`: what is otherwise since then, against as long a time before.
    """
    now = service.now()
    until = now if until is None else until
    since = until - 30 * DAY_S if since is None else since
    found = await service.store.outcomes.counts(since, until, by, now=now, tenant=who.tenant)
    body: dict[str, Any] = {
        "since": since, "until": until, "by": by, "changes": [],
        "groups": [shown(name, counts, service.settings.costs) for name, counts in found.items()],
        "unequal": [] if by in ("all", "policy", "action", "day") else [
            one.text for one in outcomes.unequal({name: counts for name, counts in found.items() if name})
        ],
    }
    if changed_at is not None:
        before, after = [
            outcomes.total((await service.store.outcomes.counts(*span, now=now, tenant=who.tenant)).values())
            for span in ((2 * changed_at - until, changed_at), (changed_at, until))
        ]
        body["changes"] = [{"measure": one.measure, "low": one.low, "high": one.high, "text": one.text}
                           for one in outcomes.compare(before, after)]
    return body


def shown(name: str, counts: outcomes.Counts, costs: outcomes.CostOptions) -> dict[str, Any]:
    """One group, as it is answered."""
    return {
        "group": name, "counts": asdict(counts), "cost": round(outcomes.cost(counts, costs), 2),
        "rates": {measure: asdict(rate) for measure, rate in outcomes.rates(counts).items()},
    }


@router.post("/v1/complaints", response_model=answers.ComplaintKept, status_code=201)
async def complain(body: Complaint, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Keep a complaint; without a call it is about the customer's last call within 30 days before it."""
    complaint_id = await service.store.outcomes.complain(
        kind=body.kind, at=service.now() if body.at is None else body.at, author=who.name,
        call_id=None if body.about is None else who.kept(body.about),
        customer_ref=None if body.customer_ref is None else who.kept(body.customer_ref),
    )
    if complaint_id is None:
        raise Problem(404, "unknown_call", "No such call, or none of this customer in the 30 days before.")
    return {"complaint_id": complaint_id}
