"""docs/asyncapi.yaml says what the native codec does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from voiceguard.errors import PeerError
from voiceguard.events import Channel
from voiceguard.ingest import fields
from voiceguard.ingest.native import ALLOWED_IN, RATES_HZ, NativeCodec

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())
MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]
FROM_PLATFORM = [item["$ref"].rpartition("/")[2] for item in DOCUMENT["operations"]["receiveCall"]["messages"]]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _references(value)


def test_references_resolve() -> None:
    """Every reference leads somewhere."""
    for reference in _references(DOCUMENT):
        node = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_messages_are_those_of_the_codec() -> None:
    """The document lists what the codec reads, and each message's `type` is its name."""
    assert set(FROM_PLATFORM) == set(ALLOWED_IN)
    for name, message in MESSAGES.items():
        payload = message["payload"]
        if "properties" in payload:
            assert payload["properties"]["type"] == {"const": name}


@pytest.mark.parametrize("name", [name for name in FROM_PLATFORM if name != "audio"])
def test_examples(name: str) -> None:
    """Each example is read without an error, and each required field that is left out is one."""
    setup = {"start": [], "resume": ["start", "pause"]}.get(name, ["start"])
    payload = MESSAGES[name]["examples"][0]["payload"]

    def receive(message: dict[str, Any]) -> None:
        codec = NativeCodec()
        for earlier in setup:
            codec.receive_text(json.dumps(MESSAGES[earlier]["examples"][0]["payload"]))
        assert len(codec.receive_text(json.dumps(message))) == 1

    receive(payload)
    for field in MESSAGES[name]["payload"]["required"]:
        with pytest.raises(PeerError):
            receive({key: value for key, value in payload.items() if key != field})


def test_limits() -> None:
    """Forms and limits are those that the codec checks."""
    start = MESSAGES["start"]["payload"]["properties"]

    assert SCHEMAS["identifier"]["pattern"] == f"^{fields.IDENTIFIER.pattern}$"
    assert SCHEMAS["name"]["pattern"] == f"^{fields.NAME.pattern}$"
    assert MESSAGES["dtmf"]["payload"]["properties"]["digit"]["pattern"] == f"^{fields.DIGIT.pattern}$"
    assert SCHEMAS["strings"]["maxProperties"] == start["consent"]["maxItems"] == fields.MAX_ENTRIES
    assert SCHEMAS["strings"]["additionalProperties"]["maxLength"] == fields.MAX_VALUE_CHARS
    assert start["encoding"]["enum"] == list(RATES_HZ)
    assert {rate for rates in RATES_HZ.values() for rate in rates} == set(map(int, start["sample_rate"]["enum"]))
    assert SCHEMAS["channel"]["enum"] == list(get_args(Channel))
