"""Error rates of cross-validated scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.synthetic.dataset import Clips
from voiceguard.measures.metrics import eer

HEADER = (
    "| way | unseen | attacks | capped | all | within | flagged | telephone, pooled | telephone, by source "
    "| unseen, random line | telephone, random line | unseen, hard line | telephone, hard line |\n"
    + "|---" * 13 + "|"
)  # fmt: skip
CAUGHT = 0.9
_CAP = 30


def rates(clips: Clips, score: NDArray[np.float64], fold: NDArray[np.intp]) -> dict[str, float]:
    """Equal error rates: attacks by systems of one fold alone, all attacks, the same with at most 30 clips of a system,
    all spoofs, the mean within pages; and what share of genuine clips is flagged where 90 % of the first are caught."""
    genuine, made = ~clips.spoof & (clips.kind != "packaged"), np.char.startswith(clips.source, "made-")
    attack = clips.is_attack & ~made
    unseen = attack & _of_one_fold(clips.system, fold)
    few = np.zeros(len(score), dtype=np.bool_)
    for system in np.unique(clips.system[attack]):
        few[np.flatnonzero(attack & (clips.system == system))[:_CAP]] = True
    pairs = {"unseen": unseen, "attacks": attack, "capped": few, "all": clips.spoof & ~made}
    figures = {name: eer(score[rows], score[genuine]) for name, rows in pairs.items()}
    both = [
        p for p in np.unique(clips.page) if min((rows & (clips.page == p)).sum() for rows in (attack, genuine)) >= 5
    ]
    within = [eer(score[attack & (clips.page == p)], score[genuine & (clips.page == p)]) for p in both]
    bound, telephone = np.quantile(score[unseen], 1 - CAUGHT), clips.is_telephone
    sources = [one for one in np.unique(clips.source[telephone]) if (clips.source[telephone] == one).sum() >= 10]
    by_source = [np.mean(score[telephone & (clips.source == one)] > bound) for one in sources]
    return {
        **figures,
        "within": float(np.mean(within)),
        "flagged": float(np.mean(score[genuine] > bound)),
        "telephone": float(np.mean(score[telephone] > bound)),
        "telephone_by_source": float(np.mean(by_source)),
    }


def row(name: str, clips: Clips, scores: NDArray[np.float64], fold: NDArray[np.intp]) -> str:
    """A row of RESULTS.md: plain mu-law, then a random and a hard line, the first three views of (views, clips)."""
    plain, *lines = (rates(clips, score, fold) for score in scores[:3])
    figures = [*plain.values(), *(line[key] for line in lines for key in ("unseen", "telephone"))]
    return f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |"


def _of_one_fold(system: NDArray[np.str_], fold: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether all clips of a clip's system lie in one fold, so that no fit that scores the clip has seen the system."""
    _, place = np.unique(system, return_inverse=True)
    first, last = np.full(place.max() + 1, fold.max() + 1), np.full(place.max() + 1, -1)
    np.minimum.at(first, place, fold)
    np.maximum.at(last, place, fold)
    return np.asarray((first == last)[place])
