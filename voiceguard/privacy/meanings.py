"""What the names of fields mean wherever they stand: class, purpose and legal basis. The basis is the one that we
suppose; whoever runs the service confirms it in the register of processing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["public", "internal", "personal", "biometric", "secret"]

FRAUD: Final = "legitimate interest: prevention of fraud (GDPR article 6(1)(f), recital 47)"
CONTRACT: Final = "the customer's own request (GDPR article 6(1)(b))"
ACCOUNT: Final = "to account for automated decisions (GDPR articles 5(2), 6(1)(c) and 22)"
SECURITY: Final = "legitimate interest: security of the service (GDPR articles 6(1)(f) and 32)"
EXPLICIT: Final = "explicit consent (GDPR article 9(2)(a)), or law that allows it"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name means."""

    kind: Kind
    """The class."""
    purpose: str
    basis: str
    """Legal basis; empty where none is needed."""


_ROWS: Final[tuple[tuple[Kind, str, str, str], ...]] = (
    ("public", "says what the service is and how it is", "",
     "status version keys thresholds"),
    ("internal", "carries and counts media", "",
     "encoding rate_hz sample_rate channels channel start_sample sample_count passed_samples ms protocol "
     "seconds hop_s top_hz bands frames line_from speech_from events_from alone_s lines"),
    ("internal", "tells messages, records, causes and times apart", "",
     "kind type at at_s since_s started_at ended_at created_at expires_at expires ended end_s "
     "end_net_s window_id task cause fields count seq signed_count signed_in "
     "checkpoint_id verdict_id live calls redeemed_at direction days outcome worker job level event "
     "timestamp where error route data_dir database passed_over unreadable"),
    ("internal", "runs machines' access", "",
     "scopes key_id last_used_at old_until grace_s key_name nonce oidc is_set_up tenant"),
    ("internal", "counts what came of many calls", "", "rates"),
    ("personal", "a group that the platform says the call belongs to: language, line, segment, region", FRAUD, "group"),
    ("personal", "that somebody complained, and of what kind", FRAUD, "complaint complaint_id"),
    ("internal", "tells subscribers of events", "",
     "webhook_id url event_types delivery delivery_id message_id"),
    ("internal", "says what decided: policy, rule, model", "",
     "policy models model rules rule tier tiers sha256 hash assurance verify acr system control "
     "place"),
    ("internal", "proves that records are whole", "",
     "number issued_at chains records kept_checkpoint kept_records lost grants_revoked sessions_ended "
     "body signature recorded_before_sha256 produced data parameters_sha256 receipts"),
    ("personal", "names the call", FRAUD, "call_id uuid_sha256"),
    ("personal", "names the customer that the caller claims to be", CONTRACT,
     "customer_ref ref customer customer_known has_authenticator has_voiceprint needs_unlock sub"),
    ("personal", "a random name in place of the customer's in records", ACCOUNT, "subject"),
    ("personal", "what the platform says of the call", FRAUD, "metadata message sealed"),
    ("personal", "what the caller agreed to", ACCOUNT,
     "consent consents consent_id given given_at wording withdrawn withdrawn_at withdrawn_by"),
    ("personal", "what the caller wants done", CONTRACT, "action action_id actions parameters said asked"),
    ("personal", "words of the call: masked before anybody sees them, kept nowhere", FRAUD,
     "text masked_text masked facts leaks allow injection instructions_heard certainty"),
    ("personal", "words of the call as the platform sends them: read in memory and masked", FRAUD, "raw_text"),
    ("personal", "how the voice of the call was judged", FRAUD,
     "risk score band state evidence source llr weight contribution contributions windows net_speech_s media_s "
     "log_odds_delta wrong_codes speech line cosine handovers claims"),
    ("personal", "what was decided on the caller's wish, and why", ACCOUNT,
     "decision reasons challenge tries_left locked_until "
     "lock_customer_until call record step_up grant_jti jti exp iss aud events refusals redeemed"),
    ("personal", "what people found out about a call", FRAUD, "verdict note end_reason reason"),
    ("personal", "who did it, for the audit", ACCOUNT,
     "hold_id person asker author by human role reviewed_by ended_by taken_by approved_by"),
    ("personal", "who may sign in, and when they did", SECURITY,
     "name roles issuer signed_in_at disabled_at ends_at seen_at people until failures "
     "tries guesser setup_expires address last_totp_step accepted_totp_step"),
    ("personal", "the caller's last seconds as a picture, shown and kept nowhere", FRAUD, "levels"),
    ("biometric", "the caller's voice, heard in memory", EXPLICIT, "payload samples window output"),
    ("biometric", "a voice as numbers, compared with others", EXPLICIT,
     "embedding voice voiceprint watchlist others"),
    ("personal", "history of kept voices, without the voice", EXPLICIT,
     "entry_id voiceprint_id entries review_at review_days expires_days purpose"),
    ("secret", "proves that it is the customer", CONTRACT, "code digit totp_secret grant"),
    ("secret", "proves that it is the person or machine", SECURITY,
     "password token secret uri qr recovery_codes csrf password_hash secret_sha256 old_sha256 setup_sha256 "
     "token_sha256 key_secret"),
    ("secret", "encrypts or signs what is kept", SECURITY, "key data_key private_key"),
)
MEANINGS: Final = {name: Meaning(kind, purpose, basis) for kind, purpose, basis, names in _ROWS
                   for name in names.split()}
"""Name to meaning."""
