"""The contexts in which policies are tried."""

from __future__ import annotations

from itertools import islice

from voiceguard.policy.grid import MAX_CONTEXTS, contexts, tells_actions_apart


def test_grid_holds_what_guards_name() -> None:
    """Numbers with their neighbours, and actions where a guard names them."""
    found = list(contexts(["risk.score > 60", "action == 'a'"], ["a", "b"], strangers=False))

    assert {"a", "b"} == {seen["action"] for seen in found}
    assert {-1, 0, 50, 59, 60, 61, 100} == {seen["risk"]["score"] for seen in found}
    assert {True} == {seen["customer_known"] for seen in found}
    assert {False, True} == {seen["locked"] for seen in contexts(["true"], ["a"], strangers=True)}


def test_grid_is_bounded() -> None:
    """Guards on many numbers do not make it endless."""
    guards = [f"risk.score > {number} && risk.net_speech_s > {number}.5 && consent && risk.evidence.x > 1"
              for number in range(60)]

    assert MAX_CONTEXTS == sum(1 for _ in islice(contexts(guards, ["a"], strangers=True), MAX_CONTEXTS + 1))


def test_guards_that_name_the_action_are_known() -> None:
    """`action` as a word."""
    assert tells_actions_apart(["action == 'a'"])
    assert not tells_actions_apart(["transaction == 'a'", "true"])
