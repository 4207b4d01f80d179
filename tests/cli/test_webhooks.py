"""The commands of subscribers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.delivery.receivers import receiving
from tests.cli.commands import mistake, run


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOWED_HOSTS", "PRIVATE_HOSTS"):
        monkeypatch.setenv(f"VOICEGUARD_WEBHOOKS__{name}", '["127.0.0.1"]')


def test_webhooks_add_test_list_and_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From one end to the other, with a receiver that refuses first."""
    with receiving() as receiver:
        receiver.before = [500]
        assert run("webhooks", "add", receiver.url, "--event", "call.ended", "--field", "reason") == 0
        webhook_id, secret = capsys.readouterr().out.split()
        assert secret.startswith("whsec_")
        assert [run("webhooks", "test", webhook_id) for _ in range(2)] == [1, 0]
        said = capsys.readouterr().out
        assert ["answered 500", "answered 204"] == [line.partition(": ")[2] for line in said.splitlines()]
        assert run("webhooks", "list", "--deliveries", webhook_id) == 0
        assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == [204, 500]
        assert run("webhooks", "replay", webhook_id, "--since", "2020-01-01") == 0
        assert capsys.readouterr().out == "2 messages are sent again\n"
        assert run("webhooks", "list") == 0
        assert "2 waiting, 0 delivered, 0 dead" in capsys.readouterr().out
        assert [run("webhooks", "remove", webhook_id) for _ in range(2)] == [0, 1]


def test_webhooks_add_host_that_is_not_allowed_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which setting would allow it."""
    assert run("webhooks", "add", "https://evil.example/", "--event", "call.ended") == 2
    assert "webhooks.allowed_hosts" in mistake(capsys)


def test_webhooks_test_of_an_unknown_one_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """It says so."""
    assert run("webhooks", "test", "wh_none") == 1
    assert "no such webhook" in capsys.readouterr().out
