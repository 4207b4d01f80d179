"""What a policy says of an action at one moment of a call, and what a draft says beside it. Nothing is decided here."""

from __future__ import annotations

from dataclasses import replace

from voiceguard.events import Decision, Reason, ShadowRuled
from voiceguard.policy import actions
from voiceguard.policy.actions import Action, Now
from voiceguard.policy.challenges import Challenges
from voiceguard.policy.rules import Policy, Ruling, context


def ruling_of(policy: Policy, action: Action, at: Now, challenges: Challenges) -> Ruling:
    """The policy's answer with the assurance that the action has; wrong codes of this call deny what is sensitive."""
    event = action.event
    tier = policy.tier(event.action)
    if tier is not None and tier.sensitive and challenges.is_locked_here(at.now):
        reason = Reason("customer_locked", "Too many wrong codes were entered in this call.")
        return Ruling(Decision.DENY, "customer_locked", (reason,), tier.name)
    ruling = policy.decide(event.action, context(
        at.risk, assurance=action.assurance, consent=at.consent, customer_known=event.customer is not None,
        locked=challenges.is_locked(event.customer, at.now), injection=at.injection, action=event.action,
        tier=action.tier, parameters=event.parameters, principal_kind=event.asker.kind,
        prepared_by=action.prepared_by or "",
    ))
    if ruling.rule == "customer_locked":
        ruling = replace(ruling, reasons=(*ruling.reasons, *actions.wrong_calls(action)))
    return ruling


def drafted(draft: Policy, action: Action, at: Now, challenges: Challenges, live: Ruling) -> list[ShadowRuled]:
    """What the draft says of the same question as `live`, where that is news."""
    ruling = ruling_of(draft, action, at, challenges)
    if action.drafted == (ruling.decision, live.decision):
        return []
    action.drafted = ruling.decision, live.decision
    return [ShadowRuled(
        action.event.action_id, action.event.action, ruling.tier, ruling.decision, ruling.rule, ruling.reasons,
        draft.sha256[:12], live.decision, at.risk,
    )]
