"""Results of a replay, and that they outlive a file."""

from __future__ import annotations

from tests.analysis.calls import decided, point
from voiceguard.analysis.results import CallResult, Run


def test_the_last_word_on_each_action_counts() -> None:
    """Whatever it said before."""
    run = Run(policy="p", decided=(decided("step_up"), decided("deny", "refund"), decided("allow")))

    assert {"payment": "allow", "refund": "deny"} == {action: one.decision for action, one in run.last().items()}


def test_first_number_is_the_first_that_there_is() -> None:
    """Risks without a number come before it, and there may be none at all."""
    assert 3.0 == Run(policy="p", line=(point(None, 1.0), point(0.5, 3.0), point(0.1, 4.0))).first_number().at_s  # type: ignore[union-attr]
    assert Run(policy="p", line=(point(None),)).first_number() is None


def test_a_result_is_read_as_it_was_written() -> None:
    """Through JSON and back."""
    run = Run(policy="p", line=(point(0.5),), decided=(decided("handover", shift=None),))
    result = CallResult(call_id="c", duration_s=1.5, runs=(run,), drift={"score": (1,) * 10})

    assert result == CallResult.model_validate_json(result.model_dump_json())
