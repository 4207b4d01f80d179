"""What the words of one call tell: turns of its transcript, and what platforms and people write about it.

What a text says never decides. Orders in it are noted, and raise what the policy demands.
"""

from __future__ import annotations

from itertools import chain

from voiceguard.events import (
    ActionRequested,
    CallInput,
    CallStarted,
    HandoverAnswered,
    IntentNoticed,
    Outcome,
    TextFlagged,
    TextSource,
    TranscriptMasked,
    TranscriptReceived,
)
from voiceguard.text.pii import mask
from voiceguard.text.reader import Reader
from voiceguard.text.turns import Turns

SHOWN_CHARS = 500
"""Of a written text that holds an order."""
RAISING = frozenset({"transcript", "metadata", "parameters"})
"""Where an order counts for the policy. What people write is theirs: they decide anyway, and the note is shown."""


class Words:
    """Those of one call."""

    def __init__(self, reader: Reader) -> None:
        self.injection = False
        """Whether an order was found where it counts."""
        self._reader = reader
        self._turns = Turns()

    def forget(self) -> None:
        """Forget the ends of turns: they are read no more."""
        self._turns = Turns()

    def read(self, heard: TranscriptReceived, at_s: float) -> list[Outcome]:
        """A turn, masked; nothing but the screen sees it unmasked."""
        text = self._turns.mask(heard.text, at_s)
        outcomes: list[Outcome] = [TranscriptMasked(heard.channel, at_s, text)]
        if rules := self._reader.rules(heard.text):  # masking could hide what makes an order one
            self.injection = True
            outcomes.append(TextFlagged("transcript", heard.channel, at_s, rules, text))
        elif heard.channel == "caller":
            wishes = sorted(self._reader.certainties(text).items())
            outcomes += [IntentNoticed(action, at_s, round(certainty, 2)) for action, certainty in wishes]
        return outcomes

    def screen(self, event: CallInput, at_s: float) -> list[Outcome]:
        """The orders in what an event brings in writing, each masked."""
        match event:
            case CallStarted():
                source: TextSource = "metadata"
                texts = [event.customer_ref or "", *chain.from_iterable(event.metadata.items())]
            case ActionRequested():
                source, texts = "parameters", [event.action, *chain.from_iterable(event.parameters.items())]
            case HandoverAnswered():
                source, texts = "reason", [event.reason]
            case _:
                return []
        found: list[Outcome] = [flagged for text in texts if (flagged := flag(self._reader, source, text, at_s))]
        self.injection = self.injection or bool(found) and source in RAISING
        return found


def flag(reader: Reader, source: TextSource, text: str, at_s: float) -> TextFlagged | None:
    """The note of a written text that holds an order; None for any other."""
    rules = reader.written_rules(text)
    return TextFlagged(source, None, at_s, rules, mask(text)[:SHOWN_CHARS]) if rules else None
