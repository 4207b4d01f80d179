"""SPEECH -> SCORES: what goes into the models, and what their outputs mean."""

from __future__ import annotations

from dataclasses import dataclass

from voiceguard.detectors import speaker as speakers
from voiceguard.detectors import synthetic as synthesis


@dataclass(frozen=True)
class Calibrations:
    """What turns the raw outputs of the models in use into evidence."""

    synthetic: synthesis.Calibration
    speaker: speakers.Calibration
    verify: synthesis.Calibration | None = None
    """Of the second opinion, where there is one."""
