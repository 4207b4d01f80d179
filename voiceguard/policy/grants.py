"""Grants: the short-lived proof, bound to call, customer, action and parameters, that an action may be done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from voiceguard.events import Grant
from voiceguard.events.tenants import DEFAULT, own_name, tenant_of

AUDIENCE = "voiceguard-grant"
"""`aud` of every grant: meant for whoever redeems it, and no login or access token."""


def parameters_sha256(parameters: Mapping[str, str]) -> str:
    """SHA-256, hex, of the parameters as RFC 8785 canonical JSON (keys in order of their UTF-16 code units).

    A lone surrogate, which UTF-8 cannot hold, is hashed as Python's `surrogatepass` writes it.
    """
    ordered = dict(sorted(parameters.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass")))
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def claims(grant: Grant, issuer: str) -> dict[str, Any]:
    """The grant as JWT claims (RFC 7519), ready to be signed. `tenant` stands there for another than the default."""
    tenant = tenant_of(grant.call_id)
    return {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": own_name(grant.customer_ref),
        "jti": grant.jti,
        "exp": int(grant.expires_at),
        "call_id": own_name(grant.call_id),
        "action": grant.action,
        "parameters_sha256": grant.parameters_sha256,
        **({} if tenant == DEFAULT else {"tenant": tenant}),
    }
