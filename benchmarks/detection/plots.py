"""DET and reliability plots of several detectors on the same recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from benchmarks.detection.report import Scores
from voiceguard.analysis import metrics

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
_BINS = 10


def draw(models: Mapping[str, Scores], folder: Path) -> None:
    """Write det.svg and reliability.svg: attacks of systems not in train against all genuine speech."""
    folder.mkdir(parents=True, exist_ok=True)
    det, reliability = Figure(figsize=(6, 6), layout="tight"), Figure(figsize=(6, 6), layout="tight")
    errors, observed = det.subplots(), reliability.subplots()
    for name, scores in models.items():
        spoof, genuine = scores.llr[scores.headline], scores.llr[scores.genuine]
        miss, false_alarm, _ = metrics.det_curve(spoof, genuine)
        errors.plot(_probit(false_alarm), _probit(miss), label=f"{name}, EER {metrics.eer(spoof, genuine):.3f}")
        observed.plot(*reliable(spoof, genuine), "o-", label=f"{name}, Cllr {metrics.cllr(spoof, genuine):.3f}")
    errors.plot(_probit([0.01, 0.9]), _probit([0.01, 0.9]), ":", color="grey")
    errors.set(
        xlabel="genuine speech flagged", ylabel="attacks missed", title="attacks of systems not in train, mu-law, 4 s",
        xticks=_probit(_TICKS), xticklabels=_TICKS, yticks=_probit(_TICKS), yticklabels=_TICKS,
        xlim=_probit([0.01, 0.9]), ylim=_probit([0.01, 0.9]),
    )
    observed.plot([0, 1], [0, 1], ":", color="grey")
    observed.set(
        xlabel="posterior that the LLR gives, classes equally likely", ylabel="share of attacks, classes weighed alike",
        title="attacks of systems not in train, mu-law, 4 s", xlim=(0, 1), ylim=(0, 1),
    )
    for axes in (errors, observed):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    # Without date and random ids, the same scores make the same file.
    with mpl.rc_context({"svg.hashsalt": "voiceguard", "svg.fonttype": "none"}):
        det.savefig(folder / "det.svg", metadata={"Date": None})
        reliability.savefig(folder / "reliability.svg", metadata={"Date": None})


def reliable(spoof: ArrayLike, genuine: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean posterior and share of spoofs, each (k,), in tenths of the scores; both classes weigh the same in all."""
    spoof, genuine = np.asarray(spoof, dtype=np.float64), np.asarray(genuine, dtype=np.float64)
    llr = np.concatenate([spoof, genuine])
    weight = np.concatenate([np.full(len(spoof), 1 / len(spoof)), np.full(len(genuine), 1 / len(genuine))])
    is_spoof = np.arange(len(llr)) < len(spoof)
    edges = np.unique(np.quantile(llr, np.linspace(0, 1, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, llr, side="right")
    total = np.bincount(place, weight, len(edges) + 1)
    filled = total > 0
    posterior = np.bincount(place, weight / (1 + np.exp(-llr)), len(edges) + 1)
    share = np.bincount(place, weight * is_spoof, len(edges) + 1)
    return posterior[filled] / total[filled], share[filled] / total[filled]


def _probit(shares: ArrayLike) -> NDArray[np.float64]:
    """Shares on the axis where normal scores make straight lines; 0 and 1 lie just outside it."""
    return np.array([NormalDist().inv_cdf(min(max(share, 1e-4), 1 - 1e-4)) for share in np.atleast_1d(shares)])
