"""Records wait for a store that refuses, and are written in order."""

from __future__ import annotations

from tests.live.bench import Bench, ask
from tests.server.builders import (
    LOW,
    ScriptedCore,
    decided,
)
from voiceguard.events import (
    ActionRequested,
    Decision,
    RiskChanged,
    TranscriptReceived,
)
from voiceguard.live.call import LiveCall


def test_notes_survive_a_fault() -> None:
    """What a broken store refused is written when it works again, in the old order."""
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: [RiskChanged(LOW)],
                                     ActionRequested: lambda _: [decided(Decision.DENY)]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        call.receive(TranscriptReceived("caller", "hello"))
        await ask(call)
        bench.store.broken = False

    bench.run(scenario)

    kinds = [kind for what, kinds in bench.log if what == "append" for kind in kinds]
    assert kinds == ["started", "risk", "not_recorded", "ended"]
