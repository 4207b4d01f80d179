"""Is the audio in the encoding that was announced? Mu-law under a linear kind, or samples whose bytes are turned round,
can be decoded all the same, into loud noise; a score of it would be a score of nothing.

Speech at 8 kHz or more goes smoothly from sample to sample, in the right encoding alone. So where the announced one
gives loud noise and another one a smooth signal of an ordinary level, the announcement is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from voiceguard.codecs import g711
from voiceguard.errors import PeerError
from voiceguard.events import Encoding, Samples

BLOCK_BYTES: Final = 4000
WRONG_BLOCKS: Final = 3
"""Before any that reads well as announced."""
SMOOTH: Final = 0.6
"""Correlation of neighbouring samples: speech has 0.74 to 0.89, mu-law read as linear at most 0.43."""
NOISE: Final = 0.5
LOUD: Final = 0.35
"""Standard deviation: what is read wrongly has 0.48 to 0.57, speech at 0 dBFS 0.2."""
FAINT: Final = 0.003


def _linear(order: str) -> Callable[[bytes], Samples]:
    return lambda data: np.frombuffer(data, f"{order}i2").astype(np.float32) / np.float32(32768)


_READINGS: Final[Mapping[str, Callable[[bytes], Samples]]] = {
    "mu-law": g711.decode_ulaw, "A-law": g711.decode_alaw, "linear PCM": _linear("<"),
    "linear PCM with its bytes turned round": _linear(">"),
}
_OTHERS: Final[Mapping[Encoding, tuple[str, tuple[str, ...]]]] = {
    "l16": ("linear PCM", ("mu-law", "A-law", "linear PCM with its bytes turned round")),
    "pcmu": ("mu-law", ("linear PCM", "linear PCM with its bytes turned round")),
    "pcma": ("A-law", ("linear PCM", "linear PCM with its bytes turned round")),
}
"""Encoding to its own reading, and those that it may be taken for."""


class Announced:
    """Looks at one channel's payloads until it is clear that they are what was announced, or not."""

    def __init__(self, encoding: Encoding) -> None:
        self._own, self._others = _OTHERS.get(encoding, ("", ()))
        self._held = b""
        self._wrong = 0

    def check(self, payload: bytes) -> None:
        """Take the next payload. Raises PeerError("bad_audio") where it is another encoding."""
        if not self._others:
            return
        self._held += payload
        if len(self._held) < BLOCK_BYTES:
            return
        block, self._held = self._held[:BLOCK_BYTES], b""
        spread, smoothness = _measured(_READINGS[self._own](block))
        if FAINT < spread < LOUD and smoothness > SMOOTH:
            self._others = ()  # what reads well once is not looked at again
            return
        found = [name for name in self._others if spread > LOUD / 2 and smoothness < NOISE and _reads_well(block, name)]
        self._wrong += bool(found)
        if found and self._wrong >= WRONG_BLOCKS:
            raise PeerError("bad_audio", f"the audio is not {self._own}: it reads as {found[0]}", close_code=1007)


def _reads_well(block: bytes, name: str) -> bool:
    spread, smoothness = _measured(_READINGS[name](block))
    return FAINT < spread < LOUD and smoothness > SMOOTH


def _measured(samples: Samples) -> tuple[float, float]:
    """Standard deviation, and the correlation of neighbouring samples."""
    centred = samples - samples.mean()
    power = float(centred @ centred)
    return (power / len(samples)) ** 0.5, float(centred[1:] @ centred[:-1]) / (power + 1e-9)
