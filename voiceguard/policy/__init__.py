"""Risk becomes a decision: the policy file, the state of every asked action, one-time codes and grants."""

from voiceguard.policy.check import Finding, lint
from voiceguard.policy.engine import ActionEngine
from voiceguard.policy.rules import Policy, Ruling, Trace, context, explain, load

__all__ = ["ActionEngine", "Finding", "Policy", "Ruling", "Trace", "context", "explain", "lint", "load"]
