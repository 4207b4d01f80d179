"""The consent ledger's rules: which purposes there are, what is in force, and what may be used for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Purpose = Literal["voice_analysis", "enrol", "link", "transcript"]
PURPOSES: Final[tuple[Purpose, ...]] = ("voice_analysis", "enrol", "link", "transcript")
"""Judge the caller's voice; keep it as the customer's; look for it on other customers' calls; read what is said."""
Source = Literal["stream", "api", "desk", "command_line"]
Kind = Literal["caller_audio", "voiceprint", "heard_voice", "transcript"]

NEEDED: Final[Mapping[Kind, Purpose]] = {
    "caller_audio": "voice_analysis", "voiceprint": "enrol", "heard_voice": "link", "transcript": "transcript",
}
"""Kind of data to the purpose whose consent, or other basis, covers its use."""
OF_CUSTOMER: Final[frozenset[str]] = frozenset({"enrol", "link"})
"""Purposes that outlive a call: given on one call, they hold for the customer."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One entry of the ledger. Times are Unix seconds."""

    consent_id: str
    purpose: str
    given_at: float
    expires_at: float | None = None
    """None: it holds until it is withdrawn."""
    withdrawn_at: float | None = None
    call_id: str | None = None
    """None: given for the customer, and not for one call."""

    def covers(self, call_id: str | None) -> bool:
        """Whether it speaks of this call."""
        return self.call_id in (None, call_id) or self.purpose in OF_CUSTOMER

    @property
    def moved_at(self) -> float:
        """When it last changed."""
        return max(self.given_at, self.withdrawn_at or 0.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller agrees to now."""

    given: Mapping[str, str] = field(default_factory=dict)
    """Purpose to the entry that it rests on."""
    withdrawn: Mapping[str, float] = field(default_factory=dict)
    """Purposes that were withdrawn, and when: they are not served whatever other basis there is."""
    ends_at: float | None = None
    """When the next entry expires; None: none does."""

    def allows(self, kind: Kind, *, required: bool) -> bool:
        """Whether data of this kind may be used for its purpose. `required`: only with consent, on no other basis."""
        purpose = NEEDED[kind]
        return purpose not in self.withdrawn and (not required or purpose in self.given)


@dataclass(slots=True)
class Agreement:
    """Which purposes one live call serves."""

    given: frozenset[str]
    require_analysis: bool
    """Whether the voice is analysed with consent only."""
    require_transcript: bool
    """Whether what is said is read with consent only."""
    withdrawn: frozenset[str] = frozenset()

    @property
    def analyses(self) -> bool:
        """Whether the caller's voice may be analysed."""
        return self._serves("voice_analysis", self.require_analysis)

    @property
    def reads(self) -> bool:
        """Whether what is said may be read."""
        return self._serves("transcript", self.require_transcript)

    def _serves(self, purpose: Purpose, required: bool) -> bool:
        return purpose not in self.withdrawn and (not required or purpose in self.given)


def standing(consents: Iterable[Consent], call_id: str | None, now: float) -> Standing:
    """What entries of one customer or call say together: of each purpose the newest counts."""
    newest: dict[str, Consent] = {}
    for consent in sorted(consents, key=lambda one: one.moved_at):
        if consent.covers(call_id):
            newest[consent.purpose] = consent
    given = {one.purpose: one for one in newest.values()
             if one.withdrawn_at is None and (one.expires_at is None or one.expires_at > now)}
    return Standing(
        {purpose: one.consent_id for purpose, one in given.items()},
        {one.purpose: one.withdrawn_at for one in newest.values() if one.withdrawn_at is not None},
        min((one.expires_at for one in given.values() if one.expires_at is not None), default=None),
    )
