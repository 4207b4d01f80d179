"""Every `code` of a problem that the HTTP API answers, with its statuses and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[str, tuple[tuple[int, ...], str]]] = MappingProxyType({
    # who asks
    "unauthenticated": ((401,), "No valid key, token or session came with the request."),
    "forbidden": ((403,), "The key's scope or the person's role does not allow this."),
    "action_forbidden": ((403,), "Actions of this tier are not for this key or role."),
    "csrf": ((403,), "The CSRF header is missing or wrong, or another page asked."),
    "other_origin": ((403,), "Another page than the service's own asked."),
    "no_session": ((403,), "A key has no session."),
    "sign_in_failed": ((401,), "Name, password or code is not right."),
    "too_many_tries": ((429,), "Too many wrong guesses: Retry-After says how long to wait."),
    "bad_password": ((422,), "The password is too short or too easily guessed."),
    "wrong_code": ((422,), "The code is not the authenticator's present one."),
    "set_up_ended": ((404,), "The set-up link was used or has expired."),
    "no_provider": ((404,), "No identity provider is configured."),
    "provider_unavailable": ((503,), "The identity provider does not answer, so the token cannot be checked."),
    # the request
    "invalid_request": ((422,), "The body or a parameter is not as described; the detail names where."),
    "length_required": ((411,), "A body needs a Content-Length."),
    "too_large": ((413,), "The body or text is too large."),
    "other_host": ((421,), "The service is not reached under this host name."),
    "not_found": ((404,), "There is no such route."),
    "method_not_allowed": ((405,), "The route does not take this method."),
    "idempotency_key_reused": ((422,), "This Idempotency-Key was used with another body."),
    "reason_needed": ((422,), "The act needs a reason."),
    # calls and actions
    "unknown_call": ((404,), "No such call."),
    "call_over": ((409,), "The call has ended."),
    "unknown_action": ((404,), "No such action."),
    "not_awaited": ((409,), "This answer is not awaited for this action."),
    "too_many_actions": ((429,), "The call, key or tenant has asked for too many actions."),
    "own_request": ((409,), "Whoever asked for an action does not approve it."),
    "orphaned": ((409,), "Nobody holds this handover: take it over first."),
    "not_taken": ((409,), "Take the handover over first."),
    "customer_named": ((409,), "The call claims another customer."),
    "no_customer": ((409,), "The call claims no customer."),
    "customer_known": ((409,), "There is a customer of this reference."),
    "customer_twice": ((422,), "A reference stands twice."),
    "unknown_customer": ((404,), "No such customer."),
    # grants
    "grant_invalid": ((400,), "The grant is not ours, was changed, or has expired."),
    "unknown_grant": ((404,), "No such grant."),
    "other_parameters": ((409,), "The grant was given for other parameters."),
    "grant_spent": ((409,), "The grant was redeemed before, was revoked, or was never recorded."),
    # voices and consent
    "no_consent": ((409,), "The caller does not agree that the voice is analysed."),
    "no_speech": ((404,), "Of this call no speech is in memory."),
    "no_voiceprint": ((404,), "No voice of this customer is kept."),
    "voice_refused": ((409,), "The voice cannot be kept; the detail says why."),
    "too_late": ((503,), "The voice was not judged in time."),
    "bad_listing": ((422,), "The entry of the watch list cannot be as asked for."),
    "not_reviewable": ((404,), "No such entry is in force that somebody else put there."),
    "unknown_entry": ((404,), "No such entry is on the list."),
    "unknown_consent": ((404,), "No such consent is in force."),
    # subscribers
    "bad_webhook": ((422,), "The subscription cannot be as asked for."),
    "unknown_webhook": ((404,), "No such subscription."),
    # the service
    "store_unavailable": ((503,), "The store cannot be used now."),
    "worker_unavailable": ((503,), "The worker that holds this call does not answer."),
    "jobs_late": ((503,), "Jobs of the service have not run for too long."),
    "full": ((503,), "No more calls can be taken now."),
    "not_ready": ((503,), "The service is not ready."),
    "internal_error": ((500,), "The service has a fault, which it has logged."),
})
"""Code to its statuses and meaning."""
