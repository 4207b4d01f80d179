"""How fast a stream may bring its audio: beyond a burst, `speed` times real time."""

from __future__ import annotations

from collections.abc import Iterable

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallStarted, Channel, WireEvent
from voiceguard.ingest.media import samples_in
from voiceguard.server.bucket import Bucket
from voiceguard.settings import LimitOptions


class Pace:
    """One stream's. Pauses and gaps cost nothing: only audio is work."""

    def __init__(self, limits: LimitOptions, started: CallStarted, now: float) -> None:
        self._limits, self._started = limits, started
        self._buckets: dict[Channel, Bucket] = {
            channel: Bucket(limits.burst_s, limits.speed, now) for channel in started.channels
        }
        self._slowed_since: float | None = None

    def wait_s(self, events: Iterable[WireEvent], now: float) -> float:
        """Count the audio of one frame; the seconds until the next frame should be read.

        Raises PeerError for a stream that never let up for `slowed_s` seconds.
        """
        for event in events:
            if isinstance(event, AudioReceived):
                samples = samples_in(self._started.encoding, event.payload) or 0
                self._buckets[event.channel].take(samples / self._started.rate_hz, now)
        wait = max(bucket.wait_s(0.0, now) for bucket in self._buckets.values())
        if not wait:
            self._slowed_since = None
            return 0.0
        if self._slowed_since is None:
            self._slowed_since = now
        if now - self._slowed_since >= self._limits.slowed_s:
            raise PeerError(
                "too_fast", f"audio came faster than {self._limits.speed:g} times real time for "
                f"{self._limits.slowed_s:g} s"
            )
        return wait
