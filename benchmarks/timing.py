"""How long a piece of work takes one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def quick_ms(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds of processor time of one run: the least disturbed tenth of `repeats` runs.

    Time in which other programs have the core does not count, but a busy machine's caches make every run slower.
    """
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.quantile(taken, 0.1) * 1000)
