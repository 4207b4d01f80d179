"""Region packs: what a law or standard demands of settings, retention, consent, masking and policy.

A pack is a TOML file. It is merged over the configuration: of several demands the strictest wins, and demands that
contradict each other are a fault. A pack is no legal advice, and what it measures certifies nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voiceguard.errors import ConfigurationError

CONSENT_SETTINGS: Final = {"voice_analysis": "require_consent", "transcript": "require_transcript_consent"}
"""Purpose to the setting that demands its consent."""
POLICY_NUMBERS: Final = ("challenge.tries", "challenge.expires_s", "challenge.lockout_s", "grant.expires_s")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Bound(_Part):
    """What a number or a switch has to be."""

    most: float | None = None
    least: float | None = None
    value: bool | None = Field(None, alias="is")

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if (self.value is None) == (self.most is None and self.least is None):
            raise ValueError("either most, least or both, or is, have to stand here")
        return self

    def __str__(self) -> str:
        if self.value is not None:
            return str(self.value).lower()
        parts = [f"{word} {_plain(number)}" for word, number in (("at least", self.least), ("at most", self.most))
                 if number is not None]
        return ", ".join(parts)

    def takes(self, value: Any) -> bool:
        """Whether a value keeps it."""
        if self.value is not None:
            return value is self.value
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


class Demands(_Part):
    """What is demanded of the policy."""

    numbers: dict[str, Bound] = {}
    guarded: list[str] = []
    """Tiers that may allow nothing without assurance, where the policy has them."""
    two_people: list[str] = []
    """Tiers that people alone may allow only as two."""


class Consents(_Part):
    required: list[Literal["voice_analysis", "transcript"]] = []
    """Purposes that are served with consent only."""


class Masking(_Part):
    kinds: list[str] = []
    """Kinds of personal data that have to be masked in text."""


class Requirement(_Part):
    """One demand of the text, and what answers it."""

    article: str = Field(min_length=1)
    asks: str = Field(min_length=1)
    control: str = Field(min_length=1)
    where: str = ""
    """Module, command or setting of the control."""
    evidence: list[str] = []
    """Names of measures, see `voiceguard.privacy.evidence`; `setting NAME`, `policy NAME`, `guarded`, `two people` and
    `masking` measure this pack's own demands."""
    operator: str = ""
    """What cannot be shown here and is the operator's to do."""
    checked: str = ""
    """The public text that article and wording were compared with; empty: with none."""

    @model_validator(mode="after")
    def _is_answered(self) -> Requirement:
        if not self.evidence and not self.operator:
            raise ValueError("evidence or operator has to say how it is shown")
        return self


class Pack(_Part):
    """A region pack."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    title: str = Field(min_length=1)
    settings: dict[str, Bound] = {}
    """Dotted name of a setting to what it has to be."""
    retention: dict[Literal["call", "voiceprint", "consent"], Bound] = {}
    """Kind to the days for which it is kept."""
    consent: Consents = Consents()
    masking: Masking = Masking()
    policy: Demands = Demands()
    requirement: list[Requirement] = Field(min_length=1)

    @property
    def bounds(self) -> dict[str, Bound]:
        """Everything that is demanded of settings."""
        return {
            **self.settings, **{f"retention.{kind}_days": bound for kind, bound in self.retention.items()},
            **{CONSENT_SETTINGS[purpose]: Bound(**{"is": True}) for purpose in self.consent.required},
        }


@dataclass(frozen=True, slots=True)
class PolicyView:
    """As much of a policy as packs speak of."""

    numbers: Mapping[str, float]
    """`challenge.tries` and the others of `POLICY_NUMBERS`."""
    tiers: Mapping[str, Sequence[Collection[str]]]
    """Tier to the sets of assurance of which one must be held; none: it is open."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that packs made stricter."""

    name: str
    before: Any
    after: Any
    packs: tuple[str, ...]


