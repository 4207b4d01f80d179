"""Passwords with the real hash."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher

from voiceguard.adapters.passwords import Passwords, normalised


def test_right_wrong_and_nobodys() -> None:
    """The hash is argon2id of the recommended strength, salted; a password that nobody has matches nothing."""
    async def run() -> tuple[str, str, list[bool]]:
        passwords = Passwords()
        kept, again = await passwords.hash("seven quiet herons"), await passwords.hash("seven quiet herons")
        asked = [(kept, "seven quiet herons"), (kept, "seven quiet heron"), (None, "nobody has this password"),
                 ("no hash", "x")]
        return kept, again, [await passwords.matches(word, known) for known, word in asked]

    kept, again, matched = asyncio.run(run())
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != again
    assert [True, False, False, False] == matched


def test_old_parameters_are_noticed() -> None:
    """So that the next sign-in can hash anew."""
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("seven quiet herons")

    assert Passwords().is_stale(weak)
    assert not Passwords().is_stale(Passwords().hasher.hash("seven quiet herons"))


def test_one_password_typed_on_two_systems() -> None:
    """Letters that one system composes and another does not are the same."""
    assert normalised("u\u0308ber") == normalised("\u00fcber")
