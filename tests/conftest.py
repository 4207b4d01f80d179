"""For the whole suite: how long an example takes says nothing of whether it is right, and workers compile apart."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# librosa's numba functions are kept on disk; two processes that compile the same one at once break each other's copy.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba" / _worker))
