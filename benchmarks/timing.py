"""How long a piece of work takes one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def quick_ms(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds of one run: the least disturbed tenth of `repeats` runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.quantile(taken, 0.1) * 1000)
