"""How each telephony platform proves itself. A platform without credentials is refused."""

from __future__ import annotations

from dataclasses import field

from pydantic import SecretStr
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class TwilioOptions:
    """How Twilio proves itself; with neither, its streams are refused."""

    auth_token: SecretStr | None = None
    """Account auth token: checks X-Twilio-Signature."""
    shared_keys: dict[str, SecretStr] = field(default_factory=dict)
    """Key id to SharedKey, for signatures in the SHA-256 form."""
    stream_secret: SecretStr | None = None
    """Secret of the short-lived `token` parameter; when set, a stream without a fresh token is refused."""
