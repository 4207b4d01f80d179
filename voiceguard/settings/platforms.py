"""How each telephony platform proves itself. A platform without credentials is refused."""

from __future__ import annotations

import base64
import binascii
from dataclasses import field
from typing import Literal

from pydantic import SecretStr, field_validator
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class AsteriskOptions:
    """Asterisk's websocket channel, which proves itself by an API key."""

    only_registered: bool = False
    """Refuse a stream that names no registered call, so that a key alone opens none."""


@dataclass(frozen=True)
class AudioSocketOptions:
    """Asterisk's AudioSocket, over TCP. It has neither encryption nor authentication: the UUID of a registered call is
    the proof, and the network between Asterisk and here has to be private."""

    port: int | None = field(default=None, metadata={"ge": 0, "le": 65535})
    """TCP port to listen on; empty: not at all; 0 takes a free one."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    registration_s: float = field(default=60.0, metadata={"gt": 0})
    """Seconds for which a registered call may arrive."""


@dataclass(frozen=True)
class TwilioOptions:
    """How Twilio proves itself; with neither, its streams are refused."""

    auth_token: SecretStr | None = None
    """Account auth token: checks X-Twilio-Signature."""
    shared_keys: dict[str, SecretStr] = field(default_factory=dict)
    """Key id to SharedKey, for signatures in the SHA-256 form."""
    stream_secret: SecretStr | None = None
    """Secret of the short-lived `token` parameter; when set, a stream without a fresh token is refused."""


@dataclass(frozen=True)
class AudioHookKey:
    """What the Genesys integration is given under Credentials."""

    api_key: SecretStr
    """`X-API-KEY` of every request."""
    client_secret: SecretStr = SecretStr("")
    """Base64, as Genesys shows it: signs every request. Empty: the API key alone is the proof."""

    @field_validator("client_secret")
    @classmethod
    def _is_base64(cls, secret: SecretStr) -> SecretStr:
        try:
            base64.b64decode(secret.get_secret_value(), validate=True)
        except binascii.Error:
            raise ValueError("must be base64") from None
        return secret

    @property
    def secret(self) -> bytes:
        """The client secret's bytes."""
        return base64.b64decode(self.client_secret.get_secret_value())


@dataclass(frozen=True)
class AudioHookOptions:
    """Genesys AudioHook; without keys, its sessions are refused."""

    keys: tuple[AudioHookKey, ...] = ()
    """One for each integration, or two while a key is replaced."""
    pause_after_s: float | None = field(default=None, metadata={"gt": 0})
    """Net speech of low risk after which a session is paused until something sensitive is asked for, seconds: Genesys
    bills the time in which it streams. Empty: never."""
    l16_byte_order: Literal["little", "big"] = "little"
    """Of linear samples, which are taken only where mu-law is not offered."""


@dataclass(frozen=True)
class SignalWireOptions:
    """How SignalWire proves itself; without the secret, its streams are refused."""

    stream_secret: SecretStr | None = None
    """Secret of the short-lived stream token that the cXML gives as `authBearerToken`."""


@dataclass(frozen=True)
class TelnyxOptions:
    """How Telnyx proves itself; without the secret, its streams are refused."""

    stream_secret: SecretStr | None = None
    """Secret of the short-lived stream token that streaming is asked for with, as `stream_auth_token`."""
    l16_byte_order: Literal["little", "big"] = "little"
    """Of linear samples; RTP's would be big."""


@dataclass(frozen=True)
class PlivoOptions:
    """How Plivo proves itself; without the token, its streams are refused."""

    auth_token: SecretStr | None = None
    """Auth token of the account or subaccount: checks X-Plivo-Signature-V3."""


@dataclass(frozen=True)
class VonageOptions:
    """How Vonage proves itself; without the secret, its streams are refused."""

    signature_secret: SecretStr | None = None
    """Signature secret of the account: checks the JWT of the Authorization header."""
    application_id: str | None = None
    """When set, tokens of other applications are refused."""
    api_key: str | None = None
    """When set, tokens of other accounts are refused."""
