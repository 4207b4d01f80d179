"""The agents' desk: how long a sign-in holds, and who vouches for people besides this service."""

from __future__ import annotations

from dataclasses import field

from pydantic import SecretStr
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class DeskOptions:
    """Times at the agents' desk."""

    session_idle_s: float = field(default=1800.0, metadata={"gt": 0})
    """Seconds without an act after which somebody is signed out."""
    session_absolute_s: float = field(default=43200.0, metadata={"gt": 0})
    """Seconds after the sign-in at which it ends whatever is done."""
    setup_h: float = field(default=24.0, metadata={"gt": 0})
    """Hours for which a set-up link is good."""
    orphan_s: float = field(default=60.0, metadata={"gt": 0})
    """Seconds that a handover may be without a person before the alarm; an orphan allows nothing."""
    second_approver: dict[str, str] = field(default_factory=lambda: {"money": "supervisor"})
    """Tier to the role that one of two approvers must have, agent or supervisor; an empty table: any two persons."""
    actions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Role to the tiers of actions that it asks for and decides; a role that is not named has all."""


@dataclass(frozen=True)
class OidcOptions:
    """An OpenID Connect provider that vouches for people, and for machines by bearer tokens; off without an issuer."""

    issuer: str = ""
    """As in its discovery document."""
    client_id: str = ""
    """This service's name at the provider."""
    client_secret: SecretStr | None = None
    """None for a public client; PKCE is used either way."""
    scope: str = "openid profile email"
    """Scopes that the sign-in asks for."""
    name_claim: str = "email"
    """Claim that is a person's name in records."""
    roles_claim: str = "groups"
    """Claim whose values give roles: a list, or words with a space between."""
    roles: dict[str, str] = field(default_factory=dict)
    """Value of that claim to role; whoever gets no role is not let in."""
    acr: str = ""
    """Assurance that is asked for and demanded, such as a second factor; empty: what the provider does suffices."""
    api_audience: str = ""
    """`aud` of the bearer tokens with which machines may call; empty: none may."""
