"""Requests for the caller's voice: each gets the answer to itself."""

from __future__ import annotations

import asyncio

from voiceguard.events import VoiceAsked, VoiceTaken
from voiceguard.live.voices import VoiceRequests


def test_each_request_gets_its_own_answer_and_the_rest_are_cancelled() -> None:
    """Two equal requests are told apart, and one without an answer ends with the call."""

    async def run() -> tuple[bool, bool, bool]:
        asked: list[VoiceAsked] = []
        requests = VoiceRequests(asked.append)
        first, second = requests.ask(VoiceAsked("enrol", "ann")), requests.ask(VoiceAsked("enrol", "ann"))
        requests.answer(VoiceTaken(asked[1], 3.0, (), None))
        await asyncio.sleep(0)
        requests.cancel()
        return first.cancelled(), second.done(), second.result().asked is asked[1]

    assert (True, True, True) == asyncio.run(run())
