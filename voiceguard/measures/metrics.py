"""Measures of a detector, from scores alone. Higher scores mean synthetic; arrays of scores are one-dimensional.

Costs and prior follow the ASVspoof 5 evaluation plan (Wang et al. 2024): a spoof appears with probability 0.05, a
missed spoof costs 10, a genuine call taken for a spoof costs 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

P_SPOOF = 0.05
COST_MISSED_SPOOF = 10.0
COST_FALSE_ALARM = 1.0


def det_curve(
    spoof: ArrayLike, bonafide: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Miss rate, false-alarm rate and threshold, each (k,), for "spoof when score >= threshold", thresholds rising.

    The last threshold is infinite: all spoofs are missed, nothing genuine is flagged.
    Raises ValueError when a class is empty or a score is not a number.
    """
    spoof, bonafide = _scores(spoof, "spoof"), _scores(bonafide, "bona fide")
    thresholds = np.append(np.unique(np.concatenate([spoof, bonafide])), np.inf)
    miss = np.searchsorted(np.sort(spoof), thresholds, side="left") / len(spoof)
    false_alarm = 1.0 - np.searchsorted(np.sort(bonafide), thresholds, side="left") / len(bonafide)
    return miss, false_alarm, thresholds


def eer(spoof: ArrayLike, bonafide: ArrayLike) -> float:
    """Equal error rate: where the straight lines between points of the DET curve cross the diagonal."""
    miss, false_alarm, _ = det_curve(spoof, bonafide)
    after = int(np.argmax(miss >= false_alarm))
    if after == 0:
        return float((miss[0] + false_alarm[0]) / 2)
    gap_before = false_alarm[after - 1] - miss[after - 1]
    gap_after = miss[after] - false_alarm[after]
    share = gap_before / (gap_before + gap_after)
    return float(miss[after - 1] + share * (miss[after] - miss[after - 1]))


def act_dcf(spoof_llr: ArrayLike, bonafide_llr: ArrayLike) -> float:
    """Normalised detection cost of calibrated LLRs (natural log) cut at the Bayes threshold of the costs above."""
    spoof, bonafide = _scores(spoof_llr, "spoof"), _scores(bonafide_llr, "bona fide")
    threshold = np.log(COST_FALSE_ALARM * (1 - P_SPOOF)) - np.log(COST_MISSED_SPOOF * P_SPOOF)
    return float(_dcf(np.mean(spoof < threshold), np.mean(bonafide >= threshold)))


def min_dcf(spoof: ArrayLike, bonafide: ArrayLike) -> float:
    """Normalised detection cost at the best threshold; 1 is a detector that knows nothing."""
    miss, false_alarm, _ = det_curve(spoof, bonafide)
    return float(_dcf(miss, false_alarm).min())


def cllr(spoof_llr: ArrayLike, bonafide_llr: ArrayLike) -> float:
    """Cost of log-likelihood ratios in bits (Bruemmer and du Preez 2006); 0 is perfect, 1 is knowing nothing."""
    spoof, bonafide = _scores(spoof_llr, "spoof"), _scores(bonafide_llr, "bona fide")
    return float((np.logaddexp(0, -spoof).mean() + np.logaddexp(0, bonafide).mean()) / (2 * np.log(2)))


def cllr_min(spoof: ArrayLike, bonafide: ArrayLike) -> float:
    """Cllr after the best monotonic calibration (pool adjacent violators): what discrimination alone costs, in bits."""
    spoof, bonafide = _scores(spoof, "spoof"), _scores(bonafide, "bona fide")
    # Each class weighs the same, so that the posterior of the fit is the LLR itself.
    values, group = np.unique(np.concatenate([spoof, bonafide]), return_inverse=True)
    share_spoof = np.bincount(group[: len(spoof)], minlength=len(values)) / len(spoof)
    share_bonafide = np.bincount(group[len(spoof) :], minlength=len(values)) / len(bonafide)
    blocks: list[tuple[float, float]] = []
    for pair in zip(share_spoof.tolist(), share_bonafide.tolist(), strict=True):
        blocks.append(pair)
        # Ratios must not fall; cross products avoid dividing by zero.
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            (a, b), (c, d) = blocks.pop(), blocks.pop()
            blocks.append((a + c, b + d))
    # Twice Cllr is the mean over each class of log2(1 + the other class's share over its own).
    bits = sum(s * np.log2((s + g) / s) if s else 0.0 for s, g in blocks)
    bits += sum(g * np.log2((s + g) / g) if g else 0.0 for s, g in blocks)
    return float(bits / 2)


