"""The contexts in which policies are tried: a finite grid of everything that their guards can tell apart.

It is the product of every band, state, assurance set and flag, and, for numbers, the values written in the guards and
their neighbours. Guards that mention only finite names are decided exactly.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice, product
from typing import Any

from voiceguard.events import SOURCES, Band, Evidence, Risk, RiskState
from voiceguard.policy.rules import context

HELD = ((), ("otp",), ("human",), ("human", "otp"), ("human", "second_human"), ("human", "otp", "second_human"))
MAX_CONTEXTS = 200_000
"""More are not tried: guards on that many numbers are beyond any reader too."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def contexts(guards: Collection[str], actions: Collection[str], *, strangers: bool) -> Iterator[dict[str, Any]]:
    """Contexts of these actions that the guards can tell apart; of actions that no guard names, the first stands for
    all. `strangers`: with customers who are unknown or locked out too."""
    text = "\n".join(guards)
    flags = (False, True)
    named = list(actions)

    def values(name: str, those: Any, otherwise: Any) -> Any:
        return those if re.search(rf"\b{name}\b", text) and those else (otherwise,)

    def edges(name: str, *always: float) -> list[float]:
        found = {float(number) for when in guards if name in when for number in _NUMBER.findall(when)}
        return sorted({*always, *(number + step for number in found for step in (-1.0, 0.0, 1.0))})

    scores = [int(score) for score in edges("score", -1, 0, 50, 100) if -1 <= score <= 100]
    speech = [net_s for net_s in edges("net_speech_s", 0.0, 10.0) if net_s >= 0]
    llrs = [(), *(tuple((source, llr) for source in SOURCES) for llr in (-4.0, 4.0))]
    grid = product(
        Band, RiskState, HELD, flags, values("consent", flags, True),
        flags if strangers else (True,), flags if strangers else values("locked", flags, False),
        values("score", scores, 50),
        values("net_speech_s", speech, 10.0), values("evidence", llrs, ()), values("action", named, named[0]),
    )
    for band, state, held, injection, consent, known, locked, score, net_s, evidence, action in islice(
        grid, MAX_CONTEXTS
    ):
        risk = Risk(0.0, net_s, None if score < 0 else score, band, state, tuple(
            Evidence(source, llr, 1.0, llr, 1) for source, llr in evidence
        ))
        yield context(
            risk, assurance=held, consent=consent, customer_known=known, locked=locked, injection=injection,
            action=action, tier="", parameters={},
        )


def tells_actions_apart(guards: Collection[str]) -> bool:
    """Whether a guard names the action."""
    return any(re.search(r"\baction\b", when) for when in guards)
