"""Codes keyed on a telephone: a try is spent by a code that somebody meant, and by no other key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.asked import HIGH, POLICY, Line
from voiceguard.events import ActionDecided, ActionState
from voiceguard.policy.challenges import MOST_COMPARED
from voiceguard.policy.keypad import PAUSE_S, Keys

BEFORE = st.text("0123456789", max_size=3)


def asked() -> tuple[Line, str]:
    """A line on which a code is awaited, and the code."""
    line = Line()
    line.ask()
    return line, line.codes["a1"]


def key(line: Line, keys: str, gap_s: float = 0.3) -> list[ActionDecided]:
    """Press keys one after another, and wait for what follows."""
    outcomes = []
    for digit in keys:
        line.now += gap_s
        outcomes += line.keys(digit)
    return outcomes + line.wait(PAUSE_S)


def shifted(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.parametrize("keys", [
    "{code}", "{code}#", "1{code}", "12{code}#", "#{code}", "9*{code}", "{code}{code}", "{code}1", "{code}##",
    "AB{code}", "*{code}*",
])
@pytest.mark.parametrize("gap_s", [0.0, 0.3, 1.9])
def test_code_with_stray_keys_is_right_at_the_first_try(keys: str, gap_s: float) -> None:
    """Menu choices, confirmations and a code keyed twice cost nothing."""
    line, code = asked()

    outcomes = key(line, keys.format(code=code), gap_s)

    assert [(ActionState.ALLOWED, 0)] == [(one.state, one.rule.count("wrong")) for one in outcomes]


@given(BEFORE, st.sampled_from(["", "#"]))
def test_code_whose_digits_come_twice_is_right(before: str, after: str) -> None:
    """A platform that reports tones and events both, or sends each message twice."""
    line, code = asked()

    outcomes = key(line, "".join(2 * digit for digit in before + code + after), 0.1)

    assert [ActionState.ALLOWED] == [one.state for one in outcomes]


@given(st.lists(st.sampled_from([0.2, 1.0, 2.5, 30.0]), min_size=6, max_size=6))
def test_code_keyed_with_pauses_is_right(gaps: list[float]) -> None:
    """Whoever reads the code off a phone looks up in between."""
    line, code = asked()
    outcomes = []
    for digit, gap_s in zip(code, gaps, strict=True):
        outcomes += line.wait(gap_s)
        outcomes += line.keys(digit)

    assert [ActionState.ALLOWED] == [one.state for one in outcomes + line.wait(PAUSE_S)]


def test_few_digits_are_no_code() -> None:
    """`#` drops them, and no try is gone."""
    line, code = asked()

    assert [] == [*key(line, "12#"), *key(line, "#*#"), *key(line, "34")]
    assert [ActionState.ALLOWED] == [one.state for one in key(line, code)]


@pytest.mark.parametrize("end", ["#", "*", "pause", "end", "high risk", "time up"])
def test_code_that_was_compared_is_counted_whatever_comes(end: str) -> None:
    """Six wrong digits and hanging up, or clearing them, are a guess."""
    line, code = asked()
    assert [] == line.keys(shifted(code))
    ends: dict[str, Callable[[], list[ActionDecided]]] = {
        "#": lambda: line.keys("#"), "*": lambda: line.keys("*"), "pause": lambda: line.wait(PAUSE_S),
        "end": line.end, "high risk": lambda: line.turn(HIGH), "time up": lambda: line.wait(1000.0),
    }

    outcomes = ends[end]()

    assert [("wrong_code", False, 1)] == [
        (one.rule, one.code.is_right, one.code.compared) for one in outcomes if one.code is not None
    ]


def test_late_digits_of_a_judged_code_begin_no_other() -> None:
    """They do not go to an older challenge either."""
    line = Line()
    line.ask()
    line.ask("payment", "a2")

    key(line, line.codes["a2"] + shifted(line.codes["a1"]))

    assert (ActionState.ALLOWED, ActionState.CHALLENGED) == (line.decided["a2"].state, line.decided["a1"].state)
    assert [ActionState.ALLOWED] == [one.state for one in key(line, line.codes["a1"])]


KEYING = st.lists(st.tuples(st.text("0123456789*#", max_size=14), st.sampled_from([0.0, 0.3, 2.5])), max_size=8)


@settings(max_examples=200, deadline=None)
@given(KEYING, st.integers(1, 5))
def test_no_keying_compares_more_codes_than_may_be(keying: list[tuple[str, float]], tries: int) -> None:
    """Whatever is keyed: at most five codes are compared before the lock-out, and a try needs six digits and an end."""
    line = Line(replace(POLICY, challenge=POLICY.challenge.model_copy(update={"tries": tries})))
    line.ask()
    outcomes, endings = [], 0
    for keys, gap_s in keying:
        outcomes += key(line, keys, gap_s)
        endings += 1 + keys.count("#") + keys.count("*") + (len(keys) if gap_s >= PAUSE_S else 0)
    judged = [one.code for one in outcomes if one.code is not None]

    assert len(judged) <= min(endings, tries)
    assert sum(code.compared for code in judged) <= MOST_COMPARED


def test_keys_are_in_no_repr() -> None:
    """They are as secret as the code."""
    keys = Keys()
    for digit in "867530":
        keys.add(digit, 1.0)

    assert "8675" not in repr(keys)
