"""Commands on policies: policy check, policy explain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import new_command


def add(commands: Any) -> None:
    """The commands of this module."""
    policy = commands.add_parser("policy", help="look at a policy").add_subparsers(required=True)
    check = new_command(policy, "check", _policy_check, "find rules that are wrong or dangerous")
    check.add_argument("file", type=Path, metavar="F")
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
    from voiceguard.policy.check import lint

    policy = read_policy(options.file)
    findings = lint(policy)
    for finding in findings:
        print(f"{finding.level:7} {finding.code:24} {finding.place}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    print(f"{options.file.name}: version {policy.version}, sha256 {policy.sha256[:12]}, {errors} errors, "
          f"{len(findings) - errors} warnings")
    return not errors


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
