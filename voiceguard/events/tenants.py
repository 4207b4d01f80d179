"""Tenants: the brand that a call or a customer belongs to, told by the name under which it is kept.

Inside the service, calls and customers go by their kept name: the platform's own for the default tenant, and
`<tenant>~<name>` for every other one. No identifier of a platform holds a `~`, so no platform can name what belongs to
another tenant, and two tenants may use the same call id. Doors to the outside put the platform's own name back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

DEFAULT: Final = "default"
"""Of keys without a named tenant, and of all that was kept before there were tenants."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""What a tenant's name looks like."""
_MARK: Final = "~"
_NAMED: Final = frozenset({"call_id", "customer_ref", "chain"})
"""Fields of messages and answers that hold kept names."""


def kept_name(tenant: str, name: str) -> str:
    """The name under which a tenant's call or customer is kept. One that holds the mark already names nothing."""
    if _MARK in name:
        return f"{_MARK}{name}"
    return name if tenant == DEFAULT else f"{tenant}{_MARK}{name}"


def tenant_of(kept: str) -> str:
    """The tenant of a kept name."""
    return kept.partition(_MARK)[0] if _MARK in kept[1:] else DEFAULT


def own_name(kept: str) -> str:
    """The platform's own name of what is kept under this one."""
    return kept.partition(_MARK)[2] if _MARK in kept[1:] else kept


def with_own_names(body: Any) -> Any:
    """JSON-ready data in which every kept name is the platform's own again."""
    if isinstance(body, Mapping):
        return {
            name: own_name(value) if name in _NAMED and isinstance(value, str) else with_own_names(value)
            for name, value in body.items()
        }
    return [with_own_names(item) for item in body] if isinstance(body, list | tuple) else body
