"""Commands of outcomes [contract]: do the controls help?"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from voiceguard.cli.shared import iso_time, new_command, read_settings, read_store, take_config
from voiceguard.measures import outcomes

DAY_S = 86400.0
BY = ("all", "policy", "action", "language", "line", "segment", "region", "day")


def add(commands: Any) -> None:
    """The commands of this module."""
    command = new_command(commands, "outcomes", _outcomes, "do the controls stop fraud, and what do callers bear?")
    command.add_argument("--since", type=_days, default=30.0, metavar="DAYSd", help="how far back, such as 30d")
    command.add_argument("--by", choices=BY, default="all", help="what calls are told apart by")
    command.add_argument(
        "--change", type=iso_time, metavar="TIME", help="compare what came since then with as long a time before"
    )
    command.add_argument("--json", action="store_true")
    take_config(command)


def _days(text: str) -> float:
    days = float(text.removesuffix("d"))
    if not 0.0 < days <= 3650.0:
        raise argparse.ArgumentTypeError("days such as 30d are expected")
    return days


def _outcomes(options: argparse.Namespace) -> bool:
    settings, now = read_settings(options), time.time()

    async def read(store: Any) -> tuple[Mapping[str, outcomes.Counts], list[outcomes.Change]]:
        found = await store.outcomes.counts(now - DAY_S * options.since, now, options.by, now=now)
        if options.change is None:
            return found, []
        spans = (2 * options.change - now, options.change), (options.change, now)
        before, after = [(await store.outcomes.counts(*span, now=now)).get("all", outcomes.Counts()) for span in spans]
        return found, outcomes.compare(before, after)

    found, changes = asyncio.run(read_store(settings, read))
    warned = [] if options.by in ("all", "policy", "action", "day") else [
        one.text for one in outcomes.unequal({name: counts for name, counts in found.items() if name})
    ]
    if options.json:
        print(json.dumps({
            "groups": [{
                "group": name, "counts": asdict(counts), "cost": outcomes.cost(counts, settings.costs),
                "rates": {measure: asdict(rate) for measure, rate in outcomes.rates(counts).items()},
            } for name, counts in found.items()],
            "changes": [asdict(change) for change in changes], "unequal": warned,
        }, indent=1))
        return True
    for name, counts in found.items():
        print(f"{_named(name, options.by)}: {counts.calls} calls, {counts.genuine} found genuine, "
              f"{counts.fraud} fraud; review {counts.review_s / 3600:.1f} h, added {counts.added_s / 3600:.1f} h, "
              f"cost {outcomes.cost(counts, settings.costs):.2f}")
        for measure, rate in outcomes.rates(counts).items():
            print(f"  {outcomes.MEASURES[measure][2]}: {_shown(rate)}")
    for line in (*(change.text for change in changes), *warned):
        print(line)
    if not found:
        print("no calls in this time")
    return True


def _named(name: str, by: str) -> str:
    if by == "day":
        return datetime.fromtimestamp(int(name) * DAY_S, UTC).date().isoformat()
    return name or "(none)"


def _shown(rate: outcomes.Rate) -> str:
    if rate.per_1000 is None:
        return "no such calls"
    small = f", small numbers: {rate.count} of {rate.of}" if rate.is_small else ""
    return f"{rate.per_1000:.0f} ({rate.low:.0f} to {rate.high:.0f}){small}"
