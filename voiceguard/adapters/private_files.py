"""Files that their owner alone may read: made once, or replaced whole, so that nobody ever reads half of one."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from voiceguard.errors import ConfigurationError


def read(path: Path) -> bytes:
    """The file's content. Raises OSError, and ConfigurationError for a file that others may read or change."""
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ConfigurationError(f"{path} may be read by others: take their rights away (chmod 600)")
        return file.read()


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content, after it was made where there was none: of processes that make it at once the first wins.

    Raises as `read`.
    """
    try:
        return read(path)
    except FileNotFoundError:
        pass
    with _draft(path, make()) as draft, suppress(FileExistsError):
        os.link(draft, path)
    return read(path)


def replace(path: Path, content: bytes) -> None:
    """Put this content in the file's place, at once and for good. Raises OSError."""
    with _draft(path, content) as draft:
        draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes that change its files by this module."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
