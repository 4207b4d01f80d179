"""Commands on policies: policy check, policy diff, policy schema, policy explain, policy shadow."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import iso_time, new_command, read_settings, read_store, take_config


def add(commands: Any) -> None:
    """The commands of this module."""
    policy = commands.add_parser("policy", help="look at a policy").add_subparsers(required=True)
    check = new_command(policy, "check", _policy_check, "find rules that are wrong or dangerous")
    check.add_argument("file", type=Path, metavar="F")
    diff = new_command(policy, "diff", _policy_diff, "say what a second policy answers otherwise, and where")
    diff.add_argument("old", type=Path, metavar="A")
    diff.add_argument("new", type=Path, metavar="B")
    new_command(policy, "schema", _policy_schema, "print the file's JSON Schema, for editors")
    shadow = new_command(policy, "shadow", _policy_shadow, "what the draft in shadow_policy_file would have decided")
    shadow.add_argument("--since", type=iso_time, default=0.0, metavar="TIME", help="calls from then on, ISO 8601")
    shadow.add_argument("--json", action="store_true")
    take_config(shadow)
    explain = new_command(policy, "explain", _policy_explain, "say which rule decides, and why")
    explain.add_argument("file", type=Path, metavar="F")
    explain.add_argument(
        "--call", type=Path, required=True, metavar="C.json",
        help="object with action and, as needed, parameters (left out: none), risk (body of a risk message, or some of "
        "its fields; left out: no score, band unknown, state insufficient_speech, net_speech_s 0, no evidence), "
        "assurance (none; otp, human, second_human), consent, customer_known, locked, injection (false)",
    )


def _policy_check(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.policy.check import allowed_to_anybody, lint

    policy = read_policy(options.file)
    findings = lint(policy)
    for finding in findings:
        print(f"{finding.level:7} {finding.code:24} {finding.place}: {finding.text}")
    anybody = allowed_to_anybody(policy)
    if anybody:
        print(f"these are allowed to anybody: {', '.join(anybody)}")
    errors = sum(finding.level == "error" for finding in findings)
    print(f"{options.file.name}: version {policy.version}, sha256 {policy.sha256[:12]}, {errors} errors, "
          f"{len(findings) - errors} warnings")
    return not errors


def _policy_diff(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.policy.diff import differences

    old, new = (read_policy(path) for path in (options.old, options.new))
    found = differences(old, new)
    for line in found:
        print(line)
    if not found:
        print("both answer alike in every situation that was tried")
    return not found


def _policy_schema(_: argparse.Namespace) -> bool:
    from voiceguard.policy.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return True


def _policy_explain(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_asked_action, read_policy
    from voiceguard.policy.rules import explain

    policy = read_policy(options.file)
    asked = read_asked_action(options.call)
    trace = explain(policy, asked.action, asked.context(policy))
    ruling = trace.ruling
    print(f"{asked.action} ({ruling.tier}): {ruling.decision}, by rule {ruling.rule}")
    for reason in ruling.reasons:
        print(f"  {reason.code}: {reason.text}")
    for step in trace.steps:
        detail = f" ({step.detail})" if step.detail else ""
        print(f"{step.outcome.replace('_', ' '):12} {step.rule}: {step.when}{detail}")
    return True


def _policy_shadow(options: argparse.Namespace) -> bool:
    from voiceguard.measures.shadow_comparison import compare

    async def read(store: Any) -> list[tuple[str, list[dict[str, Any]]]]:
        found, last = [], ""
        while call_ids := await store.calls.ids(last):
            for last in call_ids:
                records = await store.calls.events(last)
                if records[0]["at"] >= options.since:
                    found.append((last, [record for record in records if record["kind"] == "shadow"]))
        return found

    drafts = compare(asyncio.run(read_store(read_settings(options), read)))
    if options.json:
        print(json.dumps(drafts, indent=2))
        return True
    for draft in drafts:
        print(f"draft {draft['policy']}: {draft['actions']} actions of {draft['calls']} calls, "
              f"{len(draft['changes'])} would have been decided otherwise")
        for one in draft["counts"]:
            mark = "" if one["live"] == one["draft"] else "  <-"
            print(f"{one['count']:6} {one['action']:24} {one['live']:8} draft {one['draft']}{mark}")
    if not drafts:
        print("no draft has run: set shadow_policy_file")
    return True
