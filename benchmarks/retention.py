"""How long a sweep of retention takes, and how long a live call's record waits meanwhile.

    python -m benchmarks.retention [--calls 100000] [--records 10]

Makes a SQLite store of that many ended calls in a temporary folder, sweeps all of them as the service's job does, and
has a live call write a record every 20 ms. Prints one line of JSON: `calls`, `sweep_s`, `calls_per_s`, and of the live
call's waits `p50_ms`, `p99_ms`, `max_ms`; of the event loop's pauses `loop_max_ms`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from voiceguard.adapters.store import Store
from voiceguard.adapters.store.tables import audit_events, calls, chain_heads
from voiceguard.audit.chain import genesis, link
from voiceguard.audit.record import canonical
from voiceguard.live.jobs import SWEEP_REST_S
from voiceguard.privacy.retention import RetentionOptions

CHUNK = 1000
LONG_AGO = 1_000_000.0


async def _fill(store: Store, count: int, records: int) -> None:
    body = canonical({"kind": "risk", "at": LONG_AGO, "score": 12, "evidence": [{"source": "synthetic_voice"}] * 3})
    for begin in range(0, count, CHUNK):
        rows: list[dict[str, Any]] = []
        heads, made = [], []
        for number in range(begin, min(begin + CHUNK, count)):
            chain = f"call-{number}"
            previous = genesis(chain)
            for seq in range(records):
                previous = link(previous, body)
                rows.append({"chain": chain, "seq": seq, "record": body, "hash": previous})
            heads.append({"chain": chain, "count": records, "hash": previous})
            ended = {"ended_at": LONG_AGO + 60.0, "end_reason": "stopped"}
            made.append({"call_id": chain, "started_at": LONG_AGO, **ended})
        async with store.database.write("fill") as connection:
            await connection.execute(insert(calls), made)
            await connection.execute(insert(audit_events), rows)
            await connection.execute(insert(chain_heads), heads)


async def _live(store: Store, waits: list[float], pauses: list[float]) -> None:
    now = time.time()
    await store.calls.append("live", [{"kind": "started", "at": now, "call_id": "live", "customer_ref": None}])
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.02)
        pauses.append(time.perf_counter() - began - 0.02)
        began = time.perf_counter()
        await store.calls.append("live", [{"kind": "media", "at": now, "media": "gap", "ms": 20.0}])
        waits.append(time.perf_counter() - began)


async def _run(count: int, records: int, folder: Path) -> dict[str, Any]:
    async with Store.open(f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}") as store:
        await _fill(store, count, records)
        waits: list[float] = []
        pauses: list[float] = []
        live = asyncio.create_task(_live(store, waits, pauses))
        await asyncio.sleep(1.0)
        waits.clear()
        pauses.clear()
        began, swept = time.perf_counter(), 0
        while found := await store.retention.sweep(RetentionOptions(), time.time()):
            swept += found["call"]
            await asyncio.sleep(SWEEP_REST_S)
        took = time.perf_counter() - began
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)
    wait_ms = 1000.0 * np.array(waits)
    return {
        "calls": swept, "records_per_call": records, "sweep_s": round(took, 1), "calls_per_s": round(swept / took),
        "p50_ms": round(float(np.median(wait_ms)), 1), "p99_ms": round(float(np.quantile(wait_ms, 0.99)), 1),
        "max_ms": round(float(wait_ms.max()), 1), "loop_max_ms": round(1000.0 * max(pauses), 1),
    }


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(_run(options.calls, options.records, Path(folder)))))


if __name__ == "__main__":
    main()
