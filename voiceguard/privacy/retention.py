"""Retention: for how long each kind of data is kept, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal[
    "call", "verdict", "voiceprint", "consent", "watchlist", "heard_voice", "customer", "session", "short_lived",
    "delivery",
    "account", "audit_hashes", "log", "key",
]


@dataclass(frozen=True)
class RetentionOptions:
    """Days for which what a setting decides is kept, after the end of the call, voiceprint or consent."""

    call_days: float = field(default=400.0, metadata={"gt": 0})
    """Records, decisions, grants and verdicts of a call: a year of complaints and disputes, and a month to answer."""
    voiceprint_days: float = field(default=1095.0, metadata={"gt": 0})
    """A voiceprint since it was enrolled: who is to be known for longer is asked again."""
    consent_days: float = field(default=1095.0, metadata={"gt": 0})
    """An entry of the ledger after it expired or was withdrawn: as long as somebody may ask for the proof."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What ends one kind."""

    what: str
    ends: str
    """How it ends, in words."""
    days: str = ""
    """Name of the option that says for how long; empty: something else ends it."""


RULES: Final[Mapping[Kind, Rule]] = {
    "call": Rule("a call's records, actions and grants", "deleted; what proves the chain stays", "call_days"),
    "verdict": Rule("what people found out about a call", "deleted with its call", "call_days"),
    "voiceprint": Rule("a customer's voice", "erased with its key; its history goes with its call", "voiceprint_days"),
    "consent": Rule("an entry of the consent ledger", "deleted once it is over", "consent_days"),
    "watchlist": Rule("a fraudster's voice", "erased when the entry expires or is taken off"),
    "heard_voice": Rule("the voice of a call that linking keeps", "deleted after linking.kept_h"),
    "customer": Rule("a customer", "erased when somebody asks: voiceguard audit erase"),
    "session": Rule("a sign-in", "deleted when it is idle for desk.session_idle_s or older than session_absolute_s"),
    "short_lived": Rule("nonces, registrations, wrong guesses, leases", "deleted when they expire"),
    "delivery": Rule("messages to subscribers", "deleted webhooks.kept_days after they arrived or were given up"),
    "account": Rule("people and keys", "deleted or disabled by whoever runs the service; their acts stay on record"),
    "audit_hashes": Rule("counts and hashes of chains", "kept: they name nobody"),
    "log": Rule("log lines", "the operator's own rotation"),
    "key": Rule("signing and encryption keys", "kept while anything signed or encrypted with them lives"),
}
