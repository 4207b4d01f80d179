"""G.711 against the standard's own values and against Python's audioop where it exists."""

import numpy as np
import pytest

from voiceguard.codecs import g711

EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("code", "expected"), [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xEF, 132), (0xF0, 120)]
)
def test_ulaw_levels(code: int, expected: int) -> None:
    """Codes give the output values of G.711 table 2, scaled to 16 bits."""
    assert int(g711.decode_ulaw(bytes([code]))[0] * 32768) == expected


@pytest.mark.parametrize(("code", "expected"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256)])
def test_alaw_levels(code: int, expected: int) -> None:
    """Codes give the output values of G.711 table 1, scaled to 16 bits."""
    assert int(g711.decode_alaw(bytes([code]))[0] * 32768) == expected


def test_every_ulaw_level_survives_a_round_trip() -> None:
    """Encoding a decoded level gives a code of the same level (0 has two codes)."""
    levels = g711.decode_ulaw(EVERY_CODE)
    assert np.array_equal(g711.decode_ulaw(g711.encode_ulaw(levels)), levels)


def test_every_alaw_code_survives_a_round_trip() -> None:
    """Encoding a decoded code gives that code."""
    assert g711.encode_alaw(g711.decode_alaw(EVERY_CODE)) == EVERY_CODE


def test_decoders_agree_with_audioop() -> None:
    """All 256 codes decode as in the C implementation that Python carried until 3.12."""
    audioop = pytest.importorskip("audioop")
    for ours, theirs in ((g711.decode_ulaw, audioop.ulaw2lin), (g711.decode_alaw, audioop.alaw2lin)):
        expected = np.frombuffer(theirs(EVERY_CODE, 2), "<i2") / 32768
        assert np.array_equal(ours(EVERY_CODE), expected.astype(np.float32))


def test_samples_out_of_range_are_clipped() -> None:
    """A sample beyond full scale takes the outermost code instead of wrapping around."""
    assert g711.encode_ulaw(np.array([2.0, -2.0], np.float32)) == b"\x80\x00"
