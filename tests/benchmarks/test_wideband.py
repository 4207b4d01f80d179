"""Wide-band speech through its lines, and how verdicts on it are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.detection.wideband import LINES, compare, read, through
from tests.codecs.encoders import speech


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    """What comes out of each line at 8 kHz is the speech that went in."""
    heard = through(speech(16_000), line)
    spoken = speech(8000)
    length = len(heard) - 200

    assert abs(len(heard) - len(spoken)) <= 1400
    assert 0.9 < max(
        np.corrcoef(heard[delay : delay + length], spoken[:length])[0, 1] for delay in range(0, 200)
    )


def test_compare() -> None:
    """The mean shift from the telephone line, and how many recordings change sides."""
    quiet, loud = [-1.0, -1.0, -1.5, -1.0], [3.0, 3.0, 2.0, -1.0]
    report = compare([quiet, loud])

    assert 2 == report["recordings"]
    assert (0.0, 0.0) == (report["linear, 16 kHz"]["off_mu_law_mean"], report["linear, 16 kHz"]["other_side"])
    assert (-0.75, 0.0) == (report["G.722"]["off_mu_law_mean"], report["G.722"]["other_side"])
    assert (-2.0, 0.5) == (report["Opus, 24 kbit/s"]["off_mu_law_mean"], report["Opus, 24 kbit/s"]["other_side"])
    assert [-1.0, -0.5] == report["G.722"]["off_mu_law_interval"]


def test_narrow_recordings_are_refused(tmp_path: Path) -> None:
    """Speech that never was wide-band proves nothing."""
    soundfile.write(tmp_path / "narrow.wav", np.zeros(100), 8000)
    with pytest.raises(ValueError, match="not wide-band"):
        read(tmp_path / "narrow.wav")
