"""Readiness: a job that does not run any more takes the process out of rotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import on
from tests.server.serving import Served


def test_late_job_makes_the_process_unready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 names the job; without one the process is ready."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        ready = await api.get("/readyz")
        monkeypatch.setattr(served.service.jobs, "late", lambda: ["time-outs"])
        late = await api.get("/readyz")
        return ready.status_code, late.status_code, late.json()["code"], "time-outs" in late.json()["detail"]

    assert (200, 503, "jobs_late", True) == on(tmp_path, use)
