"""Policies on disk, and the questions that are put to them there."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voiceguard.errors import ConfigurationError
from voiceguard.events import Band, Evidence, Risk, RiskState
from voiceguard.policy.rules import Policy, context, load
from voiceguard.settings import first_fault

_PACKAGED = Path(__file__).resolve().parent.parent / "_policies"
_CHECKOUT = Path(__file__).resolve().parents[2] / "policies"
DEFAULT_POLICY = (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT) / "default.yaml"
"""Inside the wheel, or beside the package in a checkout."""


def read_policy(path: Path | None = None) -> Policy:
    """The policy in `path`, else the shipped one. Raises ConfigurationError when it cannot be read or is wrong."""
    path = path or DEFAULT_POLICY
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"policy {path.name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    try:
        return load(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"policy {path.name}: {error}") from error


class AskedRisk(BaseModel):
    """The body of a `risk` message, or as much of it as is known. Rules see none of its first four fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    type: Literal["risk"] = "risk"
    call_id: str = ""
    models: dict[str, str] = {}
    policy: str = ""
    at_s: float = 0.0
    net_speech_s: Annotated[float, Field(ge=0)] = 0.0
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    band: Band = Band.UNKNOWN
    state: RiskState = RiskState.INSUFFICIENT_SPEECH
    evidence: tuple[Evidence, ...] = ()


class AskedAction(BaseModel):
    """An action, and what is known when it is asked for; what is left out is unknown or false."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: str
    parameters: dict[str, str] = {}
    risk: AskedRisk = AskedRisk()
    assurance: tuple[Literal["otp", "human", "second_human"], ...] = ()
    consent: bool = False
    customer_known: bool = False
    locked: bool = False
    injection: bool = False

    def context(self, policy: Policy) -> dict[str, Any]:
        """What the rules of `policy` see."""
        risk = Risk(**{field.name: getattr(self.risk, field.name) for field in fields(Risk)})
        return context(
            risk, assurance=self.assurance, consent=self.consent, customer_known=self.customer_known,
            locked=self.locked, injection=self.injection, action=self.action,
            tier=policy.actions.get(self.action, "unknown"), parameters=self.parameters,
        )


def read_asked_action(path: Path) -> AskedAction:
    """The question in a JSON file. Raises ConfigurationError naming the place that is wrong."""
    try:
        return AskedAction.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path.name}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path.name}: {first_fault(error)}") from error
