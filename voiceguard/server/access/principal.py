"""Who asks, what they may reach, and the names by which they know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Request

from voiceguard.adapters.store.api_keys import ALL, Holder, KeyTerms
from voiceguard.events.tenants import kept_name, tenant_of, with_own_names
from voiceguard.server.access.rules import Role
from voiceguard.server.access.sessions import SignedIn


@dataclass(frozen=True)
class Principal:
    """A machine by its key or its provider's token, or a person by a session."""

    name: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()
    session: SignedIn | None = None
    """A person's."""
    terms: KeyTerms = ALL
    """A machine's."""
    digest: str = ""
    """What is kept of the secret of its key."""

    @classmethod
    def of_key(cls, holder: Holder) -> Principal:
        """Whoever holds a key."""
        return cls(holder.name, holder.scopes, terms=holder.terms, digest=holder.digest)

    @classmethod
    def of_person(cls, session: SignedIn) -> Principal:
        """Whoever is signed in."""
        return cls(session.person, roles=session.roles, session=session)

    @property
    def is_person(self) -> bool:
        """Whether somebody is signed in, rather than a machine."""
        return self.session is not None

    @property
    def kind(self) -> Literal["person", "machine", "assistant"]:
        """What asks."""
        return "person" if self.is_person else self.terms.kind

    @property
    def human(self) -> str:
        """The person behind it: two keys of one owner are one person."""
        return self.terms.owner or self.name

    @property
    def is_supervisor(self) -> bool:
        """Whether answers to handovers are those of a supervisor."""
        return "supervise" in self.scopes or Role.SUPERVISOR in self.roles

    @property
    def tenant(self) -> str | None:
        """Whose calls and customers are reached; None: those of all tenants."""
        return self.terms.tenant if self.session is None else self.session.tenant

    def may_act(self, tier: str, of_roles: Mapping[str, Collection[str]]) -> bool:
        """Whether actions of this tier are theirs to ask for and to decide. `of_roles`: role to its tiers; a role that
        is not named there has all."""
        if self.session is None:
            return self.terms.actions is None or tier in self.terms.actions
        return any(role not in of_roles or tier in of_roles[role] for role in self.roles)

    def kept(self, name: str) -> str:
        """The name under which this call or customer is kept. Whoever reaches all tenants gives kept names."""
        if self.tenant is None and not name.startswith("~"):
            return name
        return kept_name(self.tenant or "", name)

    def reaches(self, kept: str) -> bool:
        """Whether what is kept under this name is theirs to see."""
        return self.tenant in (None, tenant_of(kept))

    def shown(self, body: dict[str, Any]) -> dict[str, Any]:
        """An answer with the names that they know."""
        shown: dict[str, Any] = body if self.tenant is None else with_own_names(body)
        return shown


def principal_of(request: Request) -> Principal:
    """Who asks, as the application's own check found it."""
    principal: Principal = request.state.principal
    return principal


PrincipalOf = Annotated[Principal, Depends(principal_of)]


def _kept_call(call_id: str, who: PrincipalOf) -> str:
    return who.kept(call_id)


def _kept_customer(customer_ref: str, who: PrincipalOf) -> str:
    return who.kept(customer_ref)


KeptCall = Annotated[str, Depends(_kept_call)]
"""The path's call, under its kept name."""
KeptCustomer = Annotated[str, Depends(_kept_customer)]
"""The path's customer, under the kept name."""
