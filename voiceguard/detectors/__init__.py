"""SPEECH -> SCORES: what goes into the models, and what their outputs mean."""

from __future__ import annotations

from dataclasses import dataclass

from voiceguard.detectors import speaker, synthetic


@dataclass(frozen=True)
class Calibrations:
    """What turns the raw outputs of the models in use into evidence."""

    synthetic: synthetic.Calibration
    speaker: speaker.Calibration
