"""The database's tables. A change here needs a migration beside it; a test compares the two.

`audit_events` is the truth; `calls`, `actions` and `grants` restate it for quick reading, and `verify_audit` compares
them with it. Times are Unix seconds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

calls = Table(
    "calls", metadata,
    Column("call_id", String, primary_key=True),
    Column("customer_ref", String),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("end_reason", String),
    Column("tenant", String, nullable=False, server_default="default"),
    Index("ix_calls_started_at", "started_at"),
    Index("ix_calls_customer_ref", "customer_ref", "started_at"),
    Index("ix_calls_ended_at", "ended_at"),
    Index("ix_calls_tenant_started_at", "tenant", "started_at"),
)

checkpoints = Table(
    "checkpoints", metadata,
    Column("checkpoint_id", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # canonical JSON: the heads that moved since the one before
    Column("signature", String, nullable=False),
)

audit_events = Table(
    "audit_events", metadata,
    Column("chain", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 0, without a gap
    Column("record", LargeBinary, nullable=False),  # canonical JSON
    Column("hash", LargeBinary, nullable=False),  # over the previous hash and the record
)

chain_heads = Table(
    "chain_heads", metadata,
    Column("chain", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signed_count", Integer),  # how much of it a checkpoint covers, and which; null while none does
    Column("signed_in", Integer, ForeignKey("checkpoints.checkpoint_id")),
)

actions = Table(
    "actions", metadata,
    Column("call_id", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("action_id", String, primary_key=True),
    Column("at", Double, nullable=False),
    Column("action", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("state", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("person", String),
)

grants = Table(
    "grants", metadata,
    Column("jti", String, primary_key=True),
    Column("call_id", String, ForeignKey("calls.call_id"), nullable=False),
    Column("action_id", String, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("redeemed_at", Double),
    Index("ix_grants_call_id", "call_id"),
)

verdicts = Table(
    "verdicts", metadata,
    Column("verdict_id", Integer, primary_key=True),
    Column("call_id", String, ForeignKey("calls.call_id"), nullable=False),
    Column("verdict", String, nullable=False),  # genuine or fraud
    Column("author", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("note", Text),  # encrypted
    Index("ix_verdicts_call_id", "call_id"),
)

customers = Table(
    "customers", metadata,
    Column("ref", String, primary_key=True),
    Column("totp_secret", Text),  # encrypted
    Column("last_totp_step", BigInteger, nullable=False),
    Column("locked_until", Double, nullable=False),
    Column("data_key", Text),  # encrypted: the key of what is kept of this customer; erasing it erases that
)

wrong_codes = Table(
    "wrong_codes", metadata,
    Column("customer_ref", String, primary_key=True),
    Column("call_id", String, primary_key=True),
    Column("tries", Integer, nullable=False),  # in a row: a right code in any call deletes the customer's rows
    Column("codes", Integer, nullable=False),  # compared in these tries
    Column("at", Double, nullable=False),  # the last one
)

sent_codes = Table(
    "sent_codes", metadata,
    Column("sent_id", Integer, primary_key=True),
    Column("customer_ref", String, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_sent_codes_customer_ref", "customer_ref"),
    Index("ix_sent_codes_at", "at"),
)

voiceprints = Table(
    "voiceprints", metadata,
    Column("voiceprint_id", String, primary_key=True),
    Column("customer_ref", String, ForeignKey("customers.ref"), nullable=False),
    Column("call_id", String, ForeignKey("calls.call_id"), nullable=False),  # whose audit holds consent and judgement
    Column("author", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("model", String, nullable=False),  # <name>@<sha256-12>: an embedding means nothing to another model
    Column("net_speech_s", Double, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("embedding", LargeBinary),  # encrypted with the customer's key; null once it ended
    Column("ended_at", Double),
    Column("ended_by", String),
    Column("end_reason", String),
    Index("ix_voiceprints_customer_ref", "customer_ref"),
)

watchlist = Table(
    "watchlist", metadata,
    Column("entry_id", String, primary_key=True),
    Column("call_id", String, ForeignKey("calls.call_id"), nullable=False),
    Column("author", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("review_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("reviewed_by", String),
    Column("model", String, nullable=False),
    Column("net_speech_s", Double, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("embedding", LargeBinary),  # encrypted; null once it ended
    Column("ended_at", Double),
    Column("ended_by", String),
    Column("end_reason", String),
)

heard_voices = Table(
    "heard_voices", metadata,
    Column("call_id", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("customer_ref", String, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("model", String, nullable=False),
    Column("net_speech_s", Double, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("embedding", LargeBinary, nullable=False),  # encrypted
    Index("ix_heard_voices_expires_at", "expires_at"),
)

subjects = Table(
    "subjects", metadata,
    Column("subject", String, primary_key=True),  # random: what records and calls name the customer by
    Column("ref", String, nullable=False),
    Column("key", Text),  # encrypted: of what records hold of this customer; null without a cipher
    UniqueConstraint("ref", name="uq_subjects_ref"),
)

consents = Table(
    "consents", metadata,
    Column("consent_id", String, primary_key=True),
    Column("purpose", String, nullable=False),
    Column("source", String, nullable=False),  # stream, api, desk or command_line
    Column("wording", String, nullable=False),  # version of the words that were agreed to
    Column("author", String, nullable=False),
    Column("given_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("withdrawn_at", Double),
    Column("withdrawn_by", String),
    Column("call_id", String),  # null: given for the customer, and not on a call
    Column("customer", String),  # the random name in subjects
    Index("ix_consents_customer", "customer"),
    Index("ix_consents_call_id", "call_id"),
    Index("ix_consents_withdrawn_at", "withdrawn_at"),
    Index("ix_consents_given_at", "given_at"),
)

call_keys = Table(
    "call_keys", metadata,
    Column("key_id", String, primary_key=True),  # random: what records name the key by
    Column("call_id", String, nullable=False),
    Column("subject", String),  # the customer's random name; null until the customer is named
    Column("created_at", Double, nullable=False),
    Column("key", Text, nullable=False),  # encrypted: of what records hold of this call in words
    Index("ix_call_keys_call_id", "call_id"),
    Index("ix_call_keys_subject", "subject"),
)

holds = Table(
    "holds", metadata,
    Column("hold_id", String, primary_key=True),
    Column("call_id", String),
    Column("customer", String),  # the random name in subjects
    Column("reason", String, nullable=False),
    Column("author", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("released_at", Double),
    Column("released_by", String),
)

swept_chains = Table(
    "swept_chains", metadata,
    Column("chain", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("count", Integer, nullable=False),  # as the chain's head has them: its records are gone
    Column("hash", LargeBinary, nullable=False),
    Column("sweep", String, nullable=False),  # a record in the service's own chain holds the root of its chains
    Index("ix_swept_chains_sweep", "sweep"),
)

nonces = Table(
    "nonces", metadata,
    Column("nonce", String, primary_key=True),
    Column("expires", Double, nullable=False),
    Index("ix_nonces_expires", "expires"),
)

registered_calls = Table(
    "registered_calls", metadata,
    Column("uuid_sha256", String(64), primary_key=True),
    Column("expires_at", Double, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # encrypted: whose call it will be
    Index("ix_registered_calls_expires_at", "expires_at"),
)

api_keys = Table(
    "api_keys", metadata,
    Column("name", String, primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", String, nullable=False),  # sorted, with a space between
    Column("created_at", Double),
    Column("last_used_at", Double),  # give or take a minute
    Column("old_sha256", String(64)),  # of the secret before the last rotation, good until old_until
    Column("old_until", Double),
    Column("expires_at", Double),  # null: never
    Column("tenant", String, nullable=False, server_default="default"),
    Column("kind", String, nullable=False, server_default="machine"),  # machine or assistant
    Column("owner", String),  # the person whose key it is; null: it acts for nobody in particular
    Column("actions", String),  # sorted tiers of actions with a space between; null: all
    Column("fields", String),  # sorted names of the fields that answers may hold; null: all
    UniqueConstraint("secret_sha256", name="uq_api_keys_secret_sha256"),
)

people = Table(
    "people", metadata,
    Column("name", String, primary_key=True),
    Column("roles", String, nullable=False),  # sorted, with a space between
    Column("password_hash", String),  # argon2id, with its parameters
    Column("totp_secret", Text),  # encrypted
    Column("last_totp_step", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    Column("signed_in_at", Double),
    Column("setup_sha256", String(64)),  # of the token in the set-up link; null once it was used
    Column("setup_expires", Double),
    Column("issuer", String),  # the identity provider's, and its name for the person
    Column("subject", String),
    Column("tenant", String),  # whose calls the person sees; null: those of all tenants
    UniqueConstraint("setup_sha256", name="uq_people_setup_sha256"),
    UniqueConstraint("issuer", "subject", name="uq_people_issuer_subject"),
)

recovery_codes = Table(
    "recovery_codes", metadata,
    Column("person", String, ForeignKey("people.name"), primary_key=True),
    Column("sha256", String(64), primary_key=True),  # deleted when it is used
)

sessions = Table(
    "sessions", metadata,
    Column("sha256", String(64), primary_key=True),  # of the token in the cookie
    Column("person", String, ForeignKey("people.name"), nullable=False),
    Column("method", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Index("ix_sessions_person", "person"),
)

attempts = Table(
    "attempts", metadata,
    Column("key", String, primary_key=True),  # name:... or address:...
    Column("failures", Integer, nullable=False),  # in a row
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),  # blocked so long
    Index("ix_attempts_at", "at"),
)

workers = Table(
    "workers", metadata,
    Column("worker", String, primary_key=True),  # random, drawn at each start of a process
    Column("seen_at", Double, nullable=False),  # by the database's clock on PostgreSQL
)

live_calls = Table(
    "live_calls", metadata,
    Column("call_id", String, primary_key=True),
    Column("worker", String, nullable=False),  # holds the call's stream
    Column("at", Double, nullable=False),
    Index("ix_live_calls_worker", "worker"),
)

leases = Table(
    "leases", metadata,
    Column("job", String, primary_key=True),
    Column("worker", String, nullable=False),  # runs the job until then
    Column("until", Double, nullable=False),
)

route_uses = Table(
    "route_uses", metadata,
    Column("route", String, primary_key=True),
    Column("who", String, primary_key=True),  # name of a key; people, stream, anybody
    Column("is_declared", Integer, nullable=False),  # 0: there is no such route
    Column("calls", Integer, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("fields", String, nullable=False),  # sorted names of fields of answers, with a space between
)
