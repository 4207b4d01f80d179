"""The compliance report on a real data folder."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.commands import mistake, run
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.settings import Settings


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    """A folder with a key that never expires, and one note."""
    settings = Settings(data_dir=tmp_path / "data")

    async def fill() -> None:
        async with Store.open(settings.store_url, cipher=Keys.open(settings.data_dir).cipher) as store:
            await store.api_keys.create("platform", ("actions",), by="ann", now=1.0)

    asyncio.run(fill())
    return settings


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    return {one["article"]: one for one in json.loads(capsys.readouterr().out)["requirements"]}


def test_report_measures_the_installation_and_exits_1_where_one_is_not_met(
    installation: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key without an end, 15 minutes of idleness that are 30, and an audit that is whole."""
    assert 1 == run("compliance", "report", "--pack", "pci-dss", "--format", "json")

    found = _json(capsys)
    assert ("not met", ["NOT: 1 of 1 keys never expire"]) == (found["8.6.3"]["status"], found["8.6.3"]["measured"])
    assert "not met" == found["8.2.8"]["status"]
    assert "met" == found["3.3.1"]["status"]
    assert "operator" == found["10.6"]["status"]


def test_report_pack_in_force_makes_its_settings_met(
    installation: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting `packs` both changes the configuration and names what is reported."""
    monkeypatch.setenv("VOICEGUARD_PACKS", '["pci-dss"]')
    run("compliance", "report", "--format", "json")

    assert "met" == _json(capsys)["8.2.8"]["status"]


def test_report_changed_record_is_not_met(installation: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The audit is verified at each report."""
    with closing(sqlite3.connect(installation.data_dir / "voiceguard.db")) as database, database:
        database.execute("UPDATE audit_events SET record = replace(record, 'ann', 'bob') WHERE seq = 1")

    assert 1 == run("compliance", "report", "--pack", "pci-dss", "--format", "json")
    assert "not met" == _json(capsys)["10.2 and 10.3"]["status"]


def test_report_text_and_page_name_every_requirement(
    installation: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """An auditor reads article, control, evidence; the page needs nothing from elsewhere."""
    run("compliance", "report", "--pack", "gdpr", "--pack", "pci-dss")
    text = capsys.readouterr().out
    run("compliance", "report", "--pack", "gdpr", "--pack", "pci-dss", "--format", "html")
    page = capsys.readouterr().out

    for article in ("Article 5(1)(e)", "Article 22", "8.2.8", "10.5.1"):
        assert article in text and article in page
    assert "certifies nothing" in text and "certifies nothing" in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert max(len(line) for line in text.splitlines()) <= 170


def test_report_without_packs_or_folder_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made where nothing is."""
    assert 2 == run("compliance", "report")
    assert "no pack is in force" in mistake(capsys)
    assert 2 == run("compliance", "report", "--pack", "gdpr")
    assert "nothing" in mistake(capsys)
