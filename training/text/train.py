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
from sklearn.svm import LinearSVC

from training.text import phrases
from voiceguard.text.linear import BUCKETS, features, plain
from voiceguard.text.prompt_injection import one_form

MODELS = Path(__file__).parents[2] / "models"
SEED, FOLDS = 20261201, 4
PER_TEMPLATE = 20
ORDER = "injected_order"
HARMLESS = frozenset({"balance_enquiry", "order_status", "branch_hours", "plan_enquiry"})
"""Wishes whose false finding costs nobody anything: the threshold is set by the others."""
_DETAILS = (("email_change", r"e ?-?mail"), ("phone_change", r"phone|mobile|number|cell"), ("address_change", r"."))


@dataclass(frozen=True)
class Rows:
    """Sentences, what they want, and where they come from; group: sentences of one template stay in one fold."""

    texts: list[str]
    labels: list[frozenset[str]]
    groups: list[str]
    own: list[bool]


@dataclass(frozen=True)
class Allowed:
    """Share of sentences without the label that may be taken for it, by folds; None where it sets no threshold."""

    public: float | None
    own: float | None


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
    model = LinearSVC(C=c, intercept_scaling=3.0, max_iter=300)
    model.fit(inputs, targets, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])


def folds(rows: Rows) -> NDArray[np.int64]:
    return np.array([int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS for group in rows.groups])


def teach(
    rows: Rows, names: Sequence[str], c: float, allowed: Allowed, name: str, said: str, public: float = 1.0
) -> None:
    """Fit each label on all rows, set calibration and the one threshold of all labels by folds, write the files."""
    inputs, fold, own = matrix(rows.texts), folds(rows), np.array(rows.own)
    weight = np.where(own, 1.0, public)
    wanted = np.array([[label in one for label in names] for one in rows.labels])
    scores = np.empty(wanted.shape)
    columns, biases = [], []
    for place in range(len(names)):
        targets = wanted[:, place]
        for part in range(FOLDS):
            coefficients, bias = fit(inputs[fold != part], targets[fold != part], weight[fold != part], c)
            scores[fold == part, place] = inputs[fold == part] @ coefficients + bias
        platt = LogisticRegression(C=1e6).fit(scores[:, place, None], targets, sample_weight=weight)
        slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        scores[:, place] = slope * scores[:, place] + shift
        coefficients, bias = fit(inputs, targets, weight, c)
        columns.append(slope * coefficients)
        biases.append(slope * bias + shift)
        print(names[place], int(targets.sum()), flush=True)
    counted = np.array([label not in HARMLESS for label in names])
    chances = 1.0 / (1.0 + np.exp(-scores))
    highest, none = chances[:, counted].max(axis=1), ~wanted.any(axis=1)
    cut = round(max(
        float(np.quantile(highest[none & of], 1.0 - rate))
        for of, rate in ((~own, allowed.public), (own, allowed.own)) if rate is not None
    ), 4)
    report = {label: by_folds(chances[:, place] >= cut, wanted[:, place], own) for place, label in enumerate(names)}
    heard = (chances >= cut) & wanted
    any_wanted, any_heard = (wanted & counted).any(axis=1), (heard & counted).any(axis=1)
    report["any"] = {
        "heard_own": share(any_heard[any_wanted & own]), "heard_public": share(any_heard[any_wanted & ~own]),
        "false_own": share(highest[none & own] >= cut), "false_public": share(highest[none & ~own] >= cut),
    }
    print(cut, json.dumps(report["any"]), flush=True)
    write(MODELS / name, names, np.stack(columns, 1), np.array(biases), dict.fromkeys(names, cut),
          {"task": said, "folds": report})


def by_folds(heard: NDArray[np.bool_], wanted: NDArray[np.bool_], own: NDArray[np.bool_]) -> dict[str, float]:
    """What one label's classifier hears of sentences that no fold's fit had seen."""
    return {"sentences": int(wanted.sum()), "heard_own": share(heard[wanted & own]),
            "heard_public": share(heard[wanted & ~own]), "false": share(heard[~wanted])}


def share(found: NDArray[np.bool_]) -> float:
    """Rounded; 0 of nothing."""
    return round(float(found.mean()), 4) if len(found) else 0.0


def write(folder: Path, names: Sequence[str], weights: NDArray[np.float64], biases: NDArray[np.float64],
          thresholds: dict[str, float], more: dict[str, object]) -> None:
    scales = np.maximum(np.abs(weights).max(axis=0) / 127.0, 1e-9)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "weights.npz", weights=np.rint(weights / scales).astype(np.int8), scales=scales.astype(np.float32),
        biases=biases.astype(np.float32),
    )
    card = {
        "name": folder.name, "version": "1.1.0",
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
        teach(rows, (ORDER,), 4.0, Allowed(None, 0.001), "text-injection", "injected_order", public=4.0)
    if options.only != "orders":
        rows = wishes(options.data)
        names = sorted({label for labels in rows.labels for label in labels})
        teach(rows, names, 2.0, Allowed(0.005, None), "text-intents", "wish")


if __name__ == "__main__":
    main()
