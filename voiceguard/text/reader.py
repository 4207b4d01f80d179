"""What is read out of words: rules and classifiers together. The classifiers add to what the rules find, never less."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voiceguard.text import guard, intents, prompt_injection
from voiceguard.text.linear import Classifier
from voiceguard.text.pii import mask

SOUNDS_LIKE_ORDER = "sounds_like_order"
"""The rule's name where only the classifier heard an order."""

SENTENCE_WORDS = 4
"""Words of a written text from which the classifier reads it."""
_MARK = re.compile(r"\[[a-z]+\]")


@dataclass(frozen=True)
class Reader:
    """Rules, and the classifiers where there are any."""

    wishes: Classifier | None = None
    orders: Classifier | None = None

    def certainties(self, text: str) -> dict[str, float]:
        """Action to the classifier's probability for each action that the text sounds like; 1 where a rule heard it."""
        heard = {} if self.wishes is None else self.wishes.hear(_MARK.sub(" ", text[:intents.MAX_CHARS]))
        return heard | dict.fromkeys(intents.recognise(text), 1.0)

    def actions(self, text: str) -> tuple[str, ...]:
        """Actions that the text sounds like, in the order of their names; empty when it sounds like none."""
        return tuple(sorted(self.certainties(text)))

    def rules(self, text: str) -> tuple[str, ...]:
        """Rules against injected orders that the text meets; empty for ordinary speech."""
        found = prompt_injection.screen(text)
        if found or self.orders is None:
            return found
        return (SOUNDS_LIKE_ORDER,) if self.orders.hear(prompt_injection.one_form(text)) else ()

    def written_rules(self, text: str) -> tuple[str, ...]:
        """As `rules`, for what is written: names and values of a few words are no sentence for the classifier."""
        return self.rules(text) if len(text.split()) >= SENTENCE_WORDS else prompt_injection.screen(text)


@dataclass(frozen=True)
class Screened:
    """What one text, on its way in or out, was found to be."""

    masked: str
    rules: tuple[str, ...]
    actions: tuple[str, ...]
    leaks: tuple[str, ...]

    @property
    def allow(self) -> bool:
        """Whether the text may go on: no order in it, and nothing personal that no fact covers."""
        return not self.rules and not self.leaks


def read_text(reader: Reader, direction: str, text: str, facts: Iterable[str] = ()) -> Screened:
    """Everything that is read out of one text; leaks are of outbound text only."""
    rules = reader.rules(text)
    if direction == "outbound":
        verdict = guard.check(text, facts)
        return Screened(verdict.masked, rules, reader.actions(text), verdict.leaks)
    masked = mask(text)
    return Screened(masked, rules, reader.actions(masked), ())
