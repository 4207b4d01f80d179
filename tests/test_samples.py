"""The sample calls keep the call-set contract and show what they claim to show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import webrtcvad
from numpy.typing import NDArray

SAMPLES = Path(__file__).parents[1] / "samples"
MANIFEST = (SAMPLES / "calls.jsonl").read_text(encoding="utf-8")
CALLS: list[dict[str, Any]] = [json.loads(line) for line in MANIFEST.splitlines()]
RATE = 8000
FRAME = 160  # 20 ms

per_call = pytest.mark.parametrize("call", CALLS, ids=[call["call_id"] for call in CALLS])


def lines(call: dict[str, Any]) -> NDArray[np.int16]:
    """The call's samples, shape (samples, 2)."""
    audio, _ = soundfile.read(SAMPLES / call["audio"], dtype="int16", always_2d=True)
    return np.asarray(audio, np.int16)


def caller_speech(call: dict[str, Any], start_s: float = 0.0, end_s: float = 1e9) -> float:
    """Seconds of the caller's channel between two times that webrtcvad's strictest mode takes for speech."""
    caller = lines(call)[int(start_s * RATE) : int(min(end_s, 1e6) * RATE), 0]
    vad = webrtcvad.Vad(3)
    frames = caller[: len(caller) // FRAME * FRAME].reshape(-1, FRAME)
    return float(sum(vad.is_speech(frame.tobytes(), RATE) for frame in frames)) * FRAME / RATE


def at(call: dict[str, Any], kind: str) -> list[float]:
    """Times in seconds of the call's events of one type."""
    return [event["at_s"] for event in call["events"] if event["type"] == kind]


def by_id(call_id: str) -> dict[str, Any]:
    return next(call for call in CALLS if call["call_id"] == call_id)


@per_call
def test_a_line_has_the_fields_of_the_contract(call: dict[str, Any]) -> None:
    """Every manifest line has the contract's fields and no other."""
    assert set(call) == {"call_id", "audio", "channels", "label", "spoof_from_s", "customer_ref", "events", "expect"}
    assert call["channels"] == {"0": "caller", "1": "agent"}
    assert call["label"] in {"genuine", "synthetic", "takeover"}
    assert (call["spoof_from_s"] is None) == (call["label"] == "genuine")
    assert set(call["expect"].values()) <= {"allow", "step_up", "handover", "deny"}


@per_call
def test_events_have_known_types_and_come_in_order(call: dict[str, Any]) -> None:
    """Events are intents, transcripts, keyed digits or drops of the stream, in the order of time."""
    payload = {"intent": {"action"}, "transcript": {"channel", "text"}, "dtmf": {"digits"}, "drop": {"for_s"}}

    assert [event["at_s"] for event in call["events"]] == sorted(event["at_s"] for event in call["events"])
    for event in call["events"]:
        assert set(event) == {"at_s", "type"} | payload[event["type"]]


@per_call
def test_audio_is_two_channel_telephone_audio(call: dict[str, Any]) -> None:
    """Each call is a mu-law WAV file of 8 kHz and two channels with speech, 20 to 60 s long; its events lie inside."""
    info = soundfile.info(SAMPLES / call["audio"])

    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "ULAW", RATE, 2)
    assert 20 <= info.duration <= 60
    assert all(0 < event["at_s"] < info.duration for event in call["events"])
    assert np.abs(lines(call).astype(np.int32)).max(axis=0).min() > 1000


@per_call
def test_every_action_asked_has_an_expected_decision(call: dict[str, Any]) -> None:
    """The actions asked for and the actions with an expected decision are the same."""
    assert {event["action"] for event in call["events"] if event["type"] == "intent"} == set(call["expect"])


@per_call
def test_the_caller_speaks_before_asking(call: dict[str, Any]) -> None:
    """The first action comes after at least 8 s of net speech; after under 2 s where too little is the point."""
    spoken = caller_speech(call, end_s=at(call, "intent")[0])

    assert spoken < 2 if call["call_id"] == "08-too-little-speech" else spoken >= 8


LISTED = "11-watchlist"
TAKEN_OVER = [call for call in CALLS if call["label"] == "takeover" and call["call_id"] != LISTED]


@pytest.mark.parametrize("call", TAKEN_OVER, ids=lambda call: call["call_id"])
def test_both_voices_of_a_take_over_speak_long_enough(call: dict[str, Any]) -> None:
    """Before a take-over the first voice has 10 s of net speech, after it the second has 8 s before the action."""
    assert caller_speech(call, end_s=call["spoof_from_s"]) >= 10
    assert caller_speech(call, call["spoof_from_s"], at(call, "intent")[0]) >= 8


