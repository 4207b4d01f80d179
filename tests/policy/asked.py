"""A call's worth of values that the policy's tests share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from voiceguard.events import (
    ActionDecided,
    ActionRequested,
    Asker,
    Band,
    CodeEntered,
    CodeToDeliver,
    CustomerFacts,
    HandoverAnswered,
    Risk,
    RiskState,
    ShadowRuled,
)
from voiceguard.policy import ActionEngine, Policy, context, load

TEXT = (Path(__file__).parents[2] / "policies" / "default.yaml").read_text(encoding="utf-8")
POLICY = load(TEXT)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CUSTOMER = CustomerFacts("customer-1")
NOW = 1_700_000_010.0


def risk(band: str = "low", state: str = "ok") -> Risk:
    """A risk of this band and state."""
    score = {"low": 3, "elevated": 20, "high": 90}.get(band)
    return Risk(30.0, 12.0, score, Band(band), RiskState(state), ())


LOW, ELEVATED, HIGH = risk(), risk("elevated"), risk("high")


def seen(asked: str = "account_recovery", at: Risk = LOW, **changes: Any) -> dict[str, Any]:
    """A context in which nothing is wrong, with changes."""
    values: dict[str, Any] = {
        "assurance": (), "consent": True, "customer_known": True, "locked": False, "injection": False,
        "action": asked, "tier": POLICY.actions.get(asked, "unknown"), "parameters": {},
    }
    return context(at, **(values | changes))


def changed(**parts: Any) -> str:
    """The shipped policy with top-level parts replaced."""
    return yaml.safe_dump(yaml.safe_load(TEXT) | parts, sort_keys=False)


MACHINE = Asker()


class Line:
    """Drives one engine as a call does, and remembers its outcomes and the last code that was sent."""

    def __init__(
        self, policy: Policy = POLICY, shadow: Policy | None = None, second_approver: Mapping[str, str] | None = None
    ) -> None:
        counter = itertools.count(1)
        self.engine = ActionEngine(
            policy, call_id="call-1", entropy=lambda size: (next(counter) * 7919).to_bytes(size, "big"), shadow=shadow,
            second_approver=second_approver or {},
        )
        self.drafts: list[ShadowRuled] = []
        self.now = NOW
        self.risk = LOW
        self.injection = False
        self.codes: dict[str, str] = {}
        self.decided: dict[str, ActionDecided] = {}

    @property
    def _facts(self) -> dict[str, Any]:
        return {"consent": True, "injection": self.injection, "now": self.now}

    def _note(self, outcomes: list[ActionDecided | CodeToDeliver | ShadowRuled]) -> list[ActionDecided]:
        for outcome in outcomes:
            if isinstance(outcome, CodeToDeliver):
                self.codes[outcome.action_id] = outcome.code
            elif isinstance(outcome, ShadowRuled):
                self.drafts.append(outcome)
            else:
                self.decided[outcome.action_id] = outcome
        return [outcome for outcome in outcomes if isinstance(outcome, ActionDecided)]

    def ask(
        self, action: str = "account_recovery", action_id: str = "a1",
        customer: CustomerFacts | None = CUSTOMER, parameters: dict[str, str] | None = None,
        asker: Asker = MACHINE,
    ) -> list[ActionDecided]:
        event = ActionRequested(action_id, action, parameters or {}, customer, asker)
        return self._note(self.engine.request(event, self.risk, **self._facts))

    def code(self, code: str, action_id: str = "a1") -> list[ActionDecided]:
        return self._note(self.engine.enter_code(CodeEntered(action_id, code), self.risk, **self._facts))

    def right(self, action_id: str = "a1") -> list[ActionDecided]:
        return self.code(self.codes[action_id], action_id)

    def wrong(self, action_id: str = "a1") -> list[ActionDecided]:
        return self.code("999999" if self.codes.get(action_id) != "999999" else "888888", action_id)

    def keys(self, digits: str) -> list[ActionDecided]:
        return [
            decided for digit in digits for decided in self._note(self.engine.digit(digit, self.risk, **self._facts))
        ]

    def person(
        self, verdict: Any, person: str = "ann", action_id: str = "a1", role: str = "agent"
    ) -> list[ActionDecided]:
        event = HandoverAnswered(action_id, person, role, verdict, "I know the caller.")
        return self._note(self.engine.answer_handover(event, self.risk, **self._facts))

    def turn(self, changed: Risk) -> list[ActionDecided]:
        self.risk = changed
        return self._note(self.engine.risk_changed(changed, **self._facts))

    def wait(self, seconds: float) -> list[ActionDecided]:
        self.now += seconds
        judged = self._note(self.engine.judge_keys(self.risk, **self._facts))
        return judged + self._note(self.engine.tick(self.risk, now=self.now))

    def end(self) -> list[ActionDecided]:
        return self._note(self.engine.end(self.risk, now=self.now))
