"""Who may do what: every route and every topic of the live feed, with the scope and the roles that open it.

Machines hold keys with scopes, people hold roles. Whoever is not named in a line is refused, and so is a route without
a line: what was forgotten fails closed. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from voiceguard.ingest.platforms import PLATFORMS


class Role(StrEnum):
    """What somebody's work is."""

    PLATFORM = "platform"
    """A machine that streams calls, asks for actions and acts on grants; never a person."""
    AGENT = "agent"
    """Speaks with callers, and decides what was handed over."""
    SUPERVISOR = "supervisor"
    """An agent who is also the second approver, and sees why."""
    ANALYST = "analyst"
    """Follows fraud across calls, and keeps the watch list."""
    AUDITOR = "auditor"
    """Reads decisions and their records, and changes nothing."""
    PRIVACY = "privacy"
    """Answers for what is kept of customers, and erases it."""
    ADMIN = "admin"
    """Runs the service, and sees people and keys but no calls."""


PEOPLE: Final = frozenset(Role) - {Role.PLATFORM}
"""Roles that a person can sign in with."""


@dataclass(frozen=True)
class Rule:
    """Who passes: a key of this scope, or a person of one of these roles."""

    scope: str | None
    """None: no key opens it."""
    roles: frozenset[Role] = frozenset()
    is_open: bool = False
    """Anybody passes here; what more has to be proved, the route checks itself."""


def _rule(scope: str | None, *roles: Role) -> Rule:
    return Rule(scope, frozenset(roles))


PUBLIC: Final = Rule(None, is_open=True)
"""Anybody may ask."""
OWN_PROOF: Final = Rule(None, is_open=True)
"""The telephony platform proves itself in its own way; see the route's codec."""

NOBODY: Final = Rule(None)
"""Of a route that has no line."""

_DESK: Final = (Role.AGENT, Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR)

ROUTES: Final[Mapping[tuple[str, str], Rule]] = MappingProxyType({
    # calls come in
    **{
        ("WS", platform.path): _rule("stream", Role.PLATFORM) if platform.authentication == "api_key" else OWN_PROOF
        for platform in PLATFORMS.values() if platform.path is not None
    },
    ("POST", "/v1/audiosocket/calls"): _rule("stream", Role.PLATFORM),
    # may this action proceed?
    ("POST", "/v1/calls/{call_id}/actions"): _rule("actions", Role.PLATFORM, Role.AGENT, Role.SUPERVISOR),
    ("POST", "/v1/calls/{call_id}/customer"): _rule("actions", Role.PLATFORM, Role.AGENT, Role.SUPERVISOR),
    ("GET", "/v1/actions/{action_id}"): _rule("actions", Role.PLATFORM),
    ("POST", "/v1/actions/{action_id}/otp"): _rule("actions", Role.PLATFORM),  # no person ever handles a code
    ("POST", "/v1/actions/{action_id}/handover"): _rule("handover", Role.AGENT, Role.SUPERVISOR),
    ("GET", "/v1/actions/{action_id}/handover"): _rule("handover", Role.AGENT, Role.SUPERVISOR),
    ("GET", "/v1/policy"): _rule("calls", *_DESK),
    ("POST", "/v1/grants/redeem"): _rule("grants", Role.PLATFORM),
    ("POST", "/v1/screen"): _rule("screen", Role.PLATFORM),
    # what happened
    ("WS", "/v1/live"): _rule("live", *_DESK),
    ("GET", "/v1/calls"): _rule("calls", Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR),
    ("GET", "/v1/calls/{call_id}"): _rule("calls", Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR),
    ("GET", "/v1/calls/{call_id}/receipts"): _rule("receipts", Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR),
    ("POST", "/v1/calls/{call_id}/verdict"): _rule("verdicts", Role.AGENT, Role.SUPERVISOR, Role.ANALYST),
    ("GET", "/v1/verdicts"): _rule("verdicts", Role.ANALYST, Role.AUDITOR),
    # whom callers may claim to be
    ("GET", "/v1/customers"): _rule("customers", Role.AUDITOR, Role.PRIVACY),
    ("POST", "/v1/customers"): _rule("customers"),
    ("POST", "/v1/customers/import"): _rule("customers"),
    ("GET", "/v1/customers/{customer_ref}"): _rule("customers", Role.SUPERVISOR, Role.AUDITOR, Role.PRIVACY),
    ("PUT", "/v1/customers/{customer_ref}/totp"): _rule("customers"),
    ("POST", "/v1/customers/{customer_ref}/unlock"): _rule("customers", Role.SUPERVISOR),
    ("DELETE", "/v1/customers/{customer_ref}"): _rule("customers", Role.PRIVACY),
    # voices that outlive a call
    ("POST", "/v1/calls/{call_id}/voiceprint"): _rule("enrol", Role.SUPERVISOR),
    ("GET", "/v1/customers/{customer_ref}/voiceprints"): _rule("enrol", Role.AUDITOR, Role.PRIVACY),
    ("DELETE", "/v1/customers/{customer_ref}/voiceprint"): _rule("enrol", Role.PRIVACY),
    ("POST", "/v1/calls/{call_id}/watchlist"): _rule("watchlist", Role.ANALYST),
    ("POST", "/v1/calls/{call_id}/watchlist/proposal"): _rule(
        "watchlist", Role.AGENT, Role.SUPERVISOR, Role.ANALYST
    ),
    ("GET", "/v1/calls/{call_id}/spectrogram"): _rule(None, Role.SUPERVISOR, Role.ANALYST),
    ("GET", "/v1/watchlist"): _rule("watchlist", Role.ANALYST, Role.AUDITOR, Role.PRIVACY),
    ("POST", "/v1/watchlist/{entry_id}/review"): _rule("watchlist", Role.ANALYST),
    ("DELETE", "/v1/watchlist/{entry_id}"): _rule("watchlist", Role.ANALYST, Role.PRIVACY),
    # what callers agree to
    ("GET", "/v1/consents"): _rule("consents", Role.SUPERVISOR, Role.AUDITOR, Role.PRIVACY),
    ("POST", "/v1/consents"): _rule("consents", Role.AGENT, Role.SUPERVISOR, Role.PRIVACY),
    ("POST", "/v1/consents/withdrawals"): _rule("consents", Role.AGENT, Role.SUPERVISOR, Role.PRIVACY),
    ("DELETE", "/v1/consents/{consent_id}"): _rule("consents", Role.SUPERVISOR, Role.PRIVACY),
    # people at the desk
    ("GET", "/v1/session"): PUBLIC,
    ("POST", "/v1/session"): PUBLIC,
    ("DELETE", "/v1/session"): _rule(None, *PEOPLE),
    ("POST", "/v1/session/seen"): _rule(None, *PEOPLE),
    ("POST", "/v1/setup"): PUBLIC,
    ("POST", "/v1/setup/finish"): PUBLIC,
    ("GET", "/v1/oidc/start"): PUBLIC,
    ("GET", "/v1/oidc/callback"): PUBLIC,
    ("GET", "/v1/people"): _rule("people", Role.AUDITOR, Role.ADMIN),
    ("GET", "/v1/keys"): _rule("people", Role.AUDITOR, Role.ADMIN),
    # do the controls help
    ("GET", "/v1/outcomes"): _rule("outcomes", Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR),
    ("POST", "/v1/complaints"): _rule("complaints", Role.AGENT, Role.SUPERVISOR, Role.PRIVACY),
    # who is told of events
    ("GET", "/v1/webhooks"): _rule("webhooks", Role.AUDITOR, Role.ADMIN),
    ("POST", "/v1/webhooks"): _rule("webhooks", Role.ADMIN),
    ("DELETE", "/v1/webhooks/{webhook_id}"): _rule("webhooks", Role.ADMIN),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): _rule("webhooks", Role.AUDITOR, Role.ADMIN),
    ("POST", "/v1/webhooks/{webhook_id}/test"): _rule("webhooks", Role.ADMIN),
    ("POST", "/v1/webhooks/{webhook_id}/replay"): _rule("webhooks", Role.ADMIN),
    # the service itself
    ("GET", "/v1/inventory"): _rule("inventory", Role.AUDITOR, Role.PRIVACY, Role.ADMIN),
    ("GET", "/metrics"): _rule("metrics", Role.ADMIN),
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/.well-known/jwks.json"): PUBLIC,
    ("GET", "/console"): PUBLIC,
    ("GET", "/openapi.json"): _rule("docs", *PEOPLE),
    ("GET", "/docs"): _rule(None, *PEOPLE),
})
"""Method (WS for a websocket) and path to who may."""

