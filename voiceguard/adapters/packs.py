"""Region packs on disk: the shipped ones and the operator's own, merged over the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voiceguard.errors import ConfigurationError
from voiceguard.policy import Policy
from voiceguard.privacy.evidence import check_measures
from voiceguard.privacy.regions import Change, Pack, PolicyView, masking_faults, merged, policy_faults, read_pack
from voiceguard.settings import Settings
from voiceguard.settings.catalogue import catalogue
from voiceguard.text.pii import mask

_SHIPPED = Path(__file__).resolve().parents[1] / "privacy" / "packs"
EXAMPLES = {
    "card": "my card is 4111 1111 1111 1111", "iban": "it is DE89 3704 0044 0532 0130 00",
    "phone": "call me on +44 20 7946 0958", "email": "write to ann@example.com", "id": "it is 123.456.789-09",
    "date": "born on 4 May 1980", "number": "the code is 482913", "name": "my name is Ann Smith",
    "address": "I live at 12 High Street",
}
"""Kind of personal data, as its mark names it, to a sentence that holds one."""


def shipped() -> list[str]:
    """Names of the packs that come with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def packs_named(names: Sequence[str]) -> list[Pack]:
    """The packs of these names, or of files that end in .toml. Raises ConfigurationError with one line for a name that
    there is not, and for a file with a mistake."""
    return [_pack(name) for name in dict.fromkeys(names)]


def under_packs(settings: Settings) -> Settings:
    """The settings as its packs make them. Raises ConfigurationError where they contradict each other, or demand
    masking that is not done."""
    found = packs_named(settings.packs)
    for fault in masking_faults(found, masked_kinds() if found else frozenset()):
        raise ConfigurationError(fault)
    return with_changes(settings, merged(as_values(settings), found))


def demand_policy(settings: Settings, policy: Policy) -> None:
    """Raises ConfigurationError for a policy that a pack of the settings forbids."""
    for fault in policy_faults(packs_named(settings.packs), view_of(policy)):
        raise ConfigurationError(fault)


def view_of(policy: Policy) -> PolicyView:
    """What packs see of a policy."""
    terms = policy.challenge
    return PolicyView(
        {"challenge.tries": terms.tries, "challenge.expires_s": terms.expires_s,
         "challenge.lockout_s": terms.lockout_s, "grant.expires_s": policy.grant_expires_s},
        {name: tier.assurance for name, tier in policy.tiers.items()},
    )


def as_values(settings: Settings) -> dict[str, Any]:
    """Dotted name of every setting to its value."""
    values = {}
    for setting in catalogue():
        value: Any = settings
        for part in setting.name.split("."):
            value = getattr(value, part)
        values[setting.name] = value
    return values


def with_changes(settings: Settings, changes: Sequence[Change]) -> Settings:
    """The settings with what packs made stricter."""
    for change in changes:
        group, _, name = change.name.partition(".")
        value = change.after if not name else dataclasses.replace(getattr(settings, group), **{name: change.after})
        settings = settings.model_copy(update={group: value})
    return settings


def masked_kinds() -> frozenset[str]:
    """Kinds of which the masker masks its example now."""
    return frozenset(kind for kind, text in EXAMPLES.items() if f"[{kind}]" in mask(text))


def _pack(name: str) -> Pack:
    path = Path(name) if name.endswith(".toml") else _SHIPPED / f"{name}.toml"
    if not name.endswith(".toml") and name not in shipped():
        raise ConfigurationError(f"there is no pack {name!r:.80}: there are {', '.join(shipped())}, and .toml files")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"pack {path.name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    pack = read_pack(text, path.name)
    check_measures(pack)
    return pack