def read_pack(text: str, file: str) -> Pack:
    """Read a pack's text. Raises ConfigurationError with one line that names the file and the place."""
    try:
        pack = Pack.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"pack {file}: {error or 'nested too deeply'}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
        raise ConfigurationError(f"pack {file}: {place or 'file'}: {fault['msg']}") from error
    unknown = sorted(set(pack.policy.numbers) - set(POLICY_NUMBERS))
    if unknown:
        raise ConfigurationError(
            f"pack {file}: policy.numbers.{unknown[0]}: no such number (known: {', '.join(POLICY_NUMBERS)})"
        )
    return pack


def merged(values: Mapping[str, Any], packs: Sequence[Pack]) -> list[Change]:
    """What the packs change in a configuration. `values`: dotted names of all settings to their values.

    Raises ConfigurationError for packs that contradict each other, or that speak of settings that there are not.
    """
    demands: dict[str, list[tuple[str, Bound]]] = {}
    for pack in packs:
        for name, bound in pack.bounds.items():
            _fits(pack.name, name, bound, values)
            demands.setdefault(name, []).append((pack.name, bound))
    changes = []
    for name, said in demands.items():
        after = _strictest(name, values[name], said)
        if after != values[name]:
            by = tuple(pack for pack, bound in said if not bound.takes(values[name]))
            changes.append(Change(name, values[name], after, by))
    return changes


def policy_faults(packs: Iterable[Pack], policy: PolicyView) -> list[str]:
    """One line for each demand that a policy does not keep. A policy has a hash that receipts name: it is not changed,
    but refused."""
    return [f"pack {pack.name}: the policy's {fault}" for pack in packs for fault in (
        *(f"{name} is {_plain(policy.numbers[name])}, {bound} is demanded"
          for name, bound in pack.policy.numbers.items() if not bound.takes(policy.numbers[name])),
        *(f"tier {tier} allows without assurance" for tier in unguarded(pack, policy)),
        *(f"tier {tier} is allowed by one person alone" for tier in for_one_person(pack, policy)),
    )]


def masking_faults(packs: Iterable[Pack], masked: Collection[str]) -> list[str]:
    """One line for each kind of personal data that a pack wants masked and is not."""
    return [f"pack {pack.name}: text of kind {kind} is not masked"
            for pack in packs for kind in pack.masking.kinds if kind not in masked]


def unguarded(pack: Pack, policy: PolicyView) -> list[str]:
    """Tiers that the pack wants guarded and the policy leaves open."""
    return [tier for tier in pack.policy.guarded if tier in policy.tiers and not policy.tiers[tier]]


def for_one_person(pack: Pack, policy: PolicyView) -> list[str]:
    """Tiers that the pack wants two people for and the policy gives to one."""
    return [tier for tier in pack.policy.two_people
            if any(set(held) == {"human"} for held in policy.tiers.get(tier, ()))]


def _fits(pack: str, name: str, bound: Bound, values: Mapping[str, Any]) -> None:
    if name not in values:
        raise ConfigurationError(f"pack {pack}: {name}: there is no such setting")
    value = values[name]
    is_switch = isinstance(value, bool)
    if is_switch != (bound.value is not None) or (not is_switch and not isinstance(value, int | float)):
        raise ConfigurationError(f"pack {pack}: {name}: {bound} cannot be demanded of a setting that is {value!r:.40}")


def _strictest(name: str, value: Any, said: Sequence[tuple[str, Bound]]) -> Any:
    if isinstance(value, bool):
        first = said[0]
        for pack, bound in said:
            if bound.value is not first[1].value:
                raise ConfigurationError(f"{name}: pack {first[0]} demands {first[1]}, and pack {pack} demands {bound}")
        return first[1].value
    most = min(((bound.most, pack) for pack, bound in said if bound.most is not None), default=None)
    least = max(((bound.least, pack) for pack, bound in said if bound.least is not None), default=None)
    if most is not None and least is not None and least[0] > most[0]:
        raise ConfigurationError(f"{name}: pack {least[1]} demands at least {_plain(least[0])}, "
                                 f"and pack {most[1]} at most {_plain(most[0])}")
    if most is not None and value > most[0]:
        return type(value)(most[0])
    if least is not None and value < least[0]:
        return type(value)(least[0])
    return value


def _plain(number: float) -> str:
    return f"{number:g}" if number < 1e6 else str(number)
