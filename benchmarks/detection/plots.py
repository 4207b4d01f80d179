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
from voiceguard.measures import metrics

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)


def draw(models: Mapping[str, Scores], folder: Path) -> None:
    """Write det.svg and reliability.svg: attacks of systems not in train against all genuine speech."""
    folder.mkdir(parents=True, exist_ok=True)
    det, reliability = Figure(figsize=(6, 6), layout="tight"), Figure(figsize=(6, 6), layout="tight")
    errors, observed = det.subplots(), reliability.subplots()
    for name, scores in models.items():
        spoof, genuine = scores.llr[scores.headline], scores.llr[scores.genuine]
        miss, false_alarm, _ = metrics.det_curve(spoof, genuine)
        errors.plot(_probit(false_alarm), _probit(miss), label=f"{name}, EER {metrics.eer(spoof, genuine):.3f}")
        cllr = metrics.cllr(spoof, genuine)
        observed.plot(*metrics.reliability(spoof, genuine), "o-", label=f"{name}, Cllr {cllr:.3f}")
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


def _probit(shares: ArrayLike) -> NDArray[np.float64]:
    """Shares on the axis where normal scores make straight lines; 0 and 1 lie just outside it."""
    return np.array([NormalDist().inv_cdf(min(max(share, 1e-4), 1 - 1e-4)) for share in np.atleast_1d(shares)])
