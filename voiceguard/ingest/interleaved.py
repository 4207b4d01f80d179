"""Raw samples of several channels in one byte stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voiceguard.events import AudioReceived, Channel


class Interleaved:
    """Groups of one sample per channel, in turn, in messages that are cut anywhere; a position is the number of
    samples received before."""

    def __init__(self, channels: Sequence[Channel], bytes_per_sample: int) -> None:
        self._channels = tuple(channels)
        self._width = bytes_per_sample
        self._position = 0
        self._held = b""

    def feed(self, data: bytes) -> list[AudioReceived]:
        """One `AudioReceived` per channel, with the groups that are whole by now."""
        data = self._held + data
        width, count = self._width, len(self._channels)
        groups = len(data) // (width * count)
        whole, self._held = data[: groups * width * count], data[groups * width * count :]
        start, self._position = self._position, self._position + groups
        if not groups:
            return []
        if count == 1:
            return [AudioReceived(self._channels[0], start, whole)]
        planes = np.frombuffer(whole, np.uint8).reshape(groups, count, width)
        return [AudioReceived(name, start, planes[:, index].tobytes()) for index, name in enumerate(self._channels)]
