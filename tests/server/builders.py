"""Values and stand-ins that the server's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voiceguard.adapters.store import StoreError
from voiceguard.errors import VoiceguardError
from voiceguard.events import (
    ActionDecided,
    ActionOverruled,
    Band,
    CallInput,
    CallStarted,
    Challenge,
    CodeToDeliver,
    CustomerFacts,
    Decision,
    Grant,
    Outcome,
    Reason,
    Risk,
    RiskState,
    Samples,
)
from voiceguard.policy.states import STATE_OF
from voiceguard.privacy.consent import Standing

LOW = Risk(8.0, 5.0, 4, Band.LOW, RiskState.OK, ())
STARTED = CallStarted("call-1", "pcmu", 8000, ("caller",), customer_ref="customer-1")
CODE = CodeToDeliver("a1", "customer-1", "refund", "123456", 1000.0)



def decided(decision: Decision, **changes: Any) -> ActionDecided:
    """A decision on action `a1`; allow comes with a grant, step_up with a challenge."""
    values: dict[str, Any] = {
        "action_id": "a1", "action": "refund", "tier": "money", "decision": decision, "state": STATE_OF[decision],
        "reasons": (Reason("because", "Because."),), "rule": "a-rule", "risk": LOW, "parameters_sha256": "00",
    }
    if decision is Decision.ALLOW:
        values["grant"] = Grant("jti-1", "call-1", "customer-1", "refund", "00", 1000.0)
    if decision is Decision.STEP_UP:
        values["challenge"] = Challenge("delivered_code", 1000.0, 3, "urn:voiceguard:acr:otp")
    return ActionDecided(**(values | changes))


@dataclass
class ScriptedCore:
    """Answers each kind of event with the outcomes scripted for it."""

    script: dict[type, Callable[[Any], list[Outcome]]]
    seen: list[CallInput] = field(default_factory=list)
    speech: tuple[tuple[float, float], ...] = ()
    risk: Risk = LOW
    heard_s: float = 0.0

    def heard_lately(self) -> Samples:
        """It hears nothing."""
        return np.zeros(0, np.float32)

    def receive(self, event: CallInput, now: float) -> list[Outcome]:
        self.seen.append(event)
        otherwise = _hands_over if isinstance(event, ActionOverruled) else lambda _: []
        return self.script.get(type(event), otherwise)(event)


def _hands_over(event: ActionOverruled) -> list[Outcome]:
    reason = Reason(event.code, event.text)
    return [decided(Decision.HANDOVER, action_id=event.asked.action_id, reasons=(reason,), rule="fail_closed")]


@dataclass
class ScriptedStore:
    """Remembers what it is told to keep, in order, and refuses while `broken`."""

    log: list[tuple[str, Any]]
    broken: bool = False

    def __post_init__(self) -> None:
        self.decisions = self.customers = self.consents = self
        self.calls = ScriptedCalls(self)
        self.workers = ScriptedWorkers()

    def refuse(self) -> None:
        """Raises StoreError while the store is broken."""
        if self.broken:
            raise StoreError("disk full")

    async def record(self, call_id: str, decision: ActionDecided, **_: Any) -> ActionDecided:
        self.refuse()
        self.log.append(("recorded", decision.decision))
        return decision

    async def find(self, ref: str) -> CustomerFacts:
        self.refuse()
        return CustomerFacts(ref)

    async def standing(self, *_: Any) -> Standing:
        """Nobody agreed to anything."""
        self.refuse()
        return Standing()


@dataclass
class ScriptedCalls:
    """The calls of a scripted store: none is on record."""

    store: ScriptedStore

    async def append(self, call_id: str, records: list[dict[str, Any]]) -> None:
        self.store.refuse()
        self.store.log.append(("append", [record["kind"] for record in records]))

    async def find(self, call_id: str) -> None:
        """No call is on record."""


class ScriptedWorkers:
    """Every call is free to claim."""

    async def claim(self, *_: Any) -> None:
        """Give it."""


@dataclass
class ScriptedDelivery:
    """Remembers the codes it was given; cannot deliver while `broken`."""

    log: list[tuple[str, Any]]
    broken: bool = False

    async def deliver(self, code: CodeToDeliver) -> None:
        if self.broken:
            raise VoiceguardError("no answer")
        self.log.append(("delivered", code.code))


class ScriptedKeys:
    """Signs nothing; says what it would sign."""

    def sign_grant(self, grant: Any, *_: Any) -> str:
        return "signed:jti-1"


class ScriptedVoices:
    """Keeps no voices."""

    async def voiceprint(self, customer_ref: str) -> None:
        """Nobody is enrolled."""

    async def is_enrolled(self, customer_ref: str) -> bool:
        """Nobody is."""
        return False
