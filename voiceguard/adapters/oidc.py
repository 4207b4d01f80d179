"""An OpenID Connect provider, as a relying party meets it: discovery, the code flow with PKCE, and its tokens' checks.

Sources: OpenID Connect Core 1.0 section 3.1, Discovery 1.0, RFC 7636 (PKCE), RFC 8725 (JWT practice), RFC 9207 (issuer
in the answer), RFC 9700 (OAuth security practice).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from voiceguard.errors import AuthenticationError, VoiceguardError
from voiceguard.settings import OidcOptions

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
"""Signatures that are believed: none with a shared secret, and never `none`."""
FRESH_S: Final = 3600.0
"""For so long the discovery document and the keys are not asked for again."""
REFRESH_S: Final = 30.0
"""Least time between two looks for a key that is not known."""
LEEWAY_S: Final = 60


class ProviderError(VoiceguardError):
    """The provider cannot be asked now, or answers what its protocol does not allow."""


@dataclass(frozen=True)
class Flow:
    """What this side keeps of a sign-in that is under way; secret."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


class Provider:
    """One provider. `now` is the wall clock, Unix seconds."""

    def __init__(self, options: OidcOptions, client: httpx.AsyncClient, now: Callable[[], float]) -> None:
        self._options, self._client, self._now = options, client, now
        self._metadata: dict[str, Any] = {}
        self._keys = KeySet([])
        self._read_at = float("-inf")

    async def authorisation_url(self, flow: Flow, redirect_uri: str) -> str:
        """Where the browser is sent to sign in. Raises ProviderError."""
        metadata = await self._discovered()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": self._options.client_id, "redirect_uri": redirect_uri,
            "scope": self._options.scope, "state": flow.state, "nonce": flow.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }
        if self._options.acr:
            asked["acr_values"] = self._options.acr
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def redeem(self, answer: Mapping[str, str], flow: Flow, redirect_uri: str) -> Mapping[str, Any]:
        """The claims of the ID token for the parameters with which the provider sent the browser back.

        Raises AuthenticationError for an answer that is not to this flow, or that says no; ProviderError.
        """
        metadata = await self._discovered()
        if not secrets.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise AuthenticationError("this answer is to another sign-in")
        named = answer.get("iss")
        if named != self._options.issuer and (
            named is not None or metadata.get("authorization_response_iss_parameter_supported")
        ):
            raise AuthenticationError("this answer is another provider's")
        if "code" not in answer:
            raise AuthenticationError("the provider did not sign anybody in")
        form = {
            "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        secret = self._options.client_secret
        if secret is None:
            form["client_id"] = self._options.client_id
        basic = None if secret is None else httpx.BasicAuth(self._options.client_id, secret.get_secret_value())
        try:
            got = await self._client.post(metadata["token_endpoint"], data=form, auth=basic or httpx.USE_CLIENT_DEFAULT)
            token = got.json().get("id_token") if got.status_code == 200 else None
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            raise ProviderError(f"the provider's token endpoint cannot be used: {type(error).__name__}") from None
        if not isinstance(token, str):
            raise AuthenticationError("the provider did not take the code")
        claims = await self._verified(token, self._options.client_id)
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not secrets.compare_digest(nonce.encode(), flow.nonce.encode()):
            raise AuthenticationError("this ID token is of another sign-in")
        if self._options.acr and claims.get("acr") != self._options.acr:
            raise AuthenticationError("the provider did not give the assurance that is demanded")
        return claims

    async def verified_bearer(self, token: str) -> Mapping[str, Any]:
        """The claims of a machine's access token in JWT form (RFC 9068). Raises AuthenticationError, ProviderError."""
        return await self._verified(token, self._options.api_audience, kind="at+jwt")

    async def _verified(self, token: str, audience: str, kind: str = "JWT") -> Mapping[str, Any]:
        """Claims of a token of this issuer for this audience that has not expired."""
        await self._discovered()
        checks = jwt.JWTClaimsRegistry(
            now=int(self._now()), leeway=LEEWAY_S, iss={"essential": True, "value": self._options.issuer},
            aud={"essential": True, "value": audience}, sub={"essential": True}, exp={"essential": True},
            iat={"essential": True},
        )
        try:
            decoded = jwt.decode(token, await self._keys_for(token), algorithms=ALGORITHMS)
            checks.validate(decoded.claims)
        except (JoseError, ValueError):
            raise AuthenticationError("this token is not the provider's, not for us, or has expired") from None
        claims = decoded.claims
        given = str(decoded.header.get("typ", "JWT")).lower().removeprefix("application/")
        # With several audiences the token must name this client as the one it was given to.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if given != kind.lower() or (kind == "JWT" and claims.get("azp", None if several else audience) != audience):
            raise AuthenticationError("this token was not made for this purpose")
        return claims

    async def _keys_for(self, token: str) -> KeySet:
        """Keys that hold the token's one, read anew once if they do not: providers rotate theirs."""
        kid = _kid(token)
        is_new = kid is not None and all(key.kid != kid for key in self._keys.keys)
        if is_new and self._now() - self._read_at > REFRESH_S:
            await self._read()
        return self._keys

    async def _discovered(self) -> Mapping[str, Any]:
        if self._now() - self._read_at > FRESH_S:
            await self._read()
        return self._metadata

    async def _read(self) -> None:
        issuer = self._options.issuer
        try:
            answer = await self._client.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            metadata = answer.raise_for_status().json()
            if metadata["issuer"] != issuer:
                raise ProviderError("the provider's discovery document is of another issuer")
            keys = (await self._client.get(metadata["jwks_uri"])).raise_for_status().json()
            self._keys = KeySet.import_key_set(keys)
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError(f"the provider's configuration cannot be read: {type(error).__name__}") from None
        self._metadata, self._read_at = metadata, self._now()


def _kid(token: str) -> str | None:
    try:
        part = token.split(".", 1)[0]
        header = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        return str(json.loads(header)["kid"])
    except (ValueError, KeyError, TypeError):
        return None


def roles_of(claims: Mapping[str, Any], options: OidcOptions) -> frozenset[str]:
    """Roles that a token's claims give by the map in the settings."""
    values = claims.get(options.roles_claim)
    words = values.split() if isinstance(values, str) else values if isinstance(values, list) else []
    return frozenset(options.roles[word] for word in words if isinstance(word, str) and word in options.roles)
