"""What a second policy answers otherwise, in words."""

from __future__ import annotations

import pytest

from tests.policy.asked import POLICY, TEXT
from voiceguard.policy import differences, load


def test_policy_and_itself_do_not_differ() -> None:
    """Comments and other names of rules change no answer."""
    assert [] == differences(POLICY, POLICY)
    assert [] == differences(POLICY, load(TEXT.replace("name: code_needed", "name: needs_code") + "# the end\n"))


@pytest.mark.parametrize(("old", "new", "line"), [
    ("payment: money", "payment: information",
     "payment: deny -> allow in 500 of 960 situations: customer known no"),
    ("  payee_add: money\n", "", "payee_add: step_up -> is unknown in "),
    ("expires_s: 300", "expires_s: 200", "challenge.expires_s: 300 -> 200"),
    ("  grant:\n", "  grant:\n", ""),
    ("credentials:\n    assurance: [[otp], [human]]\n    verify: true",
     "credentials:\n    assurance: [[otp], [human]]\n    verify: false",
     "account_recovery, password_reset, mfa_reset: the second detector is asked no more"),
])
def test_difference_is_said(old: str, new: str, line: str) -> None:
    """Which actions, from what to what, and what the situations have in common."""
    found = differences(POLICY, load(TEXT.replace(old, new, 1)))

    if line.startswith("payment"):
        assert any(one.startswith("payment: step_up -> allow in ") and "assurance none" in one for one in found)
    elif line:
        assert any(one.startswith(line) for one in found)
    else:
        assert [] == found
