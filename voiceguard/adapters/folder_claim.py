"""One service at a time on a data folder: a second one would not see the first one's live calls."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voiceguard.errors import ConfigurationError

NAME = "serve.lock"
"""The file in the folder; whoever holds its lock serves, and the system takes the lock from a process that dies."""


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold the folder. Raises ConfigurationError while another process, or another service of this one, does."""
    try:
        descriptor = os.open(data_dir / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{data_dir / NAME} cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another process serves {data_dir.absolute()}: stop it, or give this one its own data_dir "
                "(several share one installation by redis_url)"
            ) from None
        yield
    finally:
        os.close(descriptor)
