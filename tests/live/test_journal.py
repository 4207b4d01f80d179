"""A call's news: in its records, on people's pages, and in the metrics."""

from __future__ import annotations

from tests.live.bench import Bench
from tests.server.builders import LOW, ScriptedCore
from voiceguard.events import MediaNoted, Outcome, RiskChanged, TranscriptMasked, TranscriptReceived
from voiceguard.live.call import LiveCall


def test_risk_told_and_recorded() -> None:
    """A new risk goes to the stream with models and policy named, and into the record."""
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: [RiskChanged(LOW)]}))

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    assert bench.told("risk") == [{
        "type": "risk", "call_id": "call-1", "at_s": 8.0, "net_speech_s": 5.0, "score": 4, "band": "low",
        "state": "ok", "evidence": [], "models": {"synthetic": "m@0"}, "policy": bench.context.policy,
    }]
    assert [kind for what, kinds in bench.log if what == "append" for kind in kinds] == ["started", "risk", "ended"]


def test_words_are_shown_and_not_recorded() -> None:
    """A masked transcript is for the people who follow the call, and in no record."""
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: [TranscriptMasked("caller", 1.0, "hello")]}))

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    assert ["transcript"] == [event["kind"] for event in bench.context.hub.calls["call-1"].events]
    assert ["started", "ended"] == [kind for what, kinds in bench.log if what == "append" for kind in kinds]


def test_lost_audio_is_counted_and_a_pause_is_not() -> None:
    """Milliseconds by kind; nothing was lost in a pause."""
    notes: list[Outcome] = [MediaNoted("caller", "gap", 1.0, 250.0), MediaNoted(None, "paused", 2.0, 0.0)]
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: notes}))

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    lost = {sample.labels["kind"]: sample.value for metric in bench.context.metrics.media_ms.collect()
            for sample in metric.samples if sample.name.endswith("_total")}
    assert {"gap": 250.0} == lost
    assert [("media", "gap"), ("media", "paused")] == [
        (event["kind"], event["media"]) for event in bench.context.hub.calls["call-1"].events
    ]
