"""The table of who may do what, by itself; test_auth walks it on a running service."""

from __future__ import annotations

import pytest

from voiceguard.server.access.rules import NOBODY, PEOPLE, PUBLIC, ROUTES, SCOPES, Role, may


def test_no_person_ever_enters_a_code_or_spends_a_grant() -> None:
    """What stands between a caller and the money is for machines and the caller alone."""
    for route in (
        ("POST", "/v1/actions/{action_id}/otp"), ("POST", "/v1/grants/redeem"), ("GET", "/v1/actions/{action_id}"),
    ):
        assert frozenset({Role.PLATFORM}) == ROUTES[route].roles


def test_the_admin_sees_no_call() -> None:
    """Who runs the service reads nothing of what is said on it."""
    assert [] == [path for (_, path), rule in ROUTES.items() if Role.ADMIN in rule.roles and "call" in path]


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_work(role: Role) -> None:
    """A role that opens nothing would be a riddle."""
    assert [] != [route for route, rule in ROUTES.items() if role in rule.roles]


def test_without_a_line_nobody_passes() -> None:
    """Not with every scope, nor with every role."""
    assert not may(NOBODY, SCOPES, tuple(Role))
    assert may(PUBLIC, (), ())
    assert Role.PLATFORM not in PEOPLE
