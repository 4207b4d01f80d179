"""Which answer leaves by which door: every route and every command that gives data away, with the answers it may give.
"""

from __future__ import annotations

from typing import Final

_DECISION: Final = "Decision Reason Risk Evidence Challenge"
_RECEIPTS: Final = (
    "Receipts Receipt ReceiptSystem ReceiptData ReceiptConsent Evidence ReceiptProduced Reason RiskLevel "
    "ReceiptControl ReceiptPlace"
)

DOORS: Final = {
    "GET /v1/inventory": "Inventory UsedRoute RouteUser UndeclaredCall",
    "POST /v1/audiosocket/calls": "Registered",
    "POST /v1/calls/{call_id}/actions": _DECISION,
    "POST /v1/calls/{call_id}/customer": "NamedCustomer",
    "GET /v1/actions/{action_id}": _DECISION,
    "POST /v1/actions/{action_id}/otp": _DECISION,
    "POST /v1/actions/{action_id}/handover": _DECISION,
    "GET /v1/actions/{action_id}/handover": "Handover SaidLine",
    "GET /v1/policy": "Policy PolicyTier",
    "POST /v1/grants/redeem": "Redeemed GrantClaims",
    "POST /v1/screen": "Screened",
    "GET /v1/calls": "Calls RecordedCall DecidedAction",
    "GET /v1/calls/{call_id}": "Call DecidedAction Risk Evidence",
    "GET /v1/calls/{call_id}/receipts": _RECEIPTS,
    "GET /v1/calls/{call_id}/spectrogram": "Spectrogram",
    "POST /v1/calls/{call_id}/verdict": "Verdict",
    "GET /v1/verdicts": "Verdicts KeptVerdict",
    "POST /v1/calls/{call_id}/voiceprint": "Enrolled",
    "GET /v1/customers/{customer_ref}/voiceprints": "Voiceprints Voiceprint",
    "POST /v1/calls/{call_id}/watchlist": "ListEntry",
    "POST /v1/calls/{call_id}/watchlist/proposal": "ListEntry",
    "GET /v1/watchlist": "Watchlist WatchlistEntry",
    "POST /v1/watchlist/{entry_id}/review": "ListEntry",
    "GET /v1/customers": "Customers Customer",
    "POST /v1/customers": "CustomerDetails",
    "POST /v1/customers/import": "ImportedCustomers",
    "GET /v1/customers/{customer_ref}": "CustomerDetails",
    "GET /v1/consents": "Consents Consent",
    "POST /v1/consents": "ConsentGiven",
    "GET /v1/session": "Session",
    "POST /v1/session": "SignedIn",
    "POST /v1/setup": "SetUpBegun",
    "POST /v1/setup/finish": "SetUpFinished",
    "GET /v1/people": "People Person",
    "GET /v1/keys": "Keys Key",
    "GET /v1/outcomes": "Outcomes OutcomesOfGroup OutcomeCounts OutcomeRate OutcomeChange",
    "POST /v1/complaints": "ComplaintKept",
    "GET /v1/webhooks": "Webhooks Webhook",
    "POST /v1/webhooks": "WebhookMade",
    "GET /v1/webhooks/{webhook_id}/deliveries": "Deliveries Delivery",
    "POST /v1/webhooks/{webhook_id}/test": "WebhookTested",
    "POST /v1/webhooks/{webhook_id}/replay": "Replayed",
    "GET /healthz": "Health",
    "GET /readyz": "Readiness",
    "GET /.well-known/jwks.json": "KeySet",
}
"""Method and path of a route to the answers that may leave by it."""

COMMANDS: Final = {
    "command audit export": _RECEIPTS,
    "command enrol list": "Voiceprint",
    "command watchlist list": "WatchlistEntry",
    "command keys list": "Key",
    "command users list": "Person",
    "command consent list": "Consent",
    "command webhooks list": "Webhook Delivery",
    "command customers list": "Customer",
    "command customers show": "CustomerDetails",
}
"""A command to the answers that it prints."""
