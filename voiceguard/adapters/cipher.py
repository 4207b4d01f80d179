"""The cipher of customers' data: it encrypts with the newest of its keys, and decrypts with any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class RotatingCipher:
    """Fernet under several keys, which `take` changes while it is in use."""

    def __init__(self, keys: Sequence[bytes], look_again: Callable[[], bool] = lambda: False) -> None:
        """`keys`: the newest first. `look_again`: called when no key fits; whether it took new ones.

        Raises ValueError for what is no key, and for none.
        """
        self._look_again = look_again
        self.take(keys)

    def take(self, keys: Sequence[bytes]) -> None:
        """Use these keys, the newest first. Raises ValueError as the constructor."""
        all_keys = [Fernet(key) for key in keys]
        self._all = MultiFernet(all_keys)
        self._newest = all_keys[0]
        self.count = len(keys)

    def encrypt(self, msg: bytes) -> bytes:
        """Encrypt with the newest key."""
        return self._newest.encrypt(msg)

    def decrypt(self, token: bytes, ttl: int | None = None) -> bytes:
        """What was encrypted with any of the keys, and at most `ttl` seconds ago. Raises InvalidToken."""
        try:
            return self._all.decrypt(token, ttl)
        except InvalidToken:
            if not self._look_again():
                raise
        return self._all.decrypt(token, ttl)

    def is_newest(self, token: bytes) -> bool:
        """Whether the newest key alone decrypts this."""
        try:
            self._newest.decrypt(token)
        except InvalidToken:
            return False
        return True
