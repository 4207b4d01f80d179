"""The list of settings is whole, its page is the shipped one, and misspelt variables are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiceguard.settings import Settings
from voiceguard.settings.catalogue import as_markdown, catalogue, unknown_variables

ROOT = Path(__file__).parents[2]


def test_catalogue_names_every_setting_with_its_meaning() -> None:
    settings = catalogue()
    assert set(Settings.model_fields) == {setting.name.split(".")[0] for setting in settings}
    assert [] == [setting.name for setting in settings if not setting.meaning]
    assert "VOICEGUARD_RISK__PRIOR" in {setting.variable for setting in settings}


def test_page_of_settings_is_what_the_command_prints() -> None:
    assert as_markdown() == (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "words"), [
    ("VOICEGUARD_PRT", "VOICEGUARD_PRT is no setting; did you mean VOICEGUARD_PORT?"),
    ("VOICEGUARD_RISK__PRIR", "VOICEGUARD_RISK__PRIR is no setting; did you mean VOICEGUARD_RISK__PRIOR?"),
    ("VOICEGUARD_ZZZZZZZZZZ", "VOICEGUARD_ZZZZZZZZZZ is no setting"),
    ("VOICEGUARD_RISK__PRIOR__X", "VOICEGUARD_RISK__PRIOR__X is no setting; did you mean VOICEGUARD_RISK__PRIOR?"),
])
def test_misspelt_variable_is_named_with_the_nearest_setting(name: str, words: str) -> None:
    assert [words] == unknown_variables([name])


@pytest.mark.parametrize("name", [
    "PATH", "VOICEGUARD_PORT", "voiceguard_port", "VOICEGUARD_RISK", "VOICEGUARD_RISK__PRIOR", "VOICEGUARD_API_KEY",
    "VOICEGUARD_TWILIO__SHARED_KEYS__KEY1", "VOICEGUARD_OIDC__ROLES__STAFF", "VOICEGUARD_TENANTS__TWILIO",
])
def test_variable_of_a_setting_or_of_somebody_else_is_no_fault(name: str) -> None:
    assert [] == unknown_variables([name])
