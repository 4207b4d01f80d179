"""One record, one string of bytes: what is hashed must not hang on who writes it down."""

from __future__ import annotations

from typing import Any

import rfc8785


def canonical(data: Any) -> bytes:
    """JSON-ready data as canonical JSON (RFC 8785).

    Raises ValueError for what JSON cannot say: numbers that are not finite, integers beyond 2**53, lone surrogates,
    other types. Its text and causes show nothing of the data.
    """
    try:
        return rfc8785.dumps(data)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise ValueError("this record has no canonical form") from None
