"""The step-ups of one call: which code is asked for, what matches it, how long it is good for, and when a customer is
locked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from voiceguard.events import ActionRequested, Challenge, CodeToDeliver, CustomerFacts
from voiceguard.policy import otp
from voiceguard.policy.keypad import Keys
from voiceguard.policy.schema import ChallengeTerms, Method

MOST_COMPARED = 5
"""Codes compared in one call before the customer is locked out (Regulation (EU) 2018/389 article 4)."""


@dataclass(slots=True, repr=False)
class OpenChallenge:
    """What is kept while a code is awaited."""

    method: Method
    expires_at: float
    """Unix seconds."""
    kept: otp.DeliveredCode | None = None
    keys: Keys = field(default_factory=Keys)

    def __repr__(self) -> str:
        return f"OpenChallenge({self.method!r}, {self.expires_at})"  # digits and codes are secret


class Challenges:
    """Issues and matches the codes of one call. `now` is Unix seconds; `entropy(n)` gives n unpredictable bytes.

    Wrong codes count per call, over all its challenges, so that asking again gives no fresh tries (NIST SP 800-63B-4).
    """

    def __init__(
        self, terms: ChallengeTerms, *, call_id: str, entropy: Callable[[int], bytes], wrong_codes: int = 0
    ) -> None:
        self._terms = terms
        self._call_id = call_id
        self._entropy = entropy
        self._wrong = min(wrong_codes, terms.tries - 1)
        self._spare = MOST_COMPARED - terms.tries
        self._locked_until = 0.0
        self._last_step = -1

    @property
    def has_spare(self) -> bool:
        """Whether one more code may be compared in this call than there are tries."""
        return self._spare > 0

    def use_spare(self) -> None:
        """Two codes are compared in one try: keys strayed in before the code that was meant."""
        self._spare -= 1

    def is_locked_here(self, now: float) -> bool:
        """Whether too many wrong codes were given in this very call."""
        return now < self._locked_until

    def is_locked(self, customer: CustomerFacts | None, now: float) -> bool:
        """Whether too many wrong codes were given, in this call or in one before."""
        return now < max(self._locked_until, 0.0 if customer is None else customer.locked_until)

    def issue(
        self, event: ActionRequested, parameters_sha256: str, now: float
    ) -> tuple[OpenChallenge, list[CodeToDeliver]] | None:
        """Ask for a code by the first method that the customer has, with the code where one is to be delivered.

        None where no code can be asked of this customer.
        """
        method = self._method(event.customer, now)
        if event.customer is None or method is None:
            return None
        opened = OpenChallenge(method, now + self._terms.expires_s)
        if method == "totp":
            return opened, []
        customer = event.customer.customer_ref
        bound_to = (self._call_id, event.action_id, customer, event.action, parameters_sha256)
        code, opened.kept = otp.issue(self._entropy, bound_to)
        return opened, [CodeToDeliver(event.action_id, customer, event.action, code, opened.expires_at)]

    def match(
        self, opened: OpenChallenge, customer: CustomerFacts | None, code: str, now: float
    ) -> tuple[Literal["right", "wrong", "expired"], int | None]:
        """What a code does to a challenge, and the TOTP step that it belongs to, where it is one."""
        if now >= opened.expires_at:
            return "expired", None
        step = self._totp_step(opened, customer, code, now)
        if step is None and not (opened.kept is not None and opened.kept.matches(code)):
            return "wrong", None
        if step is not None:
            self._last_step = step
        self._wrong = 0
        return "right", step

    def count_wrong(self, now: float) -> float | None:
        """Count a wrong code; the last one that is allowed locks the customer out, and returns until when."""
        self._wrong += 1
        if self._wrong < self._terms.tries:
            return None
        self._wrong = 0
        self._locked_until = now + self._terms.lockout_s
        return self._locked_until

    def shown(self, opened: OpenChallenge) -> Challenge:
        """What may be told of a challenge."""
        return Challenge(opened.method, opened.expires_at, self._terms.tries - self._wrong, self._terms.acr)

    def _method(self, customer: CustomerFacts | None, now: float) -> Method | None:
        if customer is None or self.is_locked(customer, now):
            return None
        secret = customer.totp_secret
        has_totp = secret is not None and otp.totp_usable(secret)
        return next((method for method in self._terms.methods if method != "totp" or has_totp), None)

    def _totp_step(
        self, opened: OpenChallenge, customer: CustomerFacts | None, code: str, now: float
    ) -> int | None:
        if opened.method != "totp" or customer is None or customer.totp_secret is None:
            return None
        return otp.totp_step(customer.totp_secret, code, now, max(customer.last_totp_step, self._last_step))
