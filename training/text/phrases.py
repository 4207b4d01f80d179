"""Templates into sentences, said as callers say them and transcribers write them."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

PHRASES = Path(__file__).with_name("phrases")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_SYNONYM = re.compile(r"<(\w+)>")
_FIRST = ("hi", "hello", "um", "uh", "so", "yes", "okay so", "good morning", "hey there", "well", "right so",
    "excuse me",
          "hi my name is anna and", "hello i'm calling because", "listen", "yeah hi")
_LAST = ("please", "thanks", "thank you", "if that's possible", "as soon as possible", "today", "you know", "right now",
         "can you help me with that", "what do i do", "for me", "please help")
_SLIPS = (("i'm", "im"), ("can't", "cant"), ("don't", "dont"), ("to ", "too "), ("your", "you're"), ("pin", "pen"),
          ("email", "e mail"), ("payee", "pay e"), ("refund", "re fund"), ("account", "a count"), ("i've", "ive"))
"""What transcribers hear instead."""


def read(name: str) -> list[list[str]]:
    """Rows of one file of phrases."""
    text = (PHRASES / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line]


@cache
def synonyms() -> dict[str, list[str]]:
    """Name to what may stand where a template says `<name>`."""
    return {name: words.split("|") for name, words in read("synonyms.tsv")}


def expand(template: str, count: int, chance: random.Random) -> list[str]:
    """Up to `count` different sentences that the template can make."""
    made = {_one(template, chance) for _ in range(4 * count)}
    return sorted(made) if len(made) <= count else chance.sample(sorted(made), count)


def _one(template: str, chance: random.Random) -> str:
    """One sentence. Synonyms may stand in choices."""
    chosen = _CHOICE.sub(lambda choice: chance.choice(choice[1].split("|")), template)
    return " ".join(_SYNONYM.sub(lambda named: chance.choice(synonyms()[named[1]]), chosen).split())


def spoken(sentence: str, chance: random.Random, *, english: bool = True) -> str:
    """The sentence with fillers round it, without punctuation, or misheard, or as it is."""
    if english and chance.random() < 0.35:
        sentence = f"{chance.choice(_FIRST)} {sentence}"
    if english and chance.random() < 0.25:
        sentence = f"{sentence} {chance.choice(_LAST)}"
    if english and chance.random() < 0.15:
        sentence = sentence.replace(*chance.choice(_SLIPS))
    if chance.random() < 0.2:
        words = sentence.split()
        place = chance.randrange(len(words))
        sentence = " ".join([*words[:place], *chance.choice((["uh"], words[place:place + 1], ["like"])),
            *words[place:]])
    return sentence
