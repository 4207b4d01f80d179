"""The command of outcomes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.adapters.store.helpers import STARTED
from tests.cli.commands import mistake, run
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.settings import Settings


async def _calls() -> None:
    settings = Settings()
    async with Store.open(settings.store_url, Keys.open(settings.data_dir).cipher) as store:
        for number in range(3):
            call_id = f"call-{number}"
            await store.calls.append(call_id, [STARTED | {"call_id": call_id, "at": time.time() - 60}])


def test_outcomes_prints_rates_changes_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Small numbers say that they are."""
    asyncio.run(_calls())
    assert run("outcomes", "--since", "7d") == 0
    said = capsys.readouterr().out
    assert said.startswith("all: 3 calls, 0 found genuine, 0 fraud;")
    assert "challenges per 1,000 calls: 0 (0 to 561), small numbers: 0 of 3" in said
    assert run("outcomes", "--by", "day", "--json", "--change", "2026-01-01") == 0
    assert json.loads(capsys.readouterr().out)["groups"][0]["counts"]["calls"] == 3


def test_outcomes_without_a_database_makes_none(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    assert run("outcomes") == 2
    mistake(capsys)
    assert not Settings().data_dir.exists()