def a_dcf(target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike) -> float:
    """Lowest normalised architecture-agnostic detection cost (Shim et al., Odyssey 2024) of one score that accepts the
    customer and nobody else: here higher scores speak for the customer.

    Costs and priors are those of ASVspoof 5, track 2: 0.9405 customers, 0.0095 other people, 0.05 spoofs; turning the
    customer away costs 1, accepting anybody else 10. 1 is a system that knows nothing.
    """
    accepted = [_scores(target, "target"), _scores(nontarget, "nontarget"), _scores(spoof, "spoof")]
    thresholds = np.append(np.unique(np.concatenate(accepted)), np.inf)
    below = [np.searchsorted(np.sort(scores), thresholds, side="left") / len(scores) for scores in accepted]
    p_target, p_nontarget, p_spoof = 0.9405, 0.0095, 0.05
    cost = p_target * below[0] + 10.0 * p_nontarget * (1 - below[1]) + 10.0 * p_spoof * (1 - below[2])
    return float(cost.min() / min(p_target, 10.0 * (p_nontarget + p_spoof)))


def reliability(
    spoof_llr: ArrayLike, bonafide_llr: ArrayLike, bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean posterior and share of spoofs, each (k,), in `bins` equal parts of the scores; both classes weigh the same
    in all, so that a calibrated LLR lies on the diagonal."""
    spoof, genuine = _scores(spoof_llr, "spoof"), _scores(bonafide_llr, "bona fide")
    llr = np.concatenate([spoof, genuine])
    weight = np.concatenate([np.full(len(spoof), 1 / len(spoof)), np.full(len(genuine), 1 / len(genuine))])
    is_spoof = np.arange(len(llr)) < len(spoof)
    edges = np.unique(np.quantile(llr, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, llr, side="right")
    total = np.bincount(place, weight, len(edges) + 1)
    filled = total > 0
    posterior = np.bincount(place, weight / (1 + np.exp(-llr)), len(edges) + 1)
    share = np.bincount(place, weight * is_spoof, len(edges) + 1)
    return posterior[filled] / total[filled], share[filled] / total[filled]


def bootstrap_interval(
    figure: Callable[[NDArray[np.intp]], float],
    sources: ArrayLike,
    *,
    seed: int,
    rounds: int = 500,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of ``figure`` when whole sources are drawn anew, with replacement.

    ``figure`` gets row numbers (repeats included) and may raise ValueError where a draw holds one class only; such
    draws are left out. Clips of one source share speakers, rooms and encoders: drawing clips would promise too much.
    Raises ValueError when no draw gave a figure.
    """
    _, group = np.unique(np.asarray(sources), return_inverse=True)
    members = [np.flatnonzero(group == index) for index in range(group.max() + 1)]
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(rounds):
        drawn = rng.integers(len(members), size=len(members))
        try:
            figures.append(figure(np.concatenate([members[index] for index in drawn])))
        except ValueError:
            continue
    if not figures:
        raise ValueError("no draw of sources gave a figure")
    low, high = np.quantile(figures, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _dcf(miss: ArrayLike, false_alarm: ArrayLike) -> NDArray[np.float64]:
    missed = COST_MISSED_SPOOF * P_SPOOF * np.asarray(miss, dtype=np.float64)
    flagged = COST_FALSE_ALARM * (1 - P_SPOOF) * np.asarray(false_alarm, dtype=np.float64)
    return np.asarray((missed + flagged) / min(COST_MISSED_SPOOF * P_SPOOF, COST_FALSE_ALARM * (1 - P_SPOOF)))


def _scores(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(array) == 0:
        raise ValueError(f"no {name} scores")
    if np.isnan(array).any():
        raise ValueError(f"a {name} score is not a number")
    return array
