"""What was heard of a synthetic voice holds until something is heard against it.

The running sum fades as windows pass, because windows of one voice repeat each other. Windows that say nothing are no
evidence for the caller, though: so beside the sum runs what it held at its highest, which only windows that speak for a
human voice take down, each by as much as it would take off the sum; and a second opinion, which hears better, begins it
anew.

A band has two thresholds, as a Schmitt trigger has (J. Sci. Instrum. 15, 1938): it is left a margin below where it is
entered, so that the same voice does not swing it up and down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Hold:
    """The highest evidence of one voice, less what spoke against it since, nats."""

    held: float = -math.inf
    second_opinion: float = 0.0
    """What of it the second opinion gave when it was asked for."""

    def add(self, worth: float, llr: float, total: float) -> None:
        """Take a window in. `worth`: independent windows that it adds, `total`: the running sum after it, nats."""
        against = worth * min(llr, 0.0)
        self.held = max(total, self.held + against)
        self.second_opinion = max(0.0, self.second_opinion + against)


class Schmitt:
    """The threshold that was crossed last and not left."""

    def __init__(self, thresholds: tuple[float, ...], margin: float) -> None:
        """`thresholds` of the log-odds, ascending, nats; each is left `margin` below."""
        self._thresholds, self._margin = thresholds, margin
        self._entered = -math.inf

    def feed(self, log_odds: float) -> float:
        """The log-odds, raised to the threshold that still holds."""
        entered = -math.inf
        for threshold in self._thresholds:
            if log_odds >= threshold or (self._entered >= threshold and log_odds > threshold - self._margin):
                entered = threshold
        self._entered = entered
        return max(log_odds, self._entered)
