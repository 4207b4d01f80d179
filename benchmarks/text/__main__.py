"""Prints the tables: wishes, orders, masks on the public sentences and our paraphrases, and what hostile text costs."""

from __future__ import annotations

import argparse
import collections
import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.timing import quick_ms
from voiceguard.adapters.models.text import load_reader
from voiceguard.measures.outcomes import wilson
from voiceguard.text import guard
from voiceguard.text.pii import mask
from voiceguard.text.reader import Reader

SENSITIVE_NOT = frozenset({"balance_enquiry", "order_status", "branch_hours", "plan_enquiry"})
PARAPHRASES = Path(__file__).parents[2] / "training" / "text" / "phrases" / "paraphrases.tsv"
HERE = Path(__file__).parent
SEEN = PARAPHRASES.with_name("paraphrases_seen.tsv")
"""Not held apart: templates were written, and the threshold was chosen, with these in view."""
Sentence = tuple[str, frozenset[str]]
HOSTILE = {
    "a": "a" * 65536, "words": "ignore all the " * 4369, "digits": "4 1 1 1 " * 8192, "at": "a at b dot " * 5957,
    "marks": "[number] " * 7281, "combining": "e\u0301" * 32768, "number words": "one two " * 8192,
    "base64": "QUJD" * 16384, "pairs": "my name is " * 5957, "percent": "%41" * 21845,
}


def rate(found: Sequence[bool]) -> str:
    """A share with its 95 % interval (Wilson)."""
    low, high = wilson(sum(found), len(found))
    return f"{sum(found) / len(found):.4f} ({low:.4f} to {high:.4f}) of {len(found)}"


def wishes(name: str, sentences: Sequence[Sentence], reader: Reader) -> Iterator[str]:
    """Sensitive wishes heard, and sentences without one in which one was heard."""
    heard = [(wanted, set(reader.actions(text))) for text, wanted in sentences]
    right = [bool(got & want) for want, got in heard if want - SENSITIVE_NOT]
    wrong = [bool(got - SENSITIVE_NOT) for want, got in heard if not want]
    yield f"| {name}, sensitive wishes heard | {rate(right)} |"
    yield f"| {name}, false ones among others | {rate(wrong)} |"


def paraphrases(path: Path) -> list[Sentence]:
    """Our own sentences of one file."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(text, frozenset({action} - {"-"})) for action, text in rows]


def ordinary_sentences() -> Iterator[str]:
    """Every sentence that the patterns of ordinary.txt make; nothing is trained on them."""
    for pattern in (HERE / "ordinary.txt").read_text(encoding="utf-8").splitlines():
        parts = [part.split("|") for part in re.split(r"[{}]", pattern)]
        yield from (" ".join("".join(chosen).split()) for chosen in itertools.product(*parts))


def personal() -> Iterator[str]:
    """Of each kind and language in personal.tsv: how many are hidden whole."""
    found: dict[tuple[str, str], list[bool]] = collections.defaultdict(list)
    for row in (HERE / "personal.tsv").read_text(encoding="utf-8").splitlines():
        kind, language, text = row.split("\t")
        before, secret, after = re.split(r"[{}]", text)
        shown = mask(f"{before}{secret}{after}")
        rest = set(re.findall(r"\w+", f"{before} {after}".lower()))
        is_hidden = not (set(re.findall(r"\w+", secret.lower())) - rest) & set(re.findall(r"\w+", shown.lower()))
        for key in ((kind, language), (kind, "all"), ("all", language), ("all", "all")):
            found[key].append(is_hidden)
    languages = sorted({language for _, language in found} - {"all"}) + ["all"]
    yield f"\n| hidden whole | {' | '.join(languages)} |\n|---|{'---|' * len(languages)}"
    for kind in sorted({kind for kind, _ in found} - {"all"}) + ["all"]:
        cells = (found.get((kind, language)) for language in languages)
        yield f"| {kind} | {' | '.join(f'{sum(cell)} of {len(cell)}' if cell else '-' for cell in cells)} |"


def tables(data: Path) -> Iterator[str]:
    """Every line of the report."""
    reader = load_reader()
    with (data / "intents_dev.csv").open(encoding="utf-8", newline="") as file:
        dev = [(row["text"], frozenset(filter(None, row["actions"].split("|")))) for row in csv.DictReader(file)]
    yield "| what | share (95 % interval) |\n|---|---|"
    for name, sentences in (
        ("intents_dev", dev), ("paraphrases held apart", paraphrases(PARAPHRASES)),
        ("paraphrases seen while templates were written", paraphrases(SEEN)),
    ):
        yield from wishes(f"{name}, rules alone", sentences, Reader())
        yield from wishes(f"{name}, rules and classifier", sentences, reader)
        yield f"| {name}, flagged as an order | {rate([bool(reader.rules(text)) for text, _ in sentences])} |"
    ordinary = list(ordinary_sentences())
    yield f"| ordinary call sentences, flagged as an order | {rate([bool(reader.rules(text)) for text in ordinary])} |"
    yield f"| ordinary call sentences, something masked | {rate([mask(text) != text for text in ordinary])} |"
    yield from personal()
    masks = collections.Counter(kind for text, _ in dev for kind in set(re.findall(r"\[(\w+)\]", mask(text))))
    yield "\n| mask | sentences of intents_dev |\n|---|---|"
    yield from (f"| {kind} | {count} |" for kind, count in masks.most_common())
    yield "\n| 64 KB of | wishes, ms | orders, ms | masks, ms | guard, ms |\n|---|---|---|---|---|"
    sentence = "hello i lost my card yesterday and need it blocked please"
    for name, text in {"(one sentence)": sentence, **HOSTILE}.items():
        costs = [
            quick_ms(lambda work=work, text=text: work(text), 5)  # type: ignore[misc]
            for work in (reader.actions, reader.rules, mask, guard.check)
        ]
        yield f"| {name} | {' | '.join(f'{cost:.2f}' for cost in costs)} |"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with intents_dev.csv")
    for line in tables(parser.parse_args().data):
        print(line, flush=True)


if __name__ == "__main__":
    main()
