"""ITU-T G.711 (11/1988) mu-law and A-law, by table.

Decoding is one look-up per byte. Encoding looks the 16-bit sample up in a table made from the decision values, so that
it needs no branches and agrees with the decoder by construction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceguard.events import Samples

_FULL_SCALE = 32768.0


def _ulaw_levels() -> NDArray[np.int32]:
    """The 256 output values of table 2a/2b, scaled to 16 bits."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int32)


def _alaw_levels() -> NDArray[np.int32]:
    """The 256 output values of table 1a/1b, scaled to 16 bits."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int32)


def _encoder(levels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """For every 16-bit sample the code whose level is nearest."""
    order = np.argsort(levels, kind="stable")
    ordered = levels[order]
    middles = (ordered[1:] + ordered[:-1]) / 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


_ULAW = _ulaw_levels()
_ALAW = _alaw_levels()
_ULAW_SAMPLES = (_ULAW / _FULL_SCALE).astype(np.float32)
_ALAW_SAMPLES = (_ALAW / _FULL_SCALE).astype(np.float32)
_ULAW_CODES = _encoder(_ULAW)
_ALAW_CODES = _encoder(_ALAW)


def decode_ulaw(payload: bytes) -> Samples:
    """Mu-law bytes to float32 in [-1, 1], one sample a byte."""
    return _ULAW_SAMPLES[np.frombuffer(payload, np.uint8)]


def decode_alaw(payload: bytes) -> Samples:
    """A-law bytes to float32 in [-1, 1], one sample a byte."""
    return _ALAW_SAMPLES[np.frombuffer(payload, np.uint8)]


def encode_ulaw(samples: Samples) -> bytes:
    """Float32 samples, clipped to [-1, 1], to mu-law bytes."""
    return _ULAW_CODES[_index(samples)].tobytes()


def encode_alaw(samples: Samples) -> bytes:
    """Float32 samples, clipped to [-1, 1], to A-law bytes."""
    return _ALAW_CODES[_index(samples)].tobytes()


def _index(samples: Samples) -> NDArray[np.intp]:
    scaled = np.clip(np.rint(np.asarray(samples, np.float32) * _FULL_SCALE), -32768, 32767)
    return np.asarray(scaled, np.intp) + 32768
