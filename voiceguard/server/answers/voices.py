"""What is answered about kept voices, verdicts and announced calls."""

from __future__ import annotations

from typing_extensions import TypedDict


class ListEntry(TypedDict):
    """An entry of the watch list by its id."""

    entry_id: str


class Enrolled(TypedDict):
    """A new voiceprint."""

    voiceprint_id: str
    net_speech_s: float
    windows: int


class KeptVoice(TypedDict):
    """What a kept voice and its history share; the voice itself never leaves."""

    call_id: str
    author: str
    created_at: float
    model: str
    net_speech_s: float
    windows: int
    ended_at: float | None
    ended_by: str | None
    end_reason: str | None


class Voiceprint(KeptVoice):
    """A voiceprint, present or past."""

    voiceprint_id: str
    customer_ref: str


class Voiceprints(TypedDict):
    """Every voiceprint a customer ever had, newest first."""

    voiceprints: list[Voiceprint]


class WatchlistEntry(KeptVoice):
    """An entry of the watch list, present or past."""

    entry_id: str
    reason: str
    review_at: float
    expires_at: float
    reviewed_by: str | None


class Watchlist(TypedDict):
    """Every entry there ever was, newest first."""

    entries: list[WatchlistEntry]


class Verdict(TypedDict):
    """A verdict that was given."""

    call_id: str
    verdict: str
    author: str
    at: float


class KeptVerdict(Verdict):
    """A verdict as it is kept."""

    verdict_id: int
    note: str


class Verdicts(TypedDict):
    """Verdicts, newest first."""

    verdicts: list[KeptVerdict]


class Registered(TypedDict):
    """A call that may come on AudioSocket; whoever knows the UUID can speak as the call."""

    uuid: str
    call_id: str
    expires_at: float


class Screened(TypedDict):
    """A text masked, what was heard in it, and whether it may go on."""

    masked: str
    injection: bool
    rules: list[str]
    actions: list[str]
    leaks: list[str]
    allow: bool


class Consent(TypedDict):
    """One entry of the consent ledger."""

    consent_id: str
    purpose: str
    source: str
    wording: str
    author: str
    given_at: float
    expires_at: float | None
    withdrawn_at: float | None
    withdrawn_by: str | None
    call_id: str | None
    customer_ref: str | None


class Consents(TypedDict):
    """Entries of the ledger, newest first."""

    consents: list[Consent]


class ConsentGiven(TypedDict):
    """A consent that was recorded."""

    consent_id: str
    expires_at: float | None
