"""The places that fields stand in: one row for each event, table, record, body, answer, message, file and log line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """One row."""

    where: str
    fields: str
    """Names with a space between; `name:meaning` where a name means something else than elsewhere."""
    retention: str = ""
    """Rule that ends it, see `voiceguard.privacy.retention`; empty: in memory, at most until the call ends."""
    rests: str = ""
    seen_by: str = ""
    """Besides who passes its doors; roles and scopes with a space between."""
    leaves: str = ""
    """Doors besides those of an answer, with commas between."""


def _in_memory(kind: str, rows: dict[str, str], leaves: str = "", seen_by: str = "") -> tuple[Place, ...]:
    return tuple(Place(f"{kind} {name}", fields, "", "", seen_by, leaves) for name, fields in rows.items())


_DESK: Final = "agent supervisor analyst auditor live"
_CALL_KEY: Final = "; what names the customer under a random name, whose key is in subjects"

EVENTS: Final = _in_memory("event", {
    "CallStarted": "call_id encoding rate_hz channels customer_ref consent metadata passed_over unreadable",
    "AudioReceived": "channel start_sample payload",
    "MediaGap": "channel start_sample samples:sample_count",
    "MediaDropped": "channel start_sample samples:sample_count reason:cause",
    "MediaResumed": "passed_samples",
    "DtmfReceived": "channel digit",
    "TranscriptReceived": "channel text:raw_text",
    "IntentDeclared": "action parameters",
    "ConsentSaid": "given withdrawn wording",
    "MarkReceived": "name:kind",
    "ReplyDue": "message",
    "FaultReported": "code:cause",
    "CallEnded": "reason:cause",
    "CustomerFacts": "customer_ref totp_secret last_totp_step locked_until wrong_in:call_id",
    "ActionOverruled": "asked code:reasons text:reasons is_denied:decision",
    "CodeJudged": "is_right:decision compared:count",
    "ActionRequested": "action_id action parameters customer asker", "Asker": "kind name:person",
    "CodeEntered": "action_id code",
    "HandoverAnswered": "action_id person role verdict:decision reason",
    "VoiceAsked": "purpose author",
    "ConsentChanged": "given withdrawn",
    "EarlierStream": "log_odds_delta wrong_codes",
    "ScoreRequested": "window_id window",
    "ScoreReceived": "window_id task output",
    "ScoreMissing": "window_id task reason:cause",
    "Window": "task samples end_net_s end_s",
    "Voice": "embedding net_speech_s windows",
    "Neighbour": "entry_id cosine net_speech_s",
    "KnownVoices": "voiceprint watchlist others",
    "Evidence": "source llr weight contribution windows",
    "Risk": "at_s net_speech_s score band state evidence",
    "Reason": "code:reasons text:reasons",
    "Challenge": "method:kind expires_at tries_left acr",
    "Grant": "jti call_id customer_ref action parameters_sha256 expires_at",
    "RiskChanged": "risk",
    "ActionDecided": "action_id action tier decision state reasons rule risk parameters_sha256 challenge grant:jti "
                     "person lock_customer_until accepted_totp_step customer_ref code:decision prepared_by:person "
                     "confirmed_by:person",
    "ShadowRuled": "action_id action tier decision rule reasons policy live:decision risk",
    "CodeToDeliver": "action_id customer_ref action code expires_at",
    "TextFlagged": "source:kind channel at_s rules masked_text",
    "IntentNoticed": "action at_s certainty",
    "TranscriptMasked": "channel at_s text",
    "MediaNoted": "channel kind at_s ms",
    "VoiceChanged": "at_s since_s llr",
    "VoiceMatched": "source entry_id at_s llr",
    "VoiceTaken": "asked at_s refusals voice",
})

_CALL: Final = "call"
TABLES: Final = (
    Place("table calls", "call_id tenant customer_ref:subject started_at ended_at end_reason:cause", _CALL, "calls"),
    Place("table actions", "call_id action_id at action tier decision state rule person", _CALL, "actions"),
    Place("table grants", "jti call_id action_id expires_at redeemed_at", _CALL, "grants"),
    Place("table audit_events", "chain:call_id seq record hash", _CALL, "audit_events" + _CALL_KEY),
    Place("table chain_heads", "chain:call_id count hash signed_count signed_in", "audit_hashes", "chain_heads"),
    Place("table checkpoints", "checkpoint_id body signature", "audit_hashes", "checkpoints"),
    Place("table verdicts", "verdict_id call_id verdict author at note", "verdict",
          "verdicts; note encrypted by customer-data.key"),
    Place("table customers", "ref totp_secret last_totp_step locked_until data_key", "customer",
          "customers; secrets encrypted by customer-data.key"),
    Place("table wrong_codes", "customer_ref call_id tries codes:failures at", "customer", "wrong_codes"),
    Place("table sent_codes", "sent_id:count customer_ref at", "short_lived", "sent_codes"),
    Place("table subjects", "subject ref key", _CALL, "subjects; key encrypted by customer-data.key"),
    Place("table voiceprints", "voiceprint_id customer_ref call_id author created_at model net_speech_s windows "
          "embedding ended_at ended_by end_reason", "voiceprint",
          "voiceprints; embedding encrypted by the customer's key"),
    Place("table watchlist", "entry_id call_id author reason created_at review_at expires_at reviewed_by model "
          "net_speech_s windows embedding ended_at ended_by end_reason", "watchlist",
          "watchlist; embedding encrypted by customer-data.key"),
    Place("table heard_voices", "call_id customer_ref expires_at model net_speech_s windows embedding", "heard_voice",
          "heard_voices; embedding encrypted by customer-data.key"),
    Place("table consents", "consent_id purpose source:kind wording author given_at expires_at withdrawn_at "
          "withdrawn_by call_id customer:subject", "consent", "consents"),
    Place("table call_keys", "key_id call_id subject created_at key", _CALL,
          "call_keys; key encrypted by customer-data.key"),
    Place("table holds", "hold_id call_id customer:subject reason author at released_at:at released_by:by", "call",
          "holds"),
    Place("table swept_chains", "chain:call_id count hash sweep:hash", "audit_hashes", "swept_chains"),
    Place("table nonces", "nonce expires", "short_lived", "nonces"),
    Place("table registered_calls", "uuid_sha256 expires_at sealed", "short_lived",
          "registered_calls; sealed encrypted by customer-data.key"),
    Place("table api_keys", "name:key_name secret_sha256 scopes created_at last_used_at old_sha256 old_until "
          "expires_at tenant kind owner:person actions:tiers fields",
          "account", "api_keys"),
    Place("table people", "name roles password_hash totp_secret last_totp_step created_at disabled_at signed_in_at "
          "setup_sha256 setup_expires issuer subject:name tenant", "account",
          "people; totp_secret encrypted by customer-data.key"),
    Place("table recovery_codes", "person sha256:token_sha256", "account", "recovery_codes"),
    Place("table sessions", "sha256:token_sha256 person method:kind created_at seen_at", "session", "sessions"),
    Place("table workers", "worker seen_at:at", "short_lived", "workers"),
    Place("table live_calls", "call_id worker at", "short_lived", "live_calls"),
    Place("table route_uses", "route who:key_name is_declared:route calls:count first_at:at last_at:at fields",
          "account", "route_uses"),
    Place("table leases", "job worker until:at", "short_lived", "leases"),
    Place("table asked_actions", "call_id action_id asked_at:at action policy state challenged_at:at handed_at:at "
          "taken_at:at settled_at:at failed:failures", _CALL, "asked_actions"),
    Place("table call_groups", "call_id language:group line:group segment:group region:group", _CALL, "call_groups"),
    Place("table complaints", "complaint_id call_id kind:complaint at author", _CALL, "complaints"),
    Place("table webhooks", "webhook_id tenant url events:event_types fields secret created_at author", "account",
          "webhooks; secret encrypted by customer-data.key"),
    Place("table outbox", "delivery_id webhook_id message_id call_id type body:message at state:delivery next_at:at "
          "tries:count status cause ended_at", "delivery", "outbox", "", "webhooks"),
    Place("table attempts", "key:guesser failures at until", "short_lived", "attempts"),
)


def _records(rows: dict[str, str], retention: str, seen_by: str) -> tuple[Place, ...]:
    return tuple(Place(f"record {kind}", fields, retention, "audit_events" + _CALL_KEY, seen_by, "command audit export")
                 for kind, fields in rows.items())


RECORDS: Final = (
    *_records({
        "started": "call_id owner:key_name",
        "customer_named": "customer_ref:subject person reason", "ended": "reason:cause",
        "stream_lost": "reason:cause", "asked_by_person": "action_id action person",
        "decision": "models policy consents",
        "not_recorded": "action_id decision", "grant_redeemed": "action_id jti",
        "grant_revoked": "action_id jti reason:cause",
        "handover_offered": "action_id source:rule reasons", "handover_orphaned": "action_id taken_by alone_s",
        "handover_shown": "action_id person fields lines",
        "own_request": "action_id person",
        "handover_ended": "action_id outcome taken_by approved_by", "verdict": "verdict author",
        "voice_taken": "at_s refusals", "spectrogram_shown": "person seconds",
        "consent_given": "consent_id purpose source:kind wording author expires_at",
        "consent_withdrawn": "purpose source:kind author reason", "use_refused": "data:kind purpose",
        "watchlist_proposed": "entry_id person", "erased": "author reason",
    }, _CALL, "auditor supervisor analyst receipts"),
    *_records({
        "person_added": "name roles tenant by", "person_roles": "name roles by", "person_reset": "name by",
        "person_disabled": "name by", "person_set_up": "name", "recovery_code_used": "name",
        "signed_in": "name method:kind", "signed_out": "name",
        "guesses_blocked": "key:guesser tries seconds unrecorded:count",
        "key_created": "name:key_name scopes by tenant key_kind:kind owner:person actions:tiers fields expires_at",
        "customer_unlocked": "customer_ref:subject wrong_codes by reason",
        "customers_added": "count by", "customer_removed": "customer_ref:subject by reason",
        "customer_authenticator": "customer_ref:subject has_authenticator by",
        "key_rotated": "name:key_name grace_s by",
        "key_revoked": "name:key_name by", "calls_swept": "sweep:hash count root:hash",
        "retention_ended": "kinds:count", "hold_added": "hold_id by", "hold_released": "hold_id by",
        "webhook_added": "webhook_id url tenant events:event_types fields by", "webhook_removed": "webhook_id by",
        "signing_key_rotated": "old_kid:key_id new_kid:key_id by",
        "customer_key_rotated": "keys:count by", "customer_keys_removed": "keys:count by",
        "restored": "by reason kept_checkpoint kept_records lost grants_revoked sessions_ended "
                    "retired_keys:key_id",
    }, "account", "auditor"),
)

BODIES: Final = _in_memory("body", {
    "Announced": "call_id customer_ref consent metadata", "AskedAction": "action parameters",
    "Agreed": "purpose customer_ref call_id wording expires_days",
    "Withdrawn": "purpose customer_ref call_id reason",
    "NamedCustomer": "customer_ref reason",
    "NewCustomer": "customer_ref totp_secret",
    "NewCustomers": "customers:customer_ref", "Authenticator": "totp_secret", "Unlocking": "reason",
    "EnteredCode": "code", "Answer": "verdict:decision reason",
    "SignedGrant": "grant parameters", "Proposal": "reason", "Suspicion": "reason expires_days review_days",
    "Review": "days",
    "Complaint": "customer_ref about:call_id kind:complaint at",
    "Subscription": "url events:event_types fields", "Again": "since:at",
    "Found": "verdict note", "Text": "direction text:raw_text call_id facts",
    "Credentials": "name password code:token", "SetUp": "token", "FinishedSetUp": "token password code:token",
})

MESSAGES: Final = (
    *_in_memory("message", {
        "start": "type call_id encoding sample_rate channels customer_ref consent metadata",
        "dtmf": "type channel digit", "transcript": "type channel text:raw_text",
        "intent": "type action parameters",
        "consent": "type given withdrawn wording",
        "pause": "type", "resume": "type", "stop": "type", "authenticate": "type key:key_secret",
    }),
    *_in_memory("message", {
        "started": "type call_id models policy",
        "risk": "type call_id at_s net_speech_s score band state evidence models policy",
        "decision": "type call_id action_id action tier decision state reasons rule risk challenge grant",
        "challenge": "type call_id action_id method:kind expires_at tries_left acr",
        "error": "type code:cause text:cause", "stopped": "type call_id reason:cause",
    }, "WS /v1/stream", "platform stream"),
    *_in_memory("message", {
        "snapshot": "type thresholds calls", "call": "type call", "forget": "type call_id",
        "live call": "call_id customer_ref started_at ended at_s risk line_from line contributions events_from events "
                     "speech_from speech handovers",
        "live event": "kind at_s action_id action tier decision state reasons rule challenge person channel text rules "
                      "since_s llr source certainty entry_id media:kind ms verdict author given withdrawn",
        "live handover": "action_id action tier source:rule reasons offered_at:at taken_by approved_by orphaned_at:at "
                         "outcome prepared_by:person",
    }, "WS /v1/live", _DESK),
)

ANSWERS: Final = _in_memory("answer", {
    "Evidence": "source llr weight contribution windows", "RiskLevel": "score band state",
    "Risk": "type call_id at_s net_speech_s score band state evidence models policy",
    "Reason": "code:reasons text:reasons", "Challenge": "method:kind expires_at tries_left acr",
    "Decision": "call_id action_id action tier decision state reasons rule risk challenge grant",
    "NamedCustomer": "call_id customer_ref",
    "GrantClaims": "iss aud sub jti exp call_id action parameters_sha256 tenant", "Redeemed": "redeemed claims",
    "DecidedAction": "action_id at action tier decision state rule person",
    "RecordedCall": "call_id tenant customer_ref started_at ended_at end_reason:cause actions", "Calls": "calls",
    "Call": "call_id tenant customer_ref started_at ended_at end_reason:cause actions live risk",
    "ReceiptSystem": "models policy rule",
    "ReceiptData": "media_s net_speech_s evidence parameters_sha256 consents recorded_before_sha256",
    "ReceiptConsent": "purpose consent_id",
    "Consent": "consent_id purpose source:kind wording author given_at expires_at withdrawn_at withdrawn_by call_id "
               "customer_ref",
    "Customer": "customer_ref has_authenticator locked_until", "Customers": "customers:customer_ref",
    "CustomerDetails": "customer_ref has_authenticator locked_until needs_unlock has_voiceprint",
    "ImportedCustomers": "added:count known:customer_ref",
    "Consents": "consents", "ConsentGiven": "consent_id expires_at",
    "ReceiptProduced": "action decision state reasons risk grant_jti", "ReceiptControl": "tier step_up",
    "ReceiptPlace": "chain:call_id seq sha256",
    "Receipt": "call_id action_id at system data produced control human "
               "prepared_by:person confirmed_by:person place", "Receipts": "receipts",
    "Policy": "version sha256 actions:tiers tiers", "PolicyTier": "assurance verify",
    "SaidLine": "at_s channel text",
    "Handover": "action_id call_id parameters said customer_ref customer_known consent instructions_heard "
                "prepared_by:person",
    "Spectrogram": "seconds hop_s top_hz bands frames levels", "ListEntry": "entry_id",
    "Enrolled": "voiceprint_id net_speech_s windows",
    "Voiceprint": "voiceprint_id customer_ref call_id author created_at model net_speech_s windows ended_at ended_by "
                  "end_reason",
    "Voiceprints": "voiceprints:entries",
    "WatchlistEntry": "entry_id call_id author reason created_at review_at expires_at reviewed_by model net_speech_s "
                      "windows ended_at ended_by end_reason",
    "Watchlist": "entries", "Verdict": "call_id verdict author at",
    "KeptVerdict": "verdict_id call_id verdict author at note", "Verdicts": "verdicts:verdict",
    "Registered": "uuid:key_secret call_id expires_at", "Screened": "masked injection rules actions leaks allow",
    "Session": "oidc person roles csrf ends_at method:kind", "SignedIn": "person",
    "SetUpBegun": "name secret uri qr", "SetUpFinished": "person recovery_codes",
    "Person": "name roles created_at disabled_at signed_in_at issuer is_set_up tenant", "People": "people",
    "Key": "name:key_name scopes created_at last_used_at old_until expires_at tenant kind owner:person "
           "actions:tiers fields", "Keys": "keys:key_name",
    "Outcomes": "since:at until:at by:group groups:group changes:rates unequal:group",
    "OutcomesOfGroup": "group counts:rates cost:rates rates", "ComplaintKept": "complaint_id",
    "OutcomeCounts": "calls:rates genuine:rates fraud:rates asked:rates challenged:rates challenged_genuine:rates "
                     "failed_genuine:rates escalated:rates opened:rates abandoned:rates allowed_fraud:rates "
                     "complained:rates repeatable:rates repeated:rates review_s:rates added_s:rates",
    "OutcomeRate": "count of:count per_1000:rates low:rates high:rates is_small:rates",
    "OutcomeChange": "measure:rates low:rates high:rates text:rates",
    "Webhook": "webhook_id tenant url events:event_types fields created_at author waiting:count delivered:count "
               "dead:count",
    "Webhooks": "webhooks:webhook_id", "WebhookMade": "webhook_id secret", "Replayed": "count",
    "Delivery": "delivery_id message_id call_id type at state:delivery next_at:at tries:count status cause ended_at",
    "Deliveries": "deliveries:delivery", "WebhookTested": "message_id state:delivery status cause",
    "Inventory": "counted_since:at routes:route undeclared:route",
    "UsedRoute": "route scope:scopes roles calls:count last_used_at unused_since:at users:key_name",
    "RouteUser": "key:key_name calls:count last_used_at fields",
    "UndeclaredCall": "route key:key_name calls:count last_used_at fields",
    "Health": "status", "Readiness": "status calls:count policy", "KeySet": "keys",
})

OUTSIDE: Final = (
    Place("log line", "event level timestamp call_id protocol key:key_name job worker code:cause reason:cause status "
          "method:kind route error where address data_dir database policy models version count seconds", "log",
          "standard error of the process, in the clear", "operator", "standard error"),
    Place("metric labels", "task measure:rates quantity:kind reason:cause decision:tier code:cause kind job worker "
          "tier outcome source:kind", "", "counted in memory, names nobody", "admin metrics", "GET /metrics"),
    Place("webhook code delivery", "customer_ref action action_id code expires_at tenant", "", "", "customer",
          "otp_webhook_url"),
    *(Place(f"webhook {name}", f"call_id {fields}".strip(), "", "", "subscriber", "webhooks") for name, fields in {
        "call.started": "", "call.ended": "reason:cause",
        "decision.made": "action_id action tier decision state rule policy",
        "handover.offered": "action_id source:rule reasons", "handover.orphaned": "action_id alone_s",
        "handover.ended": "action_id outcome", "grant.redeemed": "action_id jti",
        "grant.revoked": "action_id jti reason:cause", "verdict.given": "verdict",
    }.items()),
    Place("file voiceguard.db", "", "call", "data_dir; the tables above", "operator"),
    Place("file audit-mark.json", "type number hash issued_at chains records signature", "audit_hashes",
          "data_dir, and audit.witness_file", "operator", "audit.witness_url"),
    Place("file serve.lock", "", "short_lived", "data_dir; empty, one process holds its lock", "operator"),
    Place("file signing-key.json", "private_key", "key", "data_dir, readable by its owner alone", "operator"),
    Place("file retired-signing-keys.json", "x:key kid:key_id retired_at:at", "key", "data_dir; public keys",
          "operator"),
    Place("file customer-data.key", "private_key", "key", "data_dir, readable by its owner alone", "operator"),
)

PLACES: Final = (*EVENTS, *TABLES, *RECORDS, *BODIES, *MESSAGES, *ANSWERS, *OUTSIDE)
