"""Round a layer's weights to integers so that its output changes least.

Weights are rounded one after the other, and the weights not yet rounded compensate for the error (GPTQ, Frantar et al.,
ICLR 2023).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_SHARES = (0.6, 0.75, 0.9, 1.0)
"""Candidates for the clipping range, as shares of an output's largest weight; the one with the least error is taken."""
_AT_ONCE = 64
"""Weights that are rounded before the rest is updated; it affects speed only."""


def integers_for(wanted: Matrix, spread: Matrix, largest: int) -> tuple[Matrix, Matrix]:
    """Integers (outputs, inputs) and each output's step (outputs,) that approximate the weights `wanted`.

    `spread`: the inputs' covariance (inputs, inputs). Integers go from -largest - 1 to `largest`.
    """
    order = np.argsort(-np.diag(spread))
    upper = np.linalg.cholesky(np.linalg.inv(spread[np.ix_(order, order)])).T
    top = np.maximum(np.abs(wanted).max(1), 1e-8)
    steps = np.concatenate([share * top / largest for share in _SHARES])
    free = np.tile(wanted[:, order], (len(_SHARES), 1))
    integers, loss = np.empty_like(free), np.zeros(len(free))
    for first in range(0, free.shape[1], _AT_ONCE):
        last = min(first + _AT_ONCE, free.shape[1])
        block, errors = free[:, first:last].copy(), np.empty((len(free), last - first))
        for place in range(last - first):
            whole = np.clip(np.round(block[:, place] / steps), -largest - 1, largest)
            integers[:, first + place] = whole
            errors[:, place] = (block[:, place] - whole * steps) / upper[first + place, first + place]
            block[:, place + 1 :] -= np.outer(errors[:, place], upper[first + place, first + place + 1 : last])
        loss += (errors**2).sum(1)
        free[:, last:] -= errors @ upper[first:last, last:]
    best = loss.reshape(len(_SHARES), -1).argmin(0) * len(wanted) + np.arange(len(wanted))
    back = np.argsort(order)
    return integers[best][:, back], steps[best]
