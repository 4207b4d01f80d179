"""A provider's tokens and answers, good and spoilt; tests/server/access/test_oidc.py meets a real provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from voiceguard.adapters.oidc import REFRESH_S, Flow, Provider, ProviderError, roles_of
from voiceguard.errors import AuthenticationError
from voiceguard.settings import OidcOptions

ISSUER, CLIENT, NOW = "https://id.example.com", "voiceguard", 1_800_000_000
CALLBACK = "https://vg.example.com/v1/oidc/callback"
KEY, OTHER = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("one", "two"))


@dataclass
class Remote:
    """What the provider serves."""

    token: str = ""
    keys: list[Any] = field(default_factory=lambda: [KEY])
    metadata: dict[str, Any] = field(default_factory=dict)
    reads: int = 0
    posted: dict[str, str] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request of ours."""
        match request.url.path:
            case "/.well-known/openid-configuration":
                self.reads += 1
                return httpx.Response(200, json={
                    "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize", "jwks_uri": f"{ISSUER}/keys",
                    "token_endpoint": f"{ISSUER}/token", **self.metadata,
                })
            case "/keys":
                return httpx.Response(200, json=KeySet(self.keys).as_dict(private=False))
            case _:
                self.posted = dict(httpx.QueryParams(request.content.decode()))
                return httpx.Response(200, json={"id_token": self.token})


def token(flow: Flow, key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """An ID token of this provider; None leaves a claim out."""
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "nonce": flow.nonce, "iat": NOW, "exp": NOW + 60} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": key.kid, **(header or {})}, kept, key, algorithms=["ES256", "HS256"])


def redeemed(
    make: Callable[[Flow], str], *, remote: Remote | None = None, answer: dict[str, str] | None = None, **options: Any
) -> Any:
    """The claims that this ID token gives."""
    flow, remote = Flow(), remote or Remote()
    remote.token = make(flow)

    async def run() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(remote.answer)) as client:
            provider = Provider(OidcOptions(issuer=ISSUER, client_id=CLIENT, **options), client, lambda: NOW)
            return await provider.redeem({"code": "c", "state": flow.state, **(answer or {})}, flow, CALLBACK)

    return asyncio.run(run())


def test_a_whole_answer() -> None:
    """The code goes to the provider with the verifier, and the token's claims come back."""
    remote = Remote()

    assert "1" == redeemed(token, remote=remote)["sub"]
    assert {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"} == remote.posted.keys()


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["another", "third"]}, {"exp": NOW - 61},
     {"exp": None}, {"iat": None}, {"sub": None}, {"nonce": "x"}, {"nonce": None}, {"nonce": 1}, {"azp": "another"},
     {"aud": [CLIENT, "another"]}, {"nbf": NOW + 600}],
    ids=str,
)
def test_claims_that_are_not_ours(changes: dict[str, Any]) -> None:
    """Another issuer's, another client's, another sign-in's, too old or not yet good."""
    with pytest.raises(AuthenticationError):
        redeemed(lambda flow: token(flow, **changes))


def test_several_audiences_name_the_one_it_was_given_to() -> None:
    """OpenID Connect Core section 3.1.3.7."""
    assert "1" == redeemed(lambda flow: token(flow, aud=[CLIENT, "another"], azp=CLIENT))["sub"]


@pytest.mark.parametrize("kind", ["none", "another key", "shared secret", "purpose", "changed", "nonsense"])
def test_signatures_that_are_not_the_providers(kind: str) -> None:
    """Unsigned, signed by somebody else, or with what everybody can read; or a token of another kind."""
    def make(flow: Flow) -> str:
        good = token(flow)
        head, body, signature = good.split(".")
        return {
            "none": "eyJhbGciOiJub25lIn0." + body + ".",
            "another key": token(flow, ECKey.generate_key("P-256", {"kid": "one"})),
            "shared secret": token(flow, OctKey.generate_key(256, {"kid": "one"}), {"alg": "HS256"}),
            "purpose": token(flow, header={"typ": "at+jwt"}), "changed": f"{head}.{body[:-2]}AA.{signature}",
            "nonsense": "x",
        }[kind]

    with pytest.raises(AuthenticationError):
        redeemed(make)


@pytest.mark.parametrize("answer", [{"state": "x"}, {"iss": "https://evil.example"}, {"state": ""}])
def test_answers_to_somebody_else(answer: dict[str, str]) -> None:
    """Before any code is spent."""
    remote = Remote()
    with pytest.raises(AuthenticationError):
        redeemed(token, remote=remote, answer=answer)
    assert {} == remote.posted


def test_a_provider_that_names_itself_must() -> None:
    """RFC 9207: one that says it always does is not believed without."""
    with pytest.raises(AuthenticationError):
        redeemed(token, remote=Remote(metadata={"authorization_response_iss_parameter_supported": True}))


def test_assurance() -> None:
    """What the settings demand has to be in the token."""
    assert "1" == redeemed(lambda flow: token(flow, acr="mfa"), acr="mfa")["sub"]
    with pytest.raises(AuthenticationError):
        redeemed(lambda flow: token(flow, acr="pwd"), acr="mfa")


@pytest.mark.parametrize("metadata", [{"issuer": "https://evil.example"}, {"jwks_uri": 1}])
def test_a_configuration_that_is_not_its_own(metadata: dict[str, Any]) -> None:
    """Is no configuration at all."""
    with pytest.raises(ProviderError):
        redeemed(token, remote=Remote(metadata=metadata))


def test_rotated_keys_are_read_anew_and_not_too_often() -> None:
    """A key that is not known yet is looked for, but strangers cannot make us ask at every token."""
    remote, clock = Remote(), [float(NOW)]

    async def run() -> list[bool]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(remote.answer)) as client:
            options = OidcOptions(issuer=ISSUER, client_id=CLIENT, api_audience="api")
            provider = Provider(options, client, lambda: clock[0])
            found = []

            async def check(key: Any) -> None:
                try:
                    await provider.verified_bearer(token(Flow(), key, {"typ": "at+jwt"}, aud="api"))
                    found.append(True)
                except AuthenticationError:
                    found.append(False)

            await check(KEY)
            remote.keys = [KEY, OTHER]
            await check(OTHER)
            clock[0] += REFRESH_S + 1
            await check(OTHER)
            return found

    assert [True, False, True] == asyncio.run(run())
    assert 2 == remote.reads


@pytest.mark.parametrize(
    ("claims", "roles"),
    [({"groups": ["desk", "other"]}, {"agent"}), ({"groups": "desk boss"}, {"agent", "supervisor"}), ({}, set()),
     ({"groups": None}, set()), ({"groups": [1, {}, "desk"]}, {"agent"}), ({"groups": 7}, set())],
)
def test_roles_of_claims(claims: dict[str, Any], roles: set[str]) -> None:
    """By the map in the settings: a list or words; anything else gives none."""
    options = OidcOptions(roles={"desk": "agent", "boss": "supervisor"})

    assert roles == roles_of(claims, options)
