"""SCORES -> RISK: calibrated evidence becomes one number that explains itself."""

from __future__ import annotations

from voiceguard.risk.enrolment import EnrolmentOptions, hand_over, refusals
from voiceguard.risk.fusion import RiskModel, RiskOptions
from voiceguard.risk.speaker_change import SpeakerChange

__all__ = ["EnrolmentOptions", "RiskModel", "RiskOptions", "SpeakerChange", "hand_over", "refusals"]
