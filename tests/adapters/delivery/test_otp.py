"""Tests of voiceguard.adapters.delivery.otp, against a real local HTTP server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest

from tests.adapters.delivery.receivers import Receiver, receiving
from voiceguard.adapters.delivery import webhook
from voiceguard.adapters.delivery.otp import ConsoleDelivery, WebhookDelivery
from voiceguard.errors import ConfigurationError, VoiceguardError
from voiceguard.events import CodeToDeliver

CODE = CodeToDeliver("action-1", "customer-1", "refund", "482913", 1300.5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def deliver(url: str, secret: str = "shared") -> None:
    """One delivery."""
    async def run() -> None:
        delivery = WebhookDelivery(url, secret, now=lambda: 1000.9)
        try:
            await delivery.deliver(CODE)
        finally:
            await delivery.aclose()

    asyncio.run(run())


def test_console_writes_the_code() -> None:
    """The operator of a demonstration reads customer, action and code in one line."""
    lines: list[str] = []
    asyncio.run(ConsoleDelivery(lines.append).deliver(CODE))

    assert lines == ["one-time code for customer-1, refund: 482913"]


def test_webhook_posts_a_signed_body(receiver: Receiver) -> None:
    """The receiver gets the code with a signature over the timestamp and the very bytes of the body."""
    deliver(receiver.url)
    [(path, headers, body)] = receiver.received

    assert path == "/codes?tenant=1"
    assert json.loads(body) == {
        "customer_ref": "customer-1", "action": "refund", "action_id": "action-1", "code": "482913",
        "expires_at": 1300.5,
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Voiceguard-Timestamp"] == "1000"
    expected = hmac.new(b"shared", b"1000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Voiceguard-Signature"] == f"v1={expected}"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_refusal_is_an_error_without_the_code(receiver: Receiver, status: int) -> None:
    """A code that the webhook did not take was not delivered."""
    receiver.status = status

    with pytest.raises(VoiceguardError) as refusal:
        deliver(receiver.url)
    assert str(refusal.value) == f"the code was not delivered: the webhook answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    """The code goes to the configured address and to no other."""
    receiver.status, receiver.location = status, "/elsewhere"

    with pytest.raises(VoiceguardError):
        deliver(receiver.url)
    assert [path for path, _, _ in receiver.received] == ["/codes?tenant=1"]


def test_silence_times_out(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that takes the code and never answers is an error."""
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.05)
    receiver.release.clear()

    with pytest.raises(VoiceguardError) as fault:
        deliver(receiver.url)
    assert str(fault.value) == "the code was not delivered: TimeoutError"


def test_nobody_there_is_an_error() -> None:
    """A refused connection is told as such, without code or address."""
    with pytest.raises(VoiceguardError) as fault:
        deliver("http://127.0.0.1:1/codes")
    assert str(fault.value) == "the code was not delivered: ConnectError"


@pytest.mark.parametrize(
    "url", ["http://example.com/codes", "ftp://127.0.0.1/", "https://", "codes", "", "http://10.0.0.1/", "http://[::"]
)
def test_unsafe_address_is_refused(url: str) -> None:
    """Codes cross no network in the clear."""
    with pytest.raises(ConfigurationError):
        WebhookDelivery(url, "shared")


@pytest.mark.parametrize("url", ["https://example.com/codes", "http://localhost:1/", "http://[::1]:1/"])
def test_safe_address_is_taken(url: str) -> None:
    """https anywhere, and http inside this machine."""
    asyncio.run(WebhookDelivery(url, "shared").aclose())


def test_secret_is_needed() -> None:
    """An empty secret signs nothing."""
    with pytest.raises(ConfigurationError):
        WebhookDelivery("https://example.com/codes", "")
