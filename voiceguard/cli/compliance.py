"""What region packs ask, and what this installation has to show for it."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from voiceguard.cli.shared import moment, new_command, read_settings, take_config
from voiceguard.errors import ConfigurationError


def add(commands: Any) -> None:
    """The commands of this module."""
    compliance = commands.add_parser("compliance", help="region packs: what they ask and what is measured")
    report = new_command(
        compliance.add_subparsers(required=True), "report", _report,
        "each requirement of the packs: control, evidence measured now, met or not; exit status 1 where one is not met",
    )
    report.add_argument("--pack", action="append", default=[], metavar="NAME",
                        help="instead of those of the setting `packs`; may be given again")
    report.add_argument("--format", choices=("text", "json", "html"), default="text")
    take_config(report)


def _report(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.facts import facts_of
    from voiceguard.adapters.packs import packs_named, shipped
    from voiceguard.privacy import compliance_report
    from voiceguard.privacy.evidence import findings

    settings, now = read_settings(options), time.time()
    packs = packs_named(options.pack or settings.packs)
    if not packs:
        raise ConfigurationError(f"no pack is in force: --pack or the setting packs names some: {', '.join(shipped())}")
    found = findings(packs, asyncio.run(facts_of(settings, now)))
    head = f"Installation {settings.data_dir.absolute()}, {moment(now)}"
    if options.format == "json":
        print(json.dumps({
            "installation": str(settings.data_dir.absolute()), "at": now, "note": compliance_report.NOTE,
            "packs": {pack.name: pack.title for pack in packs}, "requirements": [one.as_json() for one in found],
        }, indent=1))
    else:
        made = {"text": compliance_report.as_text, "html": compliance_report.as_html}[options.format]
        print(made(packs, found, head), end="")
    return all(one.status != "not met" for one in found)
