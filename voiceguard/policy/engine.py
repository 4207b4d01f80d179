"""Every action of one call, from asked to allowed or denied: what each input does to an action in each state.

Whatever the policy answers, a sensitive action becomes allowed in `_allow` alone, which asserts its tier's assurance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from voiceguard.events import (
    ActionDecided,
    ActionOverruled,
    ActionRequested,
    ActionState,
    CodeEntered,
    CodeJudged,
    CodeToDeliver,
    Decision,
    DtmfReceived,
    Grant,
    HandoverAnswered,
    Reason,
    Risk,
    ShadowRuled,
    TimePassed,
)
from voiceguard.policy import actions
from voiceguard.policy.actions import NOBODY, Action, Now
from voiceguard.policy.challenges import Challenges, OpenChallenge
from voiceguard.policy.grants import parameters_sha256
from voiceguard.policy.keypad import PAUSE_S
from voiceguard.policy.rules import Policy, Ruling
from voiceguard.policy.ruling import drafted, ruling_of
from voiceguard.policy.states import DECISION_OF, STATE_OF, Input, check_move

Outcomes = list[ActionDecided | CodeToDeliver | ShadowRuled]


class ActionEngine:
    """The actions asked for in one call. `now` is Unix seconds; `entropy(n)` gives n unpredictable bytes.

    An input for an action that does not await it changes nothing and returns nothing. `shadow`: a draft that is asked
    beside the policy, and enforces nothing. `second_approver`: tier to the role that one of two approvers must have.
    """

    def __init__(
        self, policy: Policy, *, call_id: str, entropy: Callable[[int], bytes], shadow: Policy | None = None,
        wrong_codes: int = 0, second_approver: Mapping[str, str] = NOBODY,
    ) -> None:
        self._second_approver = second_approver
        self._policy, self._shadow = policy, shadow
        self._call_id = call_id
        self._entropy = entropy
        self._actions: dict[str, Action] = {}
        self._keyed: Action | None = None
        """Whose code is being keyed in."""
        self._keyed_at = -math.inf
        self._challenges = Challenges(policy.challenge, call_id=call_id, entropy=entropy, wrong_codes=wrong_codes)

    @property
    def pending(self) -> tuple[str, ...]:
        """Ids of the actions whose code is awaited, oldest first."""
        return tuple(action.event.action_id for action, _ in self._challenged())

    def answer(
        self, question: ActionRequested | CodeEntered | HandoverAnswered | DtmfReceived | TimePassed, risk: Risk, *,
        consent: bool, injection: bool, now: float,
    ) -> Outcomes:
        """What follows from a question that hangs on the risk; time that passes ends the keying of codes."""
        match question:
            case ActionRequested():
                return self.request(question, risk, consent=consent, injection=injection, now=now)
            case CodeEntered():
                return self.enter_code(question, risk, consent=consent, injection=injection, now=now)
            case HandoverAnswered():
                return self.answer_handover(question, risk, consent=consent, injection=injection, now=now)
            case DtmfReceived():
                return self.digit(question.digit, risk, consent=consent, injection=injection, now=now)
            case TimePassed():
                return self.judge_keys(risk, consent=consent, injection=injection, now=now)

    def request(
        self, event: ActionRequested, risk: Risk, *, consent: bool, injection: bool, now: float
    ) -> Outcomes:
        """Rule on an action. A repeated action_id gets its latest decision again, and no second code."""
        known = self._actions.get(event.action_id)
        if known is not None:
            return [] if known.last is None else [known.last]
        tier = self._policy.actions.get(event.action, "unknown")
        action = Action(event, parameters_sha256(event.parameters), tier)
        self._actions[event.action_id] = action
        at, demanded = Now(risk, consent, injection, now), self._policy.tiers.get(tier)
        if event.asker.kind == "assistant" and demanded is not None and demanded.sensitive:
            return [self._move(action, Input.PREPARED, ActionState.PREPARED, "prepared", actions.HAS_PREPARED, at=at)]
        return self._rule(action, Input.RULED, at)

    def enter_code(self, event: CodeEntered, risk: Risk, *, consent: bool, injection: bool, now: float) -> Outcomes:
        """Try a code: right, the policy is asked again with it; wrong, a try is gone."""
        action = self._actions.get(event.action_id)
        if action is None or action.challenge is None:
            return []
        at = Now(risk, consent, injection, now)
        return [*self._settle(action, at), *self._try(action, event.code, at)]

    def digit(self, digit: str, risk: Risk, *, consent: bool, injection: bool, now: float) -> Outcomes:
        """A key pressed at `now`, for the latest challenge or the one that keying began with. Six digits in one go are
        compared at once, and if wrong counted when keying ends; see `policy.keypad`."""
        challenged = self._challenged()
        if now - self._keyed_at >= PAUSE_S or self._keyed is None:
            self._keyed = challenged[-1][0] if challenged else None
        self._keyed_at = now
        action = self._keyed
        if action is None or action.challenge is None:
            return []  # late keys of a code that was judged already are the beginning of no other
        at, keys = Now(risk, consent, injection, now), action.challenge.keys
        if digit in ("*", "#"):
            self._keyed = None
            outcomes = self._submit(action, at) if digit == "#" else self._settle(action, at)
            keys.clear()
            return outcomes
        if digit not in "0123456789":
            return []
        keys.add(digit, now)
        if not (keys.is_whole and self._challenges.has_spare):
            return []
        keys.tried = keys.digits
        return self._try(action, keys.digits, at, is_final=False)

    def has_keys_due(self, now: float) -> bool:
        """Whether a code was keyed in and waits to be judged."""
        return any(opened.keys.is_due(now) for _, opened in self._challenged())

    def judge_keys(self, risk: Risk, *, consent: bool, injection: bool, now: float) -> Outcomes:
        """Judge the codes whose keying has ended with a pause."""
        at = Now(risk, consent, injection, now)
        return [
            outcome for action, opened in self._challenged() if opened.keys.is_due(now)
            for outcome in self._submit(action, at)
        ]

    def answer_handover(
        self, event: HandoverAnswered, risk: Risk, *, consent: bool, injection: bool, now: float
    ) -> Outcomes:
        """A person's word. An approval counts once per person, of another than who asked, and is ruled on, and so is
        what an assistant prepared and a person confirms; accepting says only who took it."""
        action, person = self._actions.get(event.action_id), actions.one_person(event.person)
        if action is None or not person or action.state not in actions.awaits(event.verdict):
            return []
        at = Now(risk, consent, injection, now)
        if event.verdict == "confirm":
            action.confirmed_by = event.person
            return self._rule(action, Input.CONFIRMED, at, person=event.person)
        if event.verdict == "approve":
            if not actions.approve(action, event, self._second_approver.get(action.tier)):
                return []
            return self._rule(action, Input.APPROVED, at, person=event.person)
        by, to, rule, reason = actions.ANSWERED["refuse" if event.verdict == "refuse" else "accept"]
        return [self._move(action, by, to or action.state, rule, (reason,), at=at, person=event.person)]

    def risk_changed(self, risk: Risk, *, consent: bool, injection: bool, now: float) -> Outcomes:
        """A pending challenge that the policy would now hand over or deny does not wait for its code."""
        at = Now(risk, consent, injection, now)
        outcomes: Outcomes = []
        for action, _ in self._challenged():
            ruling = self._ruling(action, at)
            if ruling.decision in (Decision.HANDOVER, Decision.DENY):
                outcomes += self._settle(action, at)
                if action.challenge is not None:
                    to = STATE_OF[ruling.decision]
                    outcomes.append(self._move(action, Input.RISK_CHANGED, to, ruling.rule, ruling.reasons, at=at))
            outcomes += self._beside(action, at, ruling)
        return outcomes

    def overrule(self, event: ActionOverruled, risk: Risk, *, now: float) -> Outcomes:
        """A fault puts the action into a person's hands, with nothing of what was given; where no person could allow
        it, it is denied. An action that is over gets its last decision again."""
        action = self._actions.get(event.asked.action_id)
        if action is None:
            asked = event.asked
            tier = self._policy.actions.get(asked.action, "unknown")
            action = self._actions[asked.action_id] = Action(asked, parameters_sha256(asked.parameters), tier)
        if action.last is not None and action.state in (ActionState.DENIED, ActionState.EXPIRED, ActionState.LAPSED):
            return [action.last]
        action.assurance, action.approved_by, action.approver_roles = set(), set(), set()
        at = Now(risk, consent=False, injection=False, now=now)
        settled = self._settle(action, at)
        if action.state is ActionState.DENIED:
            return settled
        return [*settled, self._overruled(action, event, at)]

    def tick(self, risk: Risk, *, now: float) -> Outcomes:
        """Challenges whose time is up are denied."""
        at = Now(risk, consent=False, injection=False, now=now)
        return [
            outcome for action, opened in self._challenged() if now >= opened.expires_at
            for outcome in (*self._settle(action, at), *self._expire(action, at))
        ]

    def end(self, risk: Risk, *, now: float) -> Outcomes:
        """The call is over: challenges lapse, for nobody can enter a code any more; handovers stay with the person."""
        at = Now(risk, consent=False, injection=False, now=now)
        reason = Reason("call_ended", "The call ended before the code was entered.")
        outcomes = [outcome for action, _ in self._challenged() for outcome in self._settle(action, at)]
        for action, _ in self._challenged():
            outcomes.append(self._move(action, Input.CALL_ENDED, ActionState.LAPSED, "call_ended", (reason,), at=at))
        return outcomes

    # ── ruling ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ruling(self, action: Action, at: Now) -> Ruling:
        return ruling_of(self._policy, action, at, self._challenges)

    def _beside(self, action: Action, at: Now, live: Ruling) -> Outcomes:
        """What the draft says of the same question; nothing follows from it."""
        return [] if self._shadow is None else [*drafted(self._shadow, action, at, self._challenges, live)]

    def _rule(
        self, action: Action, by: Input, at: Now, *, person: str | None = None, totp_step: int | None = None,
        code: CodeJudged | None = None,
    ) -> Outcomes:
        """Ask the policy with the assurance now held, and follow it."""
        ruling = self._ruling(action, at)
        if ruling.decision is Decision.HANDOVER:
            reasons = (*ruling.reasons, *actions.lacked_role(action, self._second_approver.get(action.tier)))
            ruling = replace(ruling, reasons=reasons)
        return [*self._follow(action, ruling, by, at, person, totp_step, code), *self._beside(action, at, ruling)]

    def _follow(
        self, action: Action, ruling: Ruling, by: Input, at: Now, person: str | None, totp_step: int | None,
        code: CodeJudged | None,
    ) -> Outcomes:
        if ruling.decision is Decision.ALLOW:
            return [self._allow(action, by, ruling, at, person=person, totp_step=totp_step, code=code)]
        if ruling.decision is Decision.STEP_UP:
            if by in (Input.RULED, Input.CONFIRMED):
                return self._challenge(action, by, ruling, at, person)
            # A code was given or a person spoke, and the policy still wants a code: only a person can settle that.
            state = ActionState.HANDED_OVER
        else:
            state = STATE_OF[ruling.decision]
        return [self._move(
            action, by, state, ruling.rule, ruling.reasons, at=at, person=person, accepted_totp_step=totp_step,
            code=code,
        )]

    def _allow(
        self, action: Action, by: Input, ruling: Ruling, at: Now, *, person: str | None, totp_step: int | None,
        code: CodeJudged | None,
    ) -> ActionDecided:
        """The only way to `allowed`, and the only place where a grant is made."""
        tier = self._policy.tiers[action.tier]
        if not tier.satisfied_by(action.assurance):
            raise AssertionError(f"{ruling.rule} would allow {action.event.action} without its tier's assurance")
        grant = None
        if tier.sensitive:
            if action.event.customer is None:
                raise AssertionError(f"{ruling.rule} would allow {action.event.action} for nobody")
            grant = Grant(
                self._entropy(16).hex(), self._call_id, action.event.customer.customer_ref, action.event.action,
                action.sha256, at.now + self._policy.grant_expires_s,
            )
        return self._move(
            action, by, ActionState.ALLOWED, ruling.rule, ruling.reasons, at=at, grant=grant, person=person,
            accepted_totp_step=totp_step, code=code,
        )

    def _overruled(self, action: Action, event: ActionOverruled, at: Now) -> ActionDecided:
        reasons: tuple[Reason, ...] = (Reason(event.code, event.text),)
        if event.is_denied:
            return self._move(action, Input.OVERRULED, ActionState.DENIED, event.code, reasons, at=at)
        if not actions.is_for_people(action, self._policy.tiers.get(action.tier)):
            reasons += (Reason("nobody_decides", "No person could allow this either, so it is denied."),)
            return self._move(action, Input.OVERRULED, ActionState.DENIED, "fail_closed", reasons, at=at)
        return self._move(action, Input.OVERRULED, ActionState.HANDED_OVER, "fail_closed", reasons, at=at)

    # ── challenges ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _challenge(self, action: Action, by: Input, ruling: Ruling, at: Now, person: str | None) -> Outcomes:
        issued = self._challenges.issue(action.event, action.sha256, at.now)
        if issued is None:
            reason = Reason("no_step_up", "No code can be asked of this customer, so a person decides.")
            return [self._move(
                action, by, ActionState.HANDED_OVER, ruling.rule, (reason, *ruling.reasons), at=at, person=person
            )]
        for _, other in self._challenged():  # what was keyed in for it is not the beginning of its code any more
            if other.keys.tried is None:
                other.keys.clear()
        self._keyed = None
        action.challenge, codes = issued
        decided = self._move(action, by, ActionState.CHALLENGED, ruling.rule, ruling.reasons, at=at, person=person)
        return [decided, *codes]

    def _try(self, action: Action, code: str, at: Now, *, is_final: bool = True, compared: int = 1) -> Outcomes:
        """Compare a code; a wrong one counts where it is final."""
        if action.challenge is None:
            return []
        outcome, step = self._challenges.match(action.challenge, action.event.customer, code, at.now)
        if outcome != "right":
            wrong = self._wrong_code(action, at, compared) if outcome == "wrong" and is_final else []
            return self._expire(action, at) if outcome == "expired" else wrong
        action.assurance.add("otp")
        return self._rule(
            action, Input.CODE_RIGHT, at, totp_step=step, code=CodeJudged(is_right=True, compared=compared)
        )

    def _submit(self, action: Action, at: Now) -> Outcomes:
        """Keying has ended: one try is gone unless the code is right."""
        assert action.challenge is not None
        keys = action.challenge.keys
        code, tried = keys.code(), keys.tried
        if code is None or code == tried:
            return self._settle(action, at)
        keys.clear()
        if tried is not None:
            self._challenges.use_spare()
        return self._try(action, code, at, compared=1 if tried is None else 2)

    def _settle(self, action: Action, at: Now) -> Outcomes:
        """Count the code that was compared before keying ended, and is wrong, whatever comes instead of the end."""
        if action.challenge is None or action.challenge.keys.tried is None:
            return []
        action.challenge.keys.clear()
        return self._wrong_code(action, at)

    def _wrong_code(self, action: Action, at: Now, compared: int = 1) -> Outcomes:
        locked_until = self._challenges.count_wrong(at.now)
        if locked_until is None:
            reason = Reason("wrong_code", "The code is wrong.")
            return [self._move(
                action, Input.CODE_WRONG, ActionState.CHALLENGED, "wrong_code", (reason,), at=at,
                code=CodeJudged(is_right=False, compared=compared),
            )]
        reason = Reason("too_many_tries", "Too many wrong codes.")
        return [
            self._move(
                action, Input.CODE_WRONG, ActionState.DENIED, "too_many_tries", (reason,), at=at,
                lock_customer_until=locked_until, code=CodeJudged(is_right=False, compared=compared),
            ),
            *(
                self._move(other, Input.LOCKED_OUT, ActionState.DENIED, "too_many_tries", (reason,), at=at)
                for other, _ in self._challenged()
            ),
        ]

    def _expire(self, action: Action, at: Now) -> Outcomes:
        if action.challenge is None:
            return []
        reason = Reason("expired", "The code was not entered in time.")
        return [self._move(action, Input.TIME_UP, ActionState.EXPIRED, "expired", (reason,), at=at)]

    def _challenged(self) -> list[tuple[Action, OpenChallenge]]:
        """The actions whose code is awaited, oldest first."""
        return [(action, action.challenge) for action in self._actions.values() if action.challenge is not None]

    # ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _move(
        self, action: Action, by: Input, to: ActionState, rule: str, reasons: tuple[Reason, ...], *, at: Now,
        grant: Grant | None = None, person: str | None = None, lock_customer_until: float | None = None,
        accepted_totp_step: int | None = None, code: CodeJudged | None = None,
    ) -> ActionDecided:
        """One step of the table. A code is forgotten with the challenge that it belonged to."""
        check_move(action.state, by, to)
        action.state = to
        if to is not ActionState.CHALLENGED:
            action.challenge = None
        challenge = None if action.challenge is None else self._challenges.shown(action.challenge)
        action.last = ActionDecided(
            action_id=action.event.action_id, action=action.event.action, tier=action.tier, decision=DECISION_OF[to],
            state=to, reasons=reasons, rule=rule, risk=at.risk, parameters_sha256=action.sha256,
            challenge=challenge, grant=grant, person=person, lock_customer_until=lock_customer_until,
            accepted_totp_step=accepted_totp_step, code=code, prepared_by=action.prepared_by,
            confirmed_by=action.confirmed_by,
            customer_ref=None if action.event.customer is None else action.event.customer.customer_ref,
        )
        return action.last

