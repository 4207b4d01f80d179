"""The judge: an ensemble of small networks that maps the features to the log-odds of synthetic speech."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.synthetic.dataset import Clips

Floats = NDArray[np.float32]
BOUND = 8.0
"""Standard deviations at which a feature is clipped, so that sounds other than speech get no extreme score."""


@dataclass(frozen=True)
class Plan:
    """Hyperparameters of a judge."""

    width: int = 192
    """Hidden units of a member."""
    members: int = 1
    """Networks in the ensemble, each with its own seed; their log-odds are averaged."""
    steps: int = 1800
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.1
    noise: float = 0.1
    """Standard deviation of the Gaussian noise on each input, about that of a dropout of a third of all features."""
    dropped_units: float = 0.5
    mixed: float = 0.0
    """Parameter of mixup's beta distribution; 0: no mixup."""
    telephone: float = 3.0
    """Factor on the weight of genuine telephone speech."""
    smoothed: float = 0.0
    """Label smoothing: the share of each label that is spread evenly over both classes."""
    teachers: int = 0
    """Distillation: networks whose mean probability makes half of each label; 0: no distillation."""


@dataclass(frozen=True)
class Basis:
    """Standardised features projected on their leading principal directions: the same judge at a ninth of the work."""

    mean: Floats
    scale: Floats
    directions: Floats
    """(size, directions), of even length."""

    def of(self, numbers: NDArray[np.float16]) -> Floats:
        """Features (clips, size) to projected values (clips, directions)."""
        standard = np.clip((numbers.astype(np.float32) - self.mean) * self.scale, -BOUND, BOUND)
        return np.asarray(standard @ self.directions, dtype=np.float32)


def basis_of(views: Iterable[NDArray[np.float16]], size: int, rows: int, seed: int) -> Basis:
    """Fit mean, scale and directions on views (clips, size), which are read one at a time.

    The directions come from a randomised SVD of `rows` clips of each view. Labels are not used.
    """
    rng, sums, drawn = np.random.default_rng(seed), [], []
    for view in views:
        wide = view.astype(np.float32)
        sums.append((wide.mean(0, dtype=np.float64), np.square(wide).mean(0, dtype=np.float64)))
        drawn.append(wide[rng.choice(len(wide), min(rows, len(wide)), replace=False)])
    mean, square = np.mean(sums, axis=0)
    scale = 1.0 / (np.sqrt(np.maximum(square - mean**2, 0.0)) + 1e-6)
    standard = torch.from_numpy(np.clip((np.concatenate(drawn) - mean) * scale, -BOUND, BOUND).astype(np.float32))
    torch.manual_seed(seed)
    directions = torch.svd_lowrank(standard, size, niter=2)[2]
    length = np.sqrt(size / standard.shape[1])
    return Basis(mean.astype(np.float32), scale.astype(np.float32), directions.numpy() * np.float32(length))


class Judge(nn.Module):
    """Features (batch, size) to log-odds (batch, 1): standardised, one hidden layer with the units of all members."""

    def __init__(self, size: int, units: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.hidden = nn.Linear(size, units)
        self.last = nn.Linear(units, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        standard = ((numbers - self.mean) * self.scale).clamp(-BOUND, BOUND)
        score: Tensor = self.last(functional.relu(self.hidden(standard)))
        return score


class Small(nn.Module):
    """The same network on projected values."""

    def __init__(self, size: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, units)
        self.last = nn.Linear(units, 1)

    def forward(self, values: Tensor) -> Tensor:
        score: Tensor = self.last(functional.relu(self.hidden(values)))
        return score


@torch.no_grad()
def unfolded(small: Small, basis: Basis) -> Judge:
    """The judge of unprojected features that gives the same log-odds as a judge of projected values."""
    judge = Judge(len(basis.mean), len(small.hidden.bias))
    judge.mean.copy_(torch.from_numpy(basis.mean))
    judge.scale.copy_(torch.from_numpy(basis.scale))
    judge.hidden.weight.copy_(small.hidden.weight @ torch.from_numpy(basis.directions).T)
    judge.hidden.bias.copy_(small.hidden.bias)
    judge.last.load_state_dict(small.last.state_dict())
    return judge


def learned(views: Floats, clips: Clips, weights: NDArray[np.float64], plan: Plan, seed: int) -> Small:
    """Fit a judge on weighted clips, given their projected values (views, clips, size)."""
    weights = clips.weighed(weights, plan.telephone)
    labels = np.tile(clips.spoof.astype(np.float32), (len(views), 1))
    if plan.teachers:
        teacher = fitted(views, labels, weights, replace(plan, members=plan.teachers), seed + 1)
        labels = (labels + 1 / (1 + np.exp(-judged(teacher, views)))) / 2
    return fitted(views, labels, weights, plan, seed)


def fitted(
    views: Floats, labels: NDArray[np.floating], weights: NDArray[np.float64], plan: Plan, seed: int
) -> Small:
    """Fit a judge on values (views, clips, size) and labels in [0, 1] (views, clips); batches are drawn by weight."""
    members = []
    for member in range(plan.members):
        torch.manual_seed(seed * 1000 + member)
        judge = Small(views.shape[2], plan.width)
        _descend(judge, views, labels, weights, plan, np.random.default_rng([seed, member]))
        members.append(judge)
    return joined(members)


def _descend(
    judge: Small, views: Floats, labels: NDArray[np.floating], weights: NDArray[np.float64], plan: Plan,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    chances, labels = weights / weights.sum(), np.asarray(labels, dtype=np.float32)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.1)
    for _ in range(plan.steps):
        drawn = (rng.integers(len(views), size=plan.batch), rng.choice(len(chances), plan.batch, p=chances))
        inputs, label = torch.from_numpy(views[drawn]), torch.from_numpy(labels[drawn])
        label = label * (1 - plan.smoothed) + plan.smoothed / 2
        if plan.mixed:
            share = torch.from_numpy(rng.beta(plan.mixed, plan.mixed, (plan.batch, 1)).astype(np.float32))
            inputs, label = (share * inputs + (1 - share) * inputs.roll(1, 0),
                             share[:, 0] * label + (1 - share[:, 0]) * label.roll(1, 0))
        units = functional.relu(judge.hidden(inputs + plan.noise * torch.randn_like(inputs)))
        score = judge.last(functional.dropout(units, plan.dropped_units))[:, 0]
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(score, label).backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def joined(members: list[Small]) -> Small:
    """One judge whose log-odds are the mean of its members' log-odds."""
    whole = Small(members[0].hidden.in_features, sum(one.hidden.out_features for one in members))
    whole.hidden.weight.copy_(torch.cat([one.hidden.weight for one in members]))
    whole.hidden.bias.copy_(torch.cat([one.hidden.bias for one in members]))
    whole.last.weight.copy_(torch.cat([one.last.weight for one in members], dim=1) / len(members))
    whole.last.bias.copy_(torch.stack([one.last.bias for one in members]).mean(0))
    return whole


@torch.no_grad()
def judged(judge: Small, views: Floats) -> NDArray[np.float64]:
    """Log-odds (views, clips)."""
    return np.stack([judge(torch.from_numpy(view))[:, 0].double().numpy() for view in views])
