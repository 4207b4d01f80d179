"""Teach the classifiers of wishes and of injected orders: `python -m training.text.train DATA` (shared/data/text).

Writes weights.npz and weights.json under models/text-intents and models/text-injection. Thresholds come from folds of
the training sentences; nothing of intents_dev.csv or phrases/paraphrases.tsv is read here.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from training.text import phrases
from voiceguard.text.linear import BUCKETS, features, plain
from voiceguard.text.prompt_injection import one_form

MODELS = Path(__file__).parents[2] / "models"
SEED, FOLDS = 20261201, 4
PER_TEMPLATE = 20
ORDER = "injected_order"
HEARD_FROM = 0.2
"""Probability from which a wish is heard: it only informs, so it may be heard early."""
_DETAILS = (("email_change", r"e ?-?mail"), ("phone_change", r"phone|mobile|number|cell"), ("address_change", r"."))


@dataclass(frozen=True)
class Rows:
    """Sentences, what they want, and where they come from; group: sentences of one template stay in one fold."""

    texts: list[str]
    labels: list[frozenset[str]]
    groups: list[str]
    own: list[bool]


def wishes(data: Path) -> Rows:
    """Public sentences and our own, each own one under its template as its group."""
    chance, rows = random.Random(SEED), Rows([], [], [], [])
    with (data / "intents_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            add(rows, row["text"], _meant(row["text"], row["actions"]), row["text"], False)
            if chance.random() < 0.1:
                add(rows, phrases.spoken(row["text"].lower(), chance), _meant(row["text"], row["actions"]),
                    row["text"], False)
    own = [("en",
        *row) for row in phrases.read("wishes_en.tsv")] + [tuple(row) for row in phrases.read("wishes_other.tsv")]
    for language, action, template in own:
        for made in phrases.expand(template, PER_TEMPLATE, chance):
            wanted = frozenset() if action == "-" else frozenset({action})
            add(rows, phrases.spoken(made, chance, english=language == "en"), wanted, template, True)
    _join(rows, chance)
    return rows


def _join(rows: Rows, chance: random.Random) -> None:
    """Two wishes in one turn, and a wish after small talk."""
    wanted = [place for place, own in enumerate(rows.own) if own and rows.labels[place]]
    other = [place for place, own in enumerate(rows.own) if not (own and rows.labels[place])]
    for place in chance.sample(wanted, len(wanted) // 3):
        second = chance.choice(wanted if chance.random() < 0.5 else other)
        if rows.labels[second] or rows.own[second]:
            text = f"{rows.texts[place]} {chance.choice(('and', 'also', 'and then', ''))} {rows.texts[second]}"
            add(rows, text, rows.labels[place] | rows.labels[second], rows.groups[place], True)


def orders(data: Path) -> Rows:
    """deepset's sentences, our own, and ordinary callers' from the intents' training set."""
    chance, rows = random.Random(SEED), Rows([], [], [], [])
    with (data / "injection_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            add(rows, row["text"], frozenset({ORDER} if row["injection"] == "1" else ()), row["text"], False)
    with (data / "intents_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            add(rows, row["text"], frozenset(), row["text"], True)
    for injection, template in phrases.read("orders.tsv"):
        for made in phrases.expand(template, 2 * PER_TEMPLATE, chance):
            add(rows, phrases.spoken(made, chance), frozenset({ORDER} if injection == "1" else ()), template, True)
    for name in ("wishes_en.tsv", "wishes_other.tsv"):
        for row in phrases.read(name):
            for made in phrases.expand(row[-1], 3, chance):
                add(rows, made, frozenset(), row[-1], True)
    return rows


def add(rows: Rows, text: str, labels: frozenset[str], group: str, own: bool) -> None:
    rows.texts.append(text)
    rows.labels.append(labels)
    rows.groups.append(group)
    rows.own.append(own)


def _meant(text: str, actions: str) -> frozenset[str]:
    """The one action meant where the data's label covers three; both where it covers two."""
    wanted = frozenset(filter(None, actions.split("|")))
    if "email_change" in wanted and "phone_change" in wanted:
        return frozenset({next(name for name, words in _DETAILS if re.search(words, text, re.IGNORECASE))})
    return wanted


def matrix(texts: Sequence[str]) -> csr_matrix:
    found = [features(plain(text)) for text in texts]
    ends = np.cumsum([0] + [len(places) for places, _ in found])
    places = np.concatenate([one for one, _ in found]).astype(np.int32)
    return csr_matrix((np.concatenate([values for _, values in found]), places, ends), shape=(len(texts), BUCKETS))


def fit(
    inputs: csr_matrix, targets: NDArray[np.bool_], weights: NDArray[np.float64], c: float
) -> tuple[NDArray[np.float64], float]:
    model = LogisticRegression(C=c, solver="liblinear", intercept_scaling=3.0, max_iter=300)
    model.fit(inputs, targets, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])


def folds(rows: Rows) -> NDArray[np.int64]:
    return np.array([int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS for group in rows.groups])


def teach(
    rows: Rows, names: Sequence[str], c: float, false_rate: float, judged: NDArray[np.bool_], name: str, said: str,
    public: float = 1.0,
) -> None:
    """Fit each label on all rows, set its threshold and calibration by folds, write the files."""
    inputs, fold = matrix(rows.texts), folds(rows)
    weight = np.where(rows.own, 1.0, public)
    columns, biases, thresholds, report = [], [], {}, {}
    for label in names:
        targets = np.array([label in one for one in rows.labels])
        scores = np.empty(len(targets))
        for part in range(FOLDS):
            coefficients, bias = fit(inputs[fold != part], targets[fold != part], weight[fold != part], c)
            scores[fold == part] = inputs[fold == part] @ coefficients + bias
        platt = LogisticRegression(C=1e6).fit(scores[:, None], targets, sample_weight=weight)
        slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        negatives = np.sort(slope * scores[judged & ~targets] + shift)
        cut = max(float(negatives[int(len(negatives) * (1 - false_rate)) - 1]), -0.4)
        if label != ORDER:
            cut = float(np.log(HEARD_FROM / (1 - HEARD_FROM)))
        thresholds[label] = round(float(1 / (1 + np.exp(-cut))), 4)
        caught = slope * scores[targets] + shift >= cut
        report[label] = {"sentences": int(targets.sum()), "heard_by_folds": round(float(caught.mean()), 3)}
        if label == ORDER:
            shown = targets & ~np.array(rows.own)
            report[label]["heard_public"] = round(float((slope * scores[shown] + shift >= cut).mean()), 3)
            clean = ~targets & ~np.array(rows.own)
            report[label]["false_public"] = round(float((slope * scores[clean] + shift >= cut).mean()), 4)
        print(label, report[label], thresholds[label], flush=True)
        coefficients, bias = fit(inputs, targets, weight, c)
        columns.append(slope * coefficients)
        biases.append(slope * bias + shift)
    write(MODELS / name, names, np.stack(columns, 1), np.array(biases), thresholds, {"task": said, "folds": report})


def write(folder: Path, names: Sequence[str], weights: NDArray[np.float64], biases: NDArray[np.float64],
          thresholds: dict[str, float], more: dict[str, object]) -> None:
    scales = np.maximum(np.abs(weights).max(axis=0) / 127.0, 1e-9)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "weights.npz", weights=np.rint(weights / scales).astype(np.int8), scales=scales.astype(np.float32),
        biases=biases.astype(np.float32),
    )
    card = {
        "name": folder.name, "version": "1.0.0",
        "sha256": hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest(),
        "labels": list(names), "thresholds": thresholds, "buckets": BUCKETS, "seed": SEED, **more,
    }
    (folder / "weights.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=("wishes", "orders"))
    options = parser.parse_args()
    if options.only != "wishes":
        rows = orders(options.data)
        rows.texts[:] = [one_form(text) for text in rows.texts]
        ordinary = np.array(rows.own) & ~np.array([bool(one) for one in rows.labels])
        teach(rows, (ORDER,), 60.0, 0.002, ordinary, "text-injection", "injected_order", public=4.0)
    if options.only != "orders":
        rows = wishes(options.data)
        names = sorted({label for labels in rows.labels for label in labels})
        none = np.array([not labels and not own for labels, own in zip(rows.labels, rows.own, strict=True)])
        teach(rows, names, 40.0, 0.0004, none, "text-intents", "wish")


if __name__ == "__main__":
    main()
