"""Whether the controls help: rates with intervals, what changed, what it costs, and who is challenged more than others.

Rates are shares of calls. Intervals are Wilson's for one share and Newcombe's (1998, method 10) for the difference of
two; 95 % both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from statistics import NormalDist
from typing import Final

Z: Final = NormalDist().inv_cdf(0.975)
SMALL: Final = 30
"""Of fewer calls a rate says little."""
UNEQUAL: Final = 1.25
"""A group is warned of only where its rate is so many times that of the rest."""


@dataclass(frozen=True)
class Counts:
    """What happened on a set of calls. Unless another unit stands there, a number of calls."""

    calls: int = 0
    genuine: int = 0
    """Whose newest verdict is genuine."""
    fraud: int = 0
    """Whose newest verdict is fraud."""
    asked: int = 0
    """With an action asked for."""
    challenged: int = 0
    challenged_genuine: int = 0
    failed_genuine: int = 0
    """Genuine, with a wrong code or a challenge that ran out."""
    escalated: int = 0
    """With an action that went to a person."""
    opened: int = 0
    """In which a challenge or a handover was open."""
    abandoned: int = 0
    """That ended while one was."""
    allowed_fraud: int = 0
    """Fraud, with an action that was allowed."""
    complained: int = 0
    repeatable: int = 0
    """Of a known customer, begun a week ago or earlier."""
    repeated: int = 0
    """Of these, followed by another call of the customer within the week."""
    review_s: float = 0.0
    """Seconds between the taking of a handover and its end."""
    added_s: float = 0.0
    """Seconds between challenges or handovers and their ends."""

    def plus(self, other: Counts) -> Counts:
        """Of both sets of calls, which have none in common."""
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)))


MEASURES: Final[Mapping[str, tuple[str, str, str]]] = {
    "challenged": ("challenged", "calls", "challenges per 1,000 calls"),
    "challenged_genuine": ("challenged_genuine", "genuine", "challenges per 1,000 genuine calls"),
    "failed_genuine": ("failed_genuine", "challenged_genuine", "failed challenges per 1,000 challenged genuine calls"),
    "abandoned": ("abandoned", "opened", "hang-ups per 1,000 calls with an open challenge or handover"),
    "escalated": ("escalated", "asked", "handovers per 1,000 calls with a sensitive action"),
    "allowed_fraud": ("allowed_fraud", "fraud", "frauds that were allowed, per 1,000 confirmed frauds"),
    "complained": ("complained", "calls", "complaints per 1,000 calls"),
    "repeated": ("repeated", "repeatable", "repeat contacts within 7 days, per 1,000 calls"),
}
"""Name of a rate to what is counted, of what, and in words."""


@dataclass(frozen=True)
class Rate:
    """A share of calls, per 1,000, with its interval; None where there are no calls to have it of."""

    count: int
    of: int
    per_1000: float | None
    low: float | None
    high: float | None
    is_small: bool
    """Too few calls to conclude from."""


@dataclass(frozen=True)
class Change:
    """One rate before and after, per 1,000, and the interval of their difference."""

    measure: str
    before: Rate
    after: Rate
    low: float | None
    high: float | None
    text: str
    """One plain sentence."""


@dataclass(frozen=True)
class CostOptions:
    """What things cost, in any one currency."""

    challenge: float = field(default=0.10, metadata={"ge": 0})
    """A call with a challenge: delivery and the caller's time."""
    review_hour: float = field(default=40.0, metadata={"ge": 0})
    """An hour of a person who reviews."""
    abandoned: float = field(default=5.0, metadata={"ge": 0})
    """A genuine or unjudged caller who hangs up in the middle of a challenge or handover."""
    complaint: float = field(default=25.0, metadata={"ge": 0})
    """A call that is complained of."""
    allowed_fraud: float = field(default=1000.0, metadata={"ge": 0})
    """A fraud that was allowed."""