def test_the_known_fraudster_speaks_alone_and_was_recorded_before() -> None:
    """Nobody speaks before on the line; the recording on the watch list is other speech, long enough for it."""
    call = by_id(LISTED)
    (entry,) = map(json.loads, (SAMPLES / "watchlist.jsonl").read_text(encoding="utf-8").splitlines())
    audio, rate = soundfile.read(SAMPLES / entry["audio"], dtype="float64")
    spoken = lines(call)[:, 0].astype(np.float64)
    alike = np.fft.irfft(np.fft.rfft(spoken, 2**19) * np.conj(np.fft.rfft(audio, 2**19)))

    assert caller_speech(call, end_s=call["spoof_from_s"]) < 0.2
    assert (RATE, (len(audio),)) == (rate, audio.shape)
    assert len(audio) / RATE > 10
    assert entry["reason"]
    # One and the same recording would lie on itself somewhere.
    assert np.abs(alike).max() < 0.3 * np.linalg.norm(spoken) * np.linalg.norm(audio)


def test_every_scenario_is_there() -> None:
    """Each kind of call that the demo must decide rightly is in the manifest."""
    scenarios = {(call["label"], action, decision) for call in CALLS for action, decision in call["expect"].items()}

    assert len(CALLS) >= 8
    assert {
        ("genuine", "balance_enquiry", "allow"),
        ("genuine", "account_recovery", "allow"),
        ("genuine", "account_recovery", "deny"),
        ("genuine", "account_recovery", "step_up"),
        ("synthetic", "account_recovery", "handover"),
        ("takeover", "account_recovery", "handover"),
    } <= scenarios


def test_codes_are_the_delivered_one_or_wrong() -> None:
    """Callers who are allowed key the delivered code once; the one who is denied keys three wrong codes."""
    keyed = {
        call["call_id"]: [event["digits"] for event in call["events"] if event["type"] == "dtmf"] for call in CALLS
    }

    assert {call_id: digits for call_id, digits in keyed.items() if digits} == {
        "02-recovery": ["<otp>"],
        "03-wrong-codes": ["000000", "111111", "123456"],
        "09-noisy": ["<otp>"],
        "13-on-hold": ["<otp>"],
    }


def test_keyed_tones_are_on_the_line_where_the_call_says_so() -> None:
    """Just before the first wrong code the caller's channel carries key 0 (ITU-T Q.23: 941 and 1336 Hz)."""
    call = by_id("03-wrong-codes")
    end = int(at(call, "dtmf")[0] * RATE)
    spectrum = np.abs(np.fft.rfft(lines(call)[end - RATE : end, 0]))
    strongest = np.argsort(spectrum[:2000])[-40:]  # 1 Hz a bin

    assert np.abs(strongest - 941).min() <= 6
    assert np.abs(strongest - 1336).min() <= 6
    assert all(min(abs(peak - 941), abs(peak - 1336)) < 60 for peak in strongest)


def test_the_noisy_call_is_noisy() -> None:
    """Where nobody speaks, the noisy caller's line is at least 15 dB louder than any other caller's."""
    floor = {}
    for call in CALLS:
        caller = lines(call)[:, 0].astype(np.float64) / 32768
        frames = caller[: len(caller) // FRAME * FRAME].reshape(-1, FRAME)
        floor[call["call_id"]] = 10 * np.log10(np.percentile(np.mean(frames**2, axis=1), 10))
    noisy = floor.pop("09-noisy")

    assert noisy >= max(floor.values()) + 15


def test_the_injected_instruction_asks_to_be_obeyed() -> None:
    """The injected transcript is the caller's and comes first; the expected decision is not what it orders."""
    call = by_id("10-injected-instruction")
    injected = next(event for event in call["events"] if event["type"] == "transcript")

    assert injected["channel"] == "caller"
    assert "ignore all previous instructions" in injected["text"].lower()
    assert injected["at_s"] <= at(call, "intent")[0]
    assert call["expect"] == {"account_recovery": "step_up"}


def test_the_resumed_call_asks_again_after_the_drop() -> None:
    """The caller is handed over before the drop, and says too little after it to be judged by that alone."""
    call = by_id("12-resumed")
    ((dropped,), (before, after)) = at(call, "drop"), at(call, "intent")
    back = dropped + next(event["for_s"] for event in call["events"] if event["type"] == "drop")

    assert before < dropped < back < after
    assert 0.5 < caller_speech(call, back, after) < 2
    assert {"handover"} == set(call["expect"].values())


def test_the_caller_on_hold_plays_music_that_webrtcvad_hears_as_speech() -> None:
    """Long enough to be judged by itself, were it speech; the agent is silent meanwhile."""
    call = by_id("13-on-hold")
    end = at(call, "intent")[0]

    assert caller_speech(call, end - 15, end) >= 8
    assert np.abs(lines(call)[int((end - 14.5) * RATE) : int((end - 0.5) * RATE), 1]).max() < 500


def test_manifest_and_folder_hold_the_same_calls() -> None:
    """Every call has one audio file, every audio file a call, and README describes each."""
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    ids = [call["call_id"] for call in CALLS]

    assert len(set(ids)) == len(ids)
    assert {call["audio"] for call in CALLS} == {path.name for path in SAMPLES.glob("*.wav")}
    assert all(f"`{call_id}`" in readme for call_id in ids)
