"""What the HTTP endpoints answer: every field that may leave by them. What stands in no class here is left out.

Times are Unix seconds, `at_s` is media time in seconds.
"""

from __future__ import annotations

from voiceguard.server.answers.customers import Customer, CustomerDetails, Customers, ImportedCustomers
from voiceguard.server.answers.decisions import (
    Call,
    Calls,
    Challenge,
    DecidedAction,
    Decision,
    Evidence,
    GrantClaims,
    Handover,
    NamedCustomer,
    Policy,
    PolicyTier,
    Reason,
    Receipt,
    ReceiptConsent,
    ReceiptControl,
    ReceiptData,
    ReceiptPlace,
    ReceiptProduced,
    Receipts,
    ReceiptSystem,
    RecordedCall,
    Redeemed,
    Risk,
    RiskLevel,
    SaidLine,
    Spectrogram,
)
from voiceguard.server.answers.inventory import Inventory, RouteUser, UndeclaredCall, UsedRoute
from voiceguard.server.answers.outcomes import (
    ComplaintKept,
    Deliveries,
    Delivery,
    OutcomeChange,
    OutcomeCounts,
    OutcomeRate,
    Outcomes,
    OutcomesOfGroup,
    Replayed,
    Webhook,
    WebhookMade,
    Webhooks,
    WebhookTested,
)
from voiceguard.server.answers.people import (
    Health,
    Key,
    Keys,
    KeySet,
    People,
    Person,
    Problem,
    Readiness,
    Session,
    SetUpBegun,
    SetUpFinished,
    SignedIn,
)
from voiceguard.server.answers.voices import (
    Consent,
    ConsentGiven,
    Consents,
    Enrolled,
    KeptVerdict,
    KeptVoice,
    ListEntry,
    Registered,
    Screened,
    Verdict,
    Verdicts,
    Voiceprint,
    Voiceprints,
    Watchlist,
    WatchlistEntry,
)

__all__ = [
    "Inventory", "RouteUser", "UndeclaredCall", "UsedRoute",
    "Call", "Calls", "Challenge", "ComplaintKept", "Consent", "ConsentGiven", "Consents", "Customer",
    "CustomerDetails", "Customers", "DecidedAction", "Decision", "Deliveries", "Delivery", "Enrolled",
    "Evidence", "GrantClaims", "Handover", "Health", "ImportedCustomers", "KeptVerdict", "KeptVoice", "Key",
    "KeySet", "Keys", "ListEntry", "NamedCustomer", "OutcomeChange", "OutcomeCounts", "OutcomeRate", "Outcomes",
    "OutcomesOfGroup", "People", "Person", "Policy", "PolicyTier", "Problem", "Readiness", "Reason", "Receipt",
    "ReceiptConsent", "ReceiptControl", "ReceiptData", "ReceiptPlace", "ReceiptProduced", "ReceiptSystem",
    "Receipts", "RecordedCall", "Redeemed", "Registered", "Replayed", "Risk", "RiskLevel", "SaidLine",
    "Screened", "Session", "SetUpBegun", "SetUpFinished", "SignedIn", "Spectrogram", "Verdict", "Verdicts",
    "Voiceprint", "Voiceprints", "Watchlist", "WatchlistEntry", "Webhook", "WebhookMade", "WebhookTested",
    "Webhooks",
]
