"""Fields of untrusted JSON, taken out one by one; each function raises PeerError and repeats nothing that was sent."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

import orjson

from voiceguard.errors import PeerError
from voiceguard.events import IntentDeclared

IDENTIFIER = re.compile(r"[A-Za-z0-9+][A-Za-z0-9._:@+=-]{0,127}")
"""Of a call or a customer: safe as a path segment, and in a log."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")
"""Of an action, a purpose or a metadata entry."""
DIGIT = re.compile(r"[0-9A-D*#]")
"""One DTMF key, ITU-T Q.23."""
MAX_ENTRIES = 32
MAX_VALUE_CHARS = 1000
MAX_MARK_CHARS = 128
_NUMERAL = re.compile(r"[0-9]{1,15}")


def bad(name: str) -> PeerError:
    """The error of a field that is missing or malformed."""
    return PeerError("bad_message", f"{name} is missing or malformed", close_code=1007)


def parse(text: str, max_bytes: int) -> dict[str, Any]:
    """One JSON object, RFC 8259. Raises PeerError("too_big") or PeerError("bad_json").

    NaN, infinities, lone surrogates, keys that are no strings and more than 1024 levels are refused by the parser.
    """
    if too_big(text, max_bytes):
        raise PeerError("too_big", f"a text message may hold {max_bytes} bytes", close_code=1009)
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise PeerError("bad_json", "a text message must be one JSON object", close_code=1007)
    return message


def too_big(text: str, max_bytes: int) -> bool:
    """Whether the text is longer than this in UTF-8; a lone surrogate counts as its three bytes."""
    return len(text) > max_bytes or (not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > max_bytes)


def check_binary(data: bytes, max_bytes: int) -> None:
    """Raises PeerError("too_big") for a binary message over its limit."""
    if len(data) > max_bytes:
        raise PeerError("too_big", f"a binary message may hold {max_bytes} bytes", close_code=1009)


def mapping(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A nested object."""
    value = message.get(name)
    if not isinstance(value, dict):
        raise bad(name)
    return value


def matching(message: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A string of this form."""
    value = message.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise bad(name)
    return value


def mark(message: Mapping[str, Any]) -> str:
    """The `name` of a mark, which echoes what we or the platform's application said."""
    name = message.get("name")
    if not isinstance(name, str) or len(name) > MAX_MARK_CHARS:
        raise bad("name")
    return name


def named_event(
    message: Mapping[str, Any], allowed_in: Mapping[str, Container[str]], state: str, stream: tuple[str, str]
) -> str | None:
    """The message's `event`, which this state allows; None for one that the protocol's table does not have, so that a
    later version of it does no harm. `stream`: the field that names the stream, and its name once it is known.

    Raises PeerError for a message that comes at the wrong time, or is of another stream.
    """
    event = message.get("event")
    if not isinstance(event, str):
        raise bad("event")
    if event not in allowed_in:
        return None
    if state not in allowed_in[event]:
        raise PeerError("out_of_order", f"{event} is not allowed when the stream is {state}")
    name, known = stream
    if known and message.get(name, known) != known:
        raise PeerError("wrong_stream", "this message belongs to another stream")
    return event


def number(message: Mapping[str, Any], name: str) -> int:
    """A whole number from 0 on, also as the string of its digits."""
    value = message.get(name)
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        return int(value)
    if type(value) is int and 0 <= value < 10**15:
        return value
    raise bad(name)


def names(values: object, name: str) -> frozenset[str]:
    """A list of names, without order and repeats."""
    if not isinstance(values, list) or len(values) > MAX_ENTRIES:
        raise bad(name)
    if not all(isinstance(value, str) and NAME.fullmatch(value) for value in values):
        raise bad(name)
    return frozenset(values)


def strings(values: object, name: str) -> dict[str, str]:
    """A small map from names to strings."""
    if not isinstance(values, dict) or len(values) > MAX_ENTRIES:
        raise bad(name)
    for key, value in values.items():
        if not NAME.fullmatch(key) or not isinstance(value, str) or len(value) > MAX_VALUE_CHARS:
            raise bad(name)
    return values


class Beside(NamedTuple):
    """What stands beside a call, in the order of the fields of `CallStarted`."""

    customer_ref: str | None = None
    consent: frozenset[str] = frozenset()
    metadata: dict[str, str] = {}
    passed_over: int = 0
    unreadable: frozenset[str] = frozenset()


def beside(said: object) -> Beside:
    """What a platform says of a call beside it: `customer_ref`, the purposes of `consent`, and all others as metadata,
    less the secret `token`. Whatever their form, they never refuse the call: what is not ours is passed over, counted.

    A whole number is taken as its digits; null and empty strings say nothing.
    """
    if not isinstance(said, Mapping):
        return Beside(passed_over=int(said is not None))
    metadata: dict[str, str] = {}
    passed_over, unreadable = 0, set()
    for name, value in said.items():
        if name in ("customer_ref", "consent", "token"):
            continue
        text = digits(value)
        if (
            isinstance(name, str) and NAME.fullmatch(name) and isinstance(text, str) and len(text) <= MAX_VALUE_CHARS
            and len(metadata) < MAX_ENTRIES
        ):
            metadata[name] = text
        else:
            passed_over += 1
    customer_ref = digits(said.get("customer_ref"))
    if customer_ref in (None, ""):
        customer_ref = None
    elif not isinstance(customer_ref, str) or not IDENTIFIER.fullmatch(customer_ref):
        customer_ref = None
        unreadable.add("customer_ref")
    consent, unknown = _purposes(said.get("consent"))
    if unknown:
        unreadable.add("consent")
    return Beside(customer_ref, consent, metadata, passed_over, frozenset(unreadable))


def digits(value: object) -> object:
    """A whole number from 0 on as its digits, as JSON writers turn identifiers into numbers; all else as it is."""
    if type(value) is int and 0 <= value < 10**18:
        return str(value)
    return value


def _purposes(consent: object) -> tuple[frozenset[str], bool]:
    """The purposes of a consent, a list or a string with commas between them, and whether there is more to it."""
    if isinstance(consent, str):
        consent = [purpose.strip() for purpose in consent.split(",") if purpose.strip()]
    if not isinstance(consent, list):
        return frozenset(), consent is not None
    known = [purpose for purpose in consent[:MAX_ENTRIES] if isinstance(purpose, str) and NAME.fullmatch(purpose)]
    return frozenset(known), len(known) < len(consent)


def intent(message: Mapping[str, Any]) -> IntentDeclared:
    """The action that an application's `intent` declares, and its parameters."""
    return IntentDeclared(matching(message, "action", NAME), strings(message.get("parameters", {}), "parameters"))
