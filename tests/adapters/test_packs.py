"""Region packs on disk, and the settings under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import POLICY
from voiceguard.adapters.packs import EXAMPLES, demand_policy, masked_kinds, packs_named, shipped, under_packs
from voiceguard.adapters.policy_files import read_policy
from voiceguard.errors import ConfigurationError
from voiceguard.policy import load
from voiceguard.settings import Settings


def test_shipped_packs_are_the_nine_and_can_be_read() -> None:
    """Each under its own name, in force by itself with the shipped policy."""
    assert ["bipa", "eu-ai-act", "gdpr", "hipaa", "iso-27001", "pci-dss", "psd2", "rbi", "uk-gdpr"] == shipped()
    assert shipped() == [pack.name for pack in packs_named(shipped())]
    for name in shipped():
        demand_policy(under_packs(Settings(packs=(name,))), read_policy())


def test_under_packs_the_strictest_is_in_force_and_stays_so() -> None:
    """Merging twice is merging once; nothing else changes."""
    settings = Settings(packs=("gdpr", "pci-dss"))

    once = under_packs(settings)

    assert (True, 900.0) == (once.require_consent, once.desk.session_idle_s)
    assert once == under_packs(once)
    assert settings.limits == once.limits


def test_under_packs_contradiction_is_one_line() -> None:
    """Nothing starts with both."""
    with pytest.raises(ConfigurationError, match="^retention.call_days: pack hipaa demands at least 2190, and pack "):
        under_packs(Settings(packs=("gdpr", "hipaa")))


def test_packs_named_own_file_with_a_mistake_is_one_line(tmp_path: Path) -> None:
    """A missing file, a wrong one, and a name that there is not."""
    (tmp_path / "own.toml").write_text('name = "own"\n')
    for name, said in (("nope", "there is no pack 'nope'"), (str(tmp_path / "gone.toml"), "pack gone.toml: No such"),
                       (str(tmp_path / "own.toml"), "pack own.toml: title: Field required")):
        with pytest.raises(ConfigurationError, match=said):
            packs_named([name])


def test_demand_policy_that_a_pack_forbids_is_refused() -> None:
    """Receipts name the policy's hash: it is refused, never changed."""
    lax = load(POLICY.read_text().replace("assurance: [[otp], [human, second_human]]", "assurance: [[otp], [human]]"))

    with pytest.raises(ConfigurationError, match="pack iso-27001: the policy's tier money is allowed by one person"):
        demand_policy(Settings(packs=("iso-27001",)), lax)


def test_masked_kinds_are_those_of_all_examples() -> None:
    """What packs demand is really done."""
    assert set(EXAMPLES) == masked_kinds()