ASSISTANTS: Final = frozenset({
    ("POST", "/v1/calls/{call_id}/actions"), ("GET", "/v1/actions/{action_id}"), ("POST", "/v1/screen"),
})
"""What the key of an AI agent opens, whatever its scopes: it asks and prepares, and proves or approves nothing."""
ASSISTANT_SCOPES: Final = ("actions", "screen")

TOPICS: Final[Mapping[str, frozenset[Role]]] = MappingProxyType({
    "calls": frozenset(_DESK),  # that there is one, since when, and how it ended
    "customer": frozenset({Role.AGENT, Role.SUPERVISOR, Role.ANALYST}),  # whom the caller claims to be
    "risk": frozenset(_DESK),  # score, band, state, and what each source adds
    "models": frozenset({Role.SUPERVISOR, Role.ANALYST, Role.AUDITOR}),  # raw evidence, weights, hashes
    "decisions": frozenset(_DESK),
    "handovers": frozenset(_DESK),
    "intents": frozenset(_DESK),
    "transcript": frozenset({Role.AGENT, Role.SUPERVISOR, Role.ANALYST}),  # masked, and what was flagged in it
    "media": frozenset({Role.AGENT, Role.SUPERVISOR, Role.ANALYST}),
    "voices": frozenset({Role.SUPERVISOR, Role.ANALYST}),  # which entry of a list a voice resembles
    "verdicts": frozenset(_DESK),
})
"""Topic of the live feed to the roles that see it. A key of scope `live` sees all of them."""

SCOPES: Final = tuple(sorted({rule.scope for rule in ROUTES.values() if rule.scope} | {"supervise"}))
"""Every scope that a key can have; `supervise` makes answers to handovers those of a supervisor."""


def may(rule: Rule, scopes: Collection[str], roles: Collection[Role]) -> bool:
    """Whether a key of these scopes, or somebody of these roles, passes."""
    return rule.is_open or rule.scope in scopes or not rule.roles.isdisjoint(roles)


def topics_for(roles: Collection[Role]) -> frozenset[str]:
    """What somebody of these roles sees on the live feed."""
    return frozenset(topic for topic, seen_by in TOPICS.items() if not seen_by.isdisjoint(roles))


def seen_by() -> dict[str, tuple[str, ...]]:
    """Method and path of each route to the roles and the scope that pass it, or `anybody`."""
    return {
        f"{method} {path}": ("anybody",) if rule.is_open else (
            *sorted(rule.roles), *((f"scope:{rule.scope}",) if rule.scope else ())
        )
        for (method, path), rule in ROUTES.items()
    }
