"""Other judges, and other numbers beside the network's, by the folds of ``train``: rows of RESULTS.md.

``python -m training.synthetic.trials [--way NAME …]`` after ``train`` of both models; prints a row for each way.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.synthetic.beside import group_delay, modulation
from training.synthetic.dataset import Clips, read_clips
from training.synthetic.model import SIZE, is_correlation
from training.synthetic.settings import settings_of
from training.synthetic.train import embed, heard, rates, regressed

Floats = NDArray[np.float32]
_HERE = Path(__file__).parent
_TELEPHONE = ("phone", "prompts", "spontaneous")
_CAUGHT = 0.9
_BATCH, _STEPS, _WIDTH = 1024, 600, 64


@dataclass(frozen=True)
class Rows:
    """Clips in every view, view by view."""

    numbers: dict[str, Floats]
    """``stream`` and ``verify``: what their judges see, ``group delay`` and ``modulation``; (rows, size) of each,
    standardised by the clips that are known."""
    spoof: NDArray[np.bool_]
    weights: NDArray[np.float64]
    """Their mean is 1."""
    system: NDArray[np.str_]
    page: NDArray[np.str_]
    pair: NDArray[np.intp]
    """Row of the clip that was copied, in the same view; -1 for the others."""
    ridge: float


Numbers = dict[str, Floats]
Way = Callable[[Rows, Numbers], Floats]
"""Learns from rows, and says how synthetic other clips are by their numbers."""


def judged(told: Floats, rows: Rows, asked: Floats, shares: Floats | None = None) -> Floats:
    """Log-odds of `asked` by a logistic regression on `told`, as ``train`` fits it.

    `shares`: how synthetic each row is held to be, in place of its label.
    """
    spoof, weights = rows.spoof, rows.weights
    if shares is not None:
        told, spoof = np.vstack([told, told]), np.repeat([True, False], len(told))
        weights = np.concatenate([weights * shares, weights * (1 - shares)])
    # The mean cross entropy is over rows, however many times each is written here.
    regression = regressed(told, spoof, weights, rows.ridge, len(rows.spoof))
    return np.asarray(asked @ regression.coef_[0] + regression.intercept_[0], dtype=np.float32)


def two_fits(known: Rows, asked: Numbers, shares: Floats | None = None, name: str = "stream") -> Floats:
    """What ships: correlations and moments fitted apart, log-odds added."""
    told, question = known.numbers[name], asked[name]
    pairs = is_correlation(told.shape[1] // SIZE)
    return sum(judged(told[:, kind], known, question[:, kind], shares) for kind in (pairs, ~pairs))  # type: ignore[return-value]


def one_fit(known: Rows, asked: Numbers) -> Floats:
    """Both in one regression."""
    return judged(known.numbers["stream"], known, asked["stream"])


def beside(name: str) -> Way:
    """What ships, and the log-odds of other numbers added."""
    return lambda known, asked: two_fits(known, asked) + judged(known.numbers[name], known, asked[name])


def alone(name: str) -> Way:
    """Other numbers by themselves."""
    return lambda known, asked: judged(known.numbers[name], known, asked[name])


def distilled(known: Rows, asked: Numbers) -> Floats:
    """The judge of ``stream`` learns half of each label from the judge of ``verify``, fitted to the same clips."""
    teacher = 1 / (1 + np.exp(-two_fits(known, known.numbers, name="verify")))
    return two_fits(known, asked, shares=((teacher + known.spoof) / 2).astype(np.float32))


def pairs(known: Rows, asked: Numbers) -> Floats:
    """One regression, and as much weight again on telling a copy from its original: on what differs between them."""
    told, copies = known.numbers["stream"], np.flatnonzero(known.pair >= 0)
    differences = told[copies] - told[known.pair[copies]]
    weight = np.full(2 * len(copies), len(told) / 2 / len(copies))
    rows = replace(
        known, spoof=np.concatenate([known.spoof, np.repeat([True, False], len(copies))]),
        weights=np.concatenate([known.weights, weight]),
    )  # fmt: skip
    return judged(np.vstack([told, differences, -differences]), rows, asked["stream"])


def by_batches(
    rows: Rows, module: nn.Module, loss: Callable[[Tensor, NDArray[np.intp]], Tensor], chances: NDArray[np.float64]
) -> None:
    """Fit `module` and what else `loss` holds to standardised numbers, drawn by their chances, by AdamW."""
    rng = np.random.default_rng(0)
    told, chances = rows.numbers["stream"], chances / chances.sum()
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    for _ in range(_STEPS):
        drawn = rng.choice(len(told), _BATCH, p=chances)
        optimiser.zero_grad()
        loss(torch.from_numpy(told[drawn]), drawn).backward()
        optimiser.step()
        schedule.step()


def group_dro(known: Rows, asked: Numbers) -> Floats:
    """One linear judge for the worst page: Sagawa et al. 2020 (arXiv 1911.08731), pages of each class as groups."""
    judge = nn.Linear(known.numbers["stream"].shape[1], 1)
    nn.init.zeros_(judge.weight)
    names = np.char.add(known.page, np.where(known.spoof, "|spoof", "|bona fide"))
    _, group, count = np.unique(names, return_inverse=True, return_counts=True)
    share = torch.full((len(count),), 1 / len(count))

    def loss(told: Tensor, drawn: NDArray[np.intp]) -> Tensor:
        label = torch.from_numpy(known.spoof[drawn].astype(np.float32))
        each = functional.binary_cross_entropy_with_logits(judge(told).squeeze(1), label, reduction="none")
        place = torch.from_numpy(group[drawn])
        sums, many = (torch.zeros(len(count)).index_add(0, place, part) for part in (each, torch.ones(len(each))))
        means = sums / many.clamp(min=1)
        share.mul_(torch.exp(0.01 * means.detach())).div_(share.sum())
        return (share * means).sum()

    by_batches(known, judge, loss, 1.0 / count[group])
    return np.asarray(judge(torch.from_numpy(asked["stream"])).detach().squeeze(1))


def oc_softmax(known: Rows, asked: Numbers) -> Floats:
    """One-class softmax on 64 dimensions: Zhang, Jiang and Duan 2021 (IEEE SPL 28), their margins and scale."""
    size = known.numbers["stream"].shape[1]
    body, centre = nn.Sequential(nn.Dropout(0.5), nn.Linear(size, _WIDTH)), nn.Linear(_WIDTH, 1, bias=False)
    network = nn.ModuleList([body, centre])

    def closeness(told: Tensor) -> Tensor:
        return functional.normalize(body(told), dim=1) @ functional.normalize(centre.weight[0], dim=0)

    def loss(told: Tensor, drawn: NDArray[np.intp]) -> Tensor:
        near, spoof = closeness(told), torch.from_numpy(known.spoof[drawn])
        return functional.softplus(20 * torch.where(spoof, near - 0.2, 0.9 - near)).mean()

    by_batches(known, network, loss, known.weights)
    network.eval()
    return -np.asarray(closeness(torch.from_numpy(asked["stream"])).detach())


def contrastive(known: Rows, asked: Numbers) -> Floats:
    """Supervised contrastive loss over systems, genuine speech being one: Khosla et al. 2020 (arXiv 2004.11362).

    64 dimensions, temperature 0.1; a logistic regression judges them.
    """
    size = known.numbers["stream"].shape[1]
    network = nn.Sequential(nn.Dropout(0.5), nn.Linear(size, _WIDTH))
    _, system = np.unique(known.system, return_inverse=True)

    def loss(told: Tensor, drawn: NDArray[np.intp]) -> Tensor:
        place = functional.normalize(network(told), dim=1)
        others = ~torch.eye(len(drawn), dtype=torch.bool)
        near = (place @ place.T / 0.1).masked_fill(~others, -1e9).log_softmax(1)
        label = torch.from_numpy(system[drawn])
        same = (label[:, None] == label) & others
        return -(near.masked_fill(~same, 0).sum(1) / same.sum(1).clamp(min=1)).mean()

    by_batches(known, network, loss, known.weights)
    network.eval()
    with torch.no_grad():
        told, question = (
            functional.normalize(network(torch.from_numpy(rows["stream"])), dim=1).numpy()
            for rows in (known.numbers, asked)
        )
    return judged(told / told.std(0), known, question / told.std(0))


WAYS: dict[str, Way] = {
    "two fits, log-odds added": two_fits,
    "one fit": one_fit,
    "modified group delay alone": alone("group delay"),
    "modified group delay beside": beside("group delay"),
    "modulation spectrum alone": alone("modulation"),
    "modulation spectrum beside": beside("modulation"),
    "distilled from verify": distilled,
    "copies told from their originals": pairs,
    "worst page (GroupDRO)": group_dro,
    "OC-Softmax": oc_softmax,
    "supervised contrastive over systems": contrastive,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEGUARD_DATA", "../shared/data")))
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = {name: settings_of(_HERE / f"{name}.toml", options.data) for name in ("stream", "verify")}
    plan = settings["stream"].config["train"]
    clips = read_clips(settings["stream"].work)
    numbers = {name: embed(one, len(clips.spoof)) for name, one in settings.items()}
    with ProcessPoolExecutor() as pool:
        for name, way in (("group delay", group_delay), ("modulation", modulation)):
            views = (heard(settings["stream"], view, len(clips.spoof)) for view in range(len(plan["views"])))
            numbers[name] = np.stack([list(pool.map(way, windows, chunksize=100)) for windows in views])
    fold = clips.folds(plan["folds"], settings["stream"].seed)
    scores = {name: np.zeros(len(clips.spoof)) for name in options.way}
    for index in range(plan["folds"]):
        known, asked = split(numbers, clips, fold != index, plan)
        for name in options.way:
            # The views follow each other: the first is plain mu-law.
            scores[name][fold == index] = WAYS[name](known, asked)
            print(f"fold {index + 1} of {plan['folds']}, {name}", flush=True)
    for name in options.way:
        print(row(name, clips, scores[name]))


def split(
    numbers: dict[str, NDArray[np.float16]], clips: Clips, is_known: NDArray[np.bool_], plan: dict[str, float]
) -> tuple[Rows, Numbers]:
    """The clips that are known, in every view, and the numbers of the others in the first view."""
    views = len(numbers["stream"])
    told, asked = {}, {}
    for name, values in numbers.items():
        rows = values[:, is_known].reshape(views * is_known.sum(), -1).astype(np.float32)
        mean, deviation = rows.mean(0), rows.std(0) + 1e-6
        told[name], asked[name] = (rows - mean) / deviation, (values[0, ~is_known] - mean) / deviation
    place = np.cumsum(is_known) - 1
    pair = np.where(clips.pair >= 0, place[clips.pair], -1)[is_known]
    weights = clips.weights(plan["attack_share"])[is_known]
    known = Rows(
        told, np.tile(clips.spoof[is_known], views), np.tile(weights / weights.mean(), views),
        np.tile(clips.system[is_known], views), np.tile(clips.page[is_known], views),
        np.concatenate([np.where(pair >= 0, pair + view * is_known.sum(), -1) for view in range(views)]), plan["ridge"],
    )  # fmt: skip
    return known, asked


def row(name: str, clips: Clips, score: NDArray[np.float64]) -> str:
    """Equal error rates, and the genuine and the telephone clips that are flagged where 90 % of attacks are caught."""
    attacks = clips.is_attack & ~np.char.startswith(clips.source, "made-")
    genuine = ~clips.spoof & (clips.kind != "packaged")
    counted = clips.spoof | genuine
    found = rates(clips.only(counted), score[counted])
    bound = np.quantile(score[attacks], 1 - _CAUGHT)
    telephone = genuine & np.isin(clips.kind, _TELEPHONE)
    flagged = [np.mean(score[telephone & (clips.source == one)] > bound) for one in np.unique(clips.source[telephone])]
    figures = (*found.values(), np.mean(score[genuine] > bound), np.mean(flagged))
    return f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |"


if __name__ == "__main__":
    main()
