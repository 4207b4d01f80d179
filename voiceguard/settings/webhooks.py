"""Who may be told of events."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class WebhookOptions:
    """Hosts that webhooks may go to, and how long deliveries stay on record."""

    allowed_hosts: tuple[str, ...] = ()
    """Host names that may be subscribed, *.example.com for all below; empty: none."""
    private_hosts: tuple[str, ...] = ()
    """Those of them whose addresses may be private or loopback: never by a pattern."""
    kept_days: float = field(default=30.0, metadata={"gt": 0})
    """Days after which a delivery that arrived, or was given up, is deleted."""
