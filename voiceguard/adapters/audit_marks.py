"""Files of marks: the newest one beside the keys, and an optional witness elsewhere that only grows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from voiceguard.adapters import private_files
from voiceguard.audit.checkpoint import Mark, SignedMark, mark_bytes, read_mark
from voiceguard.errors import ConfigurationError

_LAST_BYTES: Final = 4096
"""More than a line of a witness has."""


class NotAMark(ConfigurationError):
    """A file of marks holds something else."""


class ForeignMark(NotAMark):
    """A mark has a signature that is not this service's own."""


class Marks:
    """The mark in a data folder, and the marks in a witness's file."""

    FILE: ClassVar[str] = "audit-mark.json"
    """In the data folder."""

    def __init__(
        self, folder: Path, sign: Callable[[bytes], str], verify: Callable[[bytes, str], bool],
        witness: Path | None = None,
    ) -> None:
        """`witness`: a file on another machine or medium, to which every mark is added."""
        self.path = folder / self.FILE
        self.witness = witness
        self._sign = sign
        self._verify = verify

    def newest(self) -> Mark | None:
        """The mark in the data folder; None when there is none. Raises NotAMark, ForeignMark, ConfigurationError."""
        try:
            line = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from None
        return self._checked(line, self.path)

    def witnessed(self) -> Mark | None:
        """The last mark of the witness's file; None when there is no such file yet. Raises as `newest`."""
        if self.witness is None:
            return None
        try:
            with self.witness.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{self.witness} cannot be read: {error.strerror}") from None
        return self._checked(lines[-1], self.witness) if lines else None

    def read(self, path: Path) -> Iterator[Mark]:
        """Every mark in a file of one line each. Raises as `newest`."""
        try:
            with path.open("rb") as file:
                for line in file:
                    yield self._checked(line, path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None

    def keep(self, mark: Mark, *, instead: bool = False) -> bool:
        """Keep a mark in the data folder, and add it to the witness's file; False for one that is not newer.

        `instead`: in the place of a newer one, once a restore was accepted. Raises OSError, NotAMark.
        """
        with private_files.locked(self.path.parent):  # a command and the service may both have signed a checkpoint
            before = None if instead else self.newest()
            if before is not None and before.number >= mark.number:
                return False
            line = self.line(mark)
            private_files.replace(self.path, line.encode())
            if self.witness is not None:
                add_line(self.witness, line)
        return True

    def line(self, mark: Mark) -> str:
        """The mark with a signature, as a line of a file."""
        return SignedMark(mark, self._sign(mark_bytes(mark))).as_line() + "\n"

    def _checked(self, line: bytes, path: Path) -> Mark:
        try:
            signed = read_mark(line)
        except ValueError as error:
            raise NotAMark(f"{path}: {error}") from None
        if not self._verify(signed.signed, signed.signature):
            raise ForeignMark(f"{path}: the signature of checkpoint {signed.mark.number} is not this service's own")
        return signed.mark


def add_line(path: Path, line: str) -> None:
    """Put a line on the end of a file, which is made if need be, and have the disk keep it. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
