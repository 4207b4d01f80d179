"""What is answered about actions, calls and their records."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class Evidence(TypedDict):
    """What one source adds to the risk; `llr` in nats."""

    source: str
    llr: float
    weight: float
    contribution: float
    windows: int


class RiskLevel(TypedDict):
    """A risk in short."""

    score: int | None
    band: str
    state: str


class Risk(RiskLevel):
    """The `risk` message."""

    type: NotRequired[str]
    call_id: str
    at_s: float
    net_speech_s: float
    evidence: list[Evidence]
    models: dict[str, str]
    policy: str


class Reason(TypedDict):
    """Why, for machines and for people."""

    code: str
    text: str


class Challenge(TypedDict):
    """A one-time code is awaited."""

    method: str
    expires_at: float
    tries_left: int
    acr: str


class Decision(TypedDict):
    """The latest decision on an action."""

    call_id: str
    action_id: str
    action: str
    tier: str
    decision: str
    state: str
    reasons: list[Reason]
    rule: str
    risk: Risk
    challenge: NotRequired[Challenge]
    grant: NotRequired[str]


class NamedCustomer(TypedDict):
    """Whom the call claims to be of."""

    call_id: str
    customer_ref: str


class GrantClaims(TypedDict):
    """What a redeemed grant allows, once (RFC 7519 names)."""

    iss: str
    aud: str
    sub: str
    jti: str
    exp: int
    call_id: str
    action: str
    parameters_sha256: str
    tenant: NotRequired[str]


class Redeemed(TypedDict):
    """A spent grant."""

    redeemed: bool
    claims: GrantClaims


class DecidedAction(TypedDict):
    """An action in a list of calls."""

    action_id: str
    at: float
    action: str
    tier: str
    decision: str
    state: str
    rule: str
    person: str | None


class RecordedCall(TypedDict):
    """One recorded call."""

    call_id: str
    tenant: str
    customer_ref: str | None
    started_at: float
    ended_at: float | None
    end_reason: str | None
    actions: list[DecidedAction]


class Calls(TypedDict):
    """Recorded calls, newest first."""

    calls: list[RecordedCall]


class Call(RecordedCall):
    """One call, and its present risk while this process holds it."""

    live: bool
    risk: Risk | None


class ReceiptSystem(TypedDict):
    """What acted."""

    models: dict[str, str]
    policy: str
    rule: str


class ReceiptConsent(TypedDict):
    """An entry of the ledger that was in force."""

    purpose: str
    consent_id: str


class ReceiptData(TypedDict):
    """On what data."""

    media_s: float
    net_speech_s: float
    evidence: list[Evidence]
    parameters_sha256: str
    consents: list[ReceiptConsent]
    recorded_before_sha256: str


class ReceiptProduced(TypedDict):
    """What it produced."""

    action: str
    decision: str
    state: str
    reasons: list[Reason]
    risk: RiskLevel
    grant_jti: str | None


class ReceiptControl(TypedDict):
    """Which control bound it."""

    tier: str
    step_up: str | None


class ReceiptPlace(TypedDict):
    """Where the chain holds it."""

    chain: str
    seq: int
    sha256: str


class Receipt(TypedDict):
    """What an auditor asks of one decision."""

    call_id: str
    action_id: str
    at: float
    system: ReceiptSystem
    data: ReceiptData
    produced: ReceiptProduced
    control: ReceiptControl
    human: str | None
    prepared_by: str | None
    confirmed_by: str | None
    place: ReceiptPlace


class Receipts(TypedDict):
    """A receipt for every decision of a call, in order."""

    receipts: list[Receipt]


class PolicyTier(TypedDict):
    """What one tier demands."""

    assurance: list[list[str]]
    verify: bool


class Policy(TypedDict):
    """Which actions there are, and what their tiers demand."""

    version: str
    sha256: str
    actions: dict[str, str]
    tiers: dict[str, PolicyTier]


class SaidLine(TypedDict):
    """One line of the transcript, masked."""

    at_s: float
    channel: str
    text: str


class Handover(TypedDict):
    """What somebody who took a handover needs to decide it."""

    action_id: str
    call_id: str
    parameters: dict[str, str]
    said: list[SaidLine]
    customer_ref: str | None
    customer_known: bool
    consent: list[str]
    instructions_heard: bool
    prepared_by: str | None


class Spectrogram(TypedDict):
    """The caller's last seconds as a picture: `levels` is base64 of one byte a point, band by band."""

    seconds: float
    hop_s: float
    top_hz: int
    bands: int
    frames: int
    levels: str
