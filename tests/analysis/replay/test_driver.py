"""One call through the core: the live server's decisions, the same on every run, and faults as results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.analysis.calls import SAMPLES
from voiceguard.adapters.models.detectors import Detectors, load_detectors
from voiceguard.adapters.policy_files import read_policy
from voiceguard.analysis.callsets.callset import Drop, LabelledCall, read_callset
from voiceguard.analysis.replay.driver import replay
from voiceguard.analysis.results import CallResult
from voiceguard.errors import ModelError
from voiceguard.events import RiskState
from voiceguard.settings import Settings

POLICY = read_policy()
CALLS = {call.call_id: call for call in read_callset(SAMPLES)}


@pytest.fixture(scope="module")
def shipped() -> Detectors:
    """The models themselves."""
    return load_detectors(Settings())


def scripted(shipped: Detectors, **scorers: Any) -> Detectors:
    """Models that are quick: nothing is synthetic, and all speak with one voice."""
    def genuine(windows: Any) -> Any:
        return np.full((len(windows), 1), -3.0, np.float32)

    def one_voice(windows: Any) -> Any:
        return np.tile(np.eye(1, 192, dtype=np.float32), (len(windows), 1))

    answers: dict[Any, Any] = {
        "synthetic_voice": genuine, "synthetic_voice_verify": genuine, "speaker_embedding": one_voice, **scorers,
    }
    return replace(shipped, scorers={task: answer for task, answer in answers.items() if answer is not None})


def replayed(call: LabelledCall, detectors: Detectors) -> CallResult:
    """Under the shipped policy."""
    return replay(call, [POLICY], settings=Settings(), detectors=detectors)


@pytest.mark.parametrize("name", ["03-wrong-codes", "05-synthetic-piper", "08-too-little-speech", "12-resumed"])
def test_decides_as_the_samples_demand(name: str, shipped: Detectors) -> None:
    """The demonstration holds the live server to the same expectations."""
    (run,) = replayed(CALLS[name], shipped).runs

    assert dict(CALLS[name].expect) == {action: one.decision.value for action, one in run.last().items()}


def test_what_is_said_while_the_stream_is_away_is_not_heard(shipped: Detectors) -> None:
    """Less net speech than without the drop, and the number is not honest before enough is heard again."""
    call, quick = CALLS["01-balance"], scripted(shipped)
    drop = Drop(at_s=25.0, type="drop", for_s=10.0)
    whole, broken = replayed(call, quick), replayed(call.model_copy(update={"events": (drop, *call.events)}), quick)

    assert broken.net_speech_s < whole.net_speech_s - 3
    assert RiskState.INCONCLUSIVE in {point.state for point in broken.runs[0].line if point.at_s > 25}


def test_same_call_same_result(shipped: Detectors) -> None:
    """Codes that nobody can guess included."""
    once, again = (replayed(CALLS["02-recovery"], shipped).model_dump_json() for _ in range(2))

    assert once == again


def test_the_code_that_was_sent_is_keyed(shipped: Detectors) -> None:
    """The customer has it, and what it opens is allowed; the line is the whole call's."""
    result = replayed(CALLS["02-recovery"], scripted(shipped))
    (run,) = result.runs

    assert ["step_up", "allow"] == [one.decision.value for one in run.decided]
    assert ["code_needed", "code_entered"] == [one.rule for one in run.decided]
    assert {30.8} == {one.asked_s for one in run.decided}
    assert (40.88, 22.28) == (result.duration_s, result.net_speech_s)
    assert run.line[-1].at_s > 30 and [] == [point for point in run.line if point.at_s == 0]


def test_several_policies_ask_the_models_once(shipped: Detectors) -> None:
    """A window is scored once, and each policy decides by itself."""
    asked: list[float] = []

    def count(windows: Any) -> Any:
        asked.append(float(np.abs(windows[0]).sum()))
        return np.full((1, 1), -3.0, np.float32)

    strict = replace(POLICY, sha256="f" * 64, actions={**POLICY.actions, "account_recovery": "unheard_of"})
    result = replay(
        CALLS["02-recovery"], [POLICY, strict], settings=Settings(), detectors=scripted(shipped, synthetic_voice=count)
    )

    assert len(asked) == len(set(asked)) > 10
    assert [POLICY.sha256[:12], "f" * 12] == [run.policy for run in result.runs]
    assert ["allow", "deny"] == [run.last()["account_recovery"].decision.value for run in result.runs]
    assert {name: len(asked) for name in ("score", "tilt_db", "range_db")} == {
        name: sum(counts) for name, counts in result.drift.items()
    }


def test_a_failing_model_is_a_missing_score(shipped: Detectors) -> None:
    """As in the live service: no number, and a person or a code."""
    def broken(_: Any) -> Any:
        raise ModelError("broken")

    for detectors in (scripted(shipped, synthetic_voice=broken), scripted(shipped, synthetic_voice=None)):
        (run,) = replayed(CALLS["02-recovery"], detectors).runs
        assert {RiskState.DETECTOR_UNAVAILABLE} == {point.state for point in run.line}
        assert (None, "allow") == (run.first_number(), run.last()["account_recovery"].decision.value)


def test_orders_in_a_transcript_are_noted(shipped: Detectors) -> None:
    """With the rules that found them, and never their words."""
    (run,) = replayed(CALLS["10-injected-instruction"], scripted(shipped)).runs

    assert ["injection"] == [note.kind for note in run.notes]
    assert "administrator" not in run.model_dump_json()


def test_an_unknown_customer_is_denied(shipped: Detectors) -> None:
    """A call that names nobody asks for nobody; a code that was never sent cannot be keyed."""
    (run,) = replayed(CALLS["02-recovery"].model_copy(update={"customer_ref": None}), scripted(shipped)).runs

    assert ["deny"] == [one.decision.value for one in run.decided]


@pytest.mark.parametrize(("change", "error"), [
    ({"audio": Path("missing.wav")}, "No such file"), ({"channels": {0: "caller", 7: "agent"}}, "has no channel 7"),
    ({"channels": {1: "agent"}}, "has no channel of the caller"),
])
def test_a_broken_file_is_a_result_with_an_error(change: dict[str, Any], error: str, shipped: Detectors) -> None:
    """Nothing is raised, and nothing else is claimed of the call."""
    result = replayed(CALLS["01-balance"].model_copy(update=change), scripted(shipped))

    assert error in (result.error or "")
    assert CallResult(call_id="01-balance", error=result.error) == result
