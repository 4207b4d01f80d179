"""The cipher of customers' data under several keys."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, InvalidToken

from voiceguard.adapters.cipher import RotatingCipher

OLD, NEW, FOREIGN = (Fernet.generate_key() for _ in range(3))


def test_decrypt_takes_every_key_and_encrypt_the_newest() -> None:
    """What the old key encrypted stays readable; what is written now needs the new one."""
    cipher = RotatingCipher([NEW, OLD])
    old, new = Fernet(OLD).encrypt(b"x"), cipher.encrypt(b"y")

    assert (b"x", b"y", b"y") == (cipher.decrypt(old), cipher.decrypt(new), Fernet(NEW).decrypt(new))
    assert (False, True) == (cipher.is_newest(old), cipher.is_newest(new))


@pytest.mark.parametrize("key", [OLD, NEW], ids=["old", "new"])
def test_decrypt_refuses_a_message_of_either_key_that_is_too_old(key: bytes) -> None:
    """Messages between workers have a time limit whichever key they are under."""
    cipher = RotatingCipher([NEW, OLD])

    assert b"m" == cipher.decrypt(Fernet(key).encrypt(b"m"), ttl=60)
    with pytest.raises(InvalidToken):
        cipher.decrypt(Fernet(key).encrypt_at_time(b"m", 1000), ttl=60)


def test_decrypt_looks_for_a_new_key_before_it_fails() -> None:
    """A worker that has not heard of the rotation reads what another one wrote after it; a foreign key stays foreign.
    """
    def look() -> bool:
        cipher.take([NEW, OLD])
        return True

    cipher = RotatingCipher([OLD], look)

    assert b"m" == cipher.decrypt(Fernet(NEW).encrypt(b"m"), ttl=60)
    with pytest.raises(InvalidToken):
        cipher.decrypt(Fernet(FOREIGN).encrypt(b"m"))


@pytest.mark.parametrize("keys", [[], [b""], [NEW[:20]]])
def test_no_key_is_refused(keys: list[bytes]) -> None:
    """A cut-off key, and none at all."""
    with pytest.raises((ValueError, IndexError)):
        RotatingCipher(keys)
