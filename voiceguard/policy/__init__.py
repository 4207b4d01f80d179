"""Risk becomes a decision: the policy file, the state of every asked action, one-time codes and grants."""

from voiceguard.policy.check import Finding, allowed_to_anybody, lint
from voiceguard.policy.diff import differences
from voiceguard.policy.engine import ActionEngine
from voiceguard.policy.rules import Policy, Ruling, Trace, context, explain, load

__all__ = [
    "ActionEngine", "Finding", "Policy", "Ruling", "Trace", "allowed_to_anybody", "context", "differences",
    "explain", "lint", "load",
]
