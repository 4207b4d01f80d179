"""What is measured for a requirement, and when it is met."""

from __future__ import annotations

import dataclasses

import pytest

from tests.privacy.test_regions import HEAD, POLICY
from voiceguard.errors import ConfigurationError
from voiceguard.privacy.evidence import MEASURES, Facts, check_measures, findings
from voiceguard.privacy.regions import Pack, read_pack

COUNTS = dict.fromkeys((
    "overdue", "held", "decisions", "handed_over", "by_person", "grants", "grants_redeemed", "consents_in_force",
    "consents_withdrawn", "voiceprints", "voiceprints_without_consent", "ended_voices", "ended_voices_kept", "people",
    "people_without_second_factor", "people_with_password", "people_unused", "keys", "keys_for_ever", "keys_unused",
    "keys_cut", "assistants", "holds", "secrets", "secrets_in_clear",
), 0)
FACTS = Facts(
    {"desk.session_idle_s": 1800.0, "audit.witness_file": "marks", "tls.certificate": None, "host": "127.0.0.1",
     "clear_text_beyond_loopback": False, "public_origin": None, "linking.legal_basis": ""},
    POLICY, "abc", frozenset({"card"}), {"stream": True},
    {"faults": 0, "calls": 1, "records": 2, "checkpoints": 1, "newest": "1 of today"}, COUNTS,
)


def _asks(*evidence: str, body: str = "") -> Pack:
    names = ", ".join(f'"{name}"' for name in evidence)
    requirement = f'\n[[requirement]]\narticle = "1"\nasks = "a"\ncontrol = "c"\nevidence = [{names}]\n'
    return read_pack(HEAD.format("one") + body + requirement, "one.toml")


def _status(facts: Facts, *evidence: str, body: str = "") -> tuple[str, str]:
    (found,) = findings([_asks(*evidence, body=body)], facts)
    return found.status, found.measured[0]


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_findings_of_an_installation_in_order_are_met(name: str) -> None:
    """Every measure has a text, and is met where nothing is wrong."""
    status, text = _status(FACTS, name)

    assert "met" == status and text and "{" not in text


@pytest.mark.parametrize(("name", "count"), [
    ("retention_done", "overdue"), ("voiceprints_consented", "voiceprints_without_consent"),
    ("voices_erased", "ended_voices_kept"), ("second_factor", "people_without_second_factor"),
    ("guesses", "people_with_password"), ("people_used", "people_unused"), ("keys_expire", "keys_for_ever"),
    ("keys_used", "keys_unused"), ("secrets_sealed", "secrets_in_clear"),
])
def test_findings_count_that_should_be_zero_is_not_met(name: str, count: str) -> None:
    """The number is told."""
    status, text = _status(dataclasses.replace(FACTS, counts={**COUNTS, count: 7}), name)

    assert "not met" == status
    assert text.startswith("NOT: 7 ")


@pytest.mark.parametrize(("name", "facts"), [
    ("audit_whole", dataclasses.replace(FACTS, audit={**FACTS.audit, "faults": 1})),
    ("witness", dataclasses.replace(FACTS, settings={**FACTS.settings, "audit.witness_file": None})),
    ("models_known", dataclasses.replace(FACTS, models={"stream": False})),
    ("models_known", dataclasses.replace(FACTS, models={})),
    ("in_transit", dataclasses.replace(FACTS, settings={**FACTS.settings, "clear_text_beyond_loopback": True})),
    ("people_decide", dataclasses.replace(FACTS, policy=dataclasses.replace(POLICY, tiers={"m": [{"otp"}]}))),
    ("factors", dataclasses.replace(FACTS, policy=dataclasses.replace(POLICY, tiers={"m": [{"voice"}]}))),
])
def test_findings_fact_that_is_wrong_is_not_met(name: str, facts: Facts) -> None:
    """One wrong fact is enough."""
    assert "not met" == _status(facts, name)[0]


def test_findings_own_demands_are_measured() -> None:
    """Settings, numbers and tiers of the policy, masking."""
    body = ('[settings]\n"desk.session_idle_s" = {most = 900}\n[masking]\nkinds = ["card", "name"]\n'
            '[policy]\nnumbers = {"challenge.tries" = {most = 5}}\nguarded = ["open"]\ntwo_people = ["money"]')
    names = ("setting desk.session_idle_s", "policy challenge.tries", "masking", "guarded", "two people")

    (found,) = findings([_asks(*names, body=body)], FACTS)

    assert "not met" == found.status
    assert (
        "NOT: desk.session_idle_s is 1800 (demanded: at most 900)",
        "policy abc: challenge.tries is 3 (demanded: at most 5)", "NOT: examples of name were not masked",
        "NOT: policy abc: tiers open demand nothing", "NOT: policy abc: tiers money are allowed by one person",
    ) == found.measured


@pytest.mark.parametrize("name", ["nothing_such", "setting host", "policy challenge.tries"])
def test_check_measures_evidence_that_nothing_measures_is_refused(name: str) -> None:
    """A demand of another pack is none of this one."""
    with pytest.raises(ConfigurationError, match=r"pack one: requirement\[0\].evidence: nothing measures"):
        check_measures(_asks(name))