@dataclass(frozen=True)
class Unequal:
    """A group that is challenged significantly more often than the rest."""

    group: str
    rate: Rate
    rest: Rate
    p: float
    """Of no difference, by the two-sided test of two shares; corrected for the number of groups (Holm)."""
    text: str


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927). `of` is above 0."""
    share, square = count / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    # None and all have 0 and 1 as bounds, which rounding would miss by a digit.
    return 0.0 if count == 0 else max(0.0, middle - half), 1.0 if count == of else min(1.0, middle + half)


def difference(before: tuple[int, int], after: tuple[int, int]) -> tuple[float, float]:
    """The 95 % interval of a share after less that before, each as (count, of): Newcombe 1998, method 10."""
    first, second = before[0] / before[1], after[0] / after[1]
    (first_low, first_high), (second_low, second_high) = wilson(*before), wilson(*after)
    moved = second - first
    return (
        moved - math.hypot(second - second_low, first_high - first),
        moved + math.hypot(second_high - second, first - first_low),
    )


def rate(count: int, of: int) -> Rate:
    """A share of calls, per 1,000."""
    if of == 0:
        return Rate(count, of, None, None, None, is_small=True)
    low, high = wilson(count, of)
    return Rate(count, of, 1000 * count / of, 1000 * low, 1000 * high, of < SMALL)


def rates(counts: Counts) -> dict[str, Rate]:
    """Every measure of a set of calls."""
    return {name: rate(getattr(counts, count), getattr(counts, of)) for name, (count, of, _) in MEASURES.items()}


def cost(counts: Counts, weights: CostOptions) -> float:
    """What the controls, and the frauds that passed them, cost."""
    return (
        weights.challenge * counts.challenged + weights.review_hour * counts.review_s / 3600
        + weights.abandoned * counts.abandoned + weights.complaint * counts.complained
        + weights.allowed_fraud * counts.allowed_fraud
    )


def compare(before: Counts, after: Counts) -> list[Change]:
    """What changed between two sets of calls, one sentence a measure."""
    changes = []
    was, became = rates(before), rates(after)
    for name, (_, _, words) in MEASURES.items():
        old, new = was[name], became[name]
        if old.per_1000 is None or new.per_1000 is None:
            when = "before" if old.per_1000 is None else "after"
            text = f"{words}: no calls {when} the change, so nothing to compare"
            changes.append(Change(name, old, new, None, None, text))
            continue
        low, high = (1000 * bound for bound in difference((old.count, old.of), (new.count, new.of)))
        changes.append(Change(name, old, new, low, high, _sentence(words, old, new, low, high)))
    return changes


def _sentence(words: str, old: Rate, new: Rate, low: float, high: float) -> str:
    assert old.per_1000 is not None
    assert new.per_1000 is not None
    interval = f"({_signed(low)} to {_signed(high)})"
    if low > 0 or high < 0:
        moved = "rose" if low > 0 else "fell"
        text = f"{words} {moved} from {_short(old.per_1000)} to {_short(new.per_1000)} {interval}"
    else:
        text = (f"{words}: no clear change, {_short(old.per_1000)} before and {_short(new.per_1000)} after {interval}")
    if old.is_small or new.is_small:
        text += f"; small numbers: {old.count} of {old.of} calls before, {new.count} of {new.of} after"
    return text


def unequal(groups: Mapping[str, Counts]) -> list[Unequal]:
    """Groups of calls that are challenged significantly more often than all others together, the surest first.

    The level is 5 % over all groups (Holm 1979); groups of fewer than `SMALL` calls are passed over.
    """
    whole = total(groups.values())
    tested: list[tuple[float, str, Counts]] = []
    for name, counts in groups.items():
        rest = whole.calls - counts.calls
        if counts.calls >= SMALL and rest >= SMALL:
            others = (whole.challenged - counts.challenged, rest)
            tested.append((_p_of_equal((counts.challenged, counts.calls), others), name, counts))
    found: list[Unequal] = []
    worst = 0.0
    for rank, (raw, name, counts) in enumerate(sorted(tested, key=lambda one: one[0])):
        worst = max(worst, min(1.0, raw * (len(tested) - rank)))
        theirs = rate(counts.challenged, counts.calls)
        rest_rate = rate(whole.challenged - counts.challenged, whole.calls - counts.calls)
        assert theirs.per_1000 is not None
        assert rest_rate.per_1000 is not None
        if worst < 0.05 and theirs.per_1000 > UNEQUAL * rest_rate.per_1000:
            found.append(Unequal(name, theirs, rest_rate, worst, (
                f"{name}: challenged on {_short(theirs.per_1000)} of 1,000 calls, the rest on "
                f"{_short(rest_rate.per_1000)}; chance explains that in {worst:.2g} of cases"
            )))
    return found


def _p_of_equal(one: tuple[int, int], other: tuple[int, int]) -> float:
    pooled = (one[0] + other[0]) / (one[1] + other[1])
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one[1] + 1 / other[1]))
    if spread == 0.0:
        return 1.0
    return 2 * (1 - NormalDist().cdf(abs(one[0] / one[1] - other[0] / other[1]) / spread))


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}"


def _signed(number: float) -> str:
    return ("+" if number >= 0 else "-") + _short(abs(number))


def total(counts: Iterable[Counts]) -> Counts:
    """Of all of them together."""
    whole = Counts()
    for one in counts:
        whole = whole.plus(one)
    return whole
