"""The fuzzed parsers keep their rules on every seed, and on every input that once broke one; rules can be broken."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fuzz.targets import BINARY, SAY, TARGETS, TEXT, framed, session
from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived
from voiceguard.ingest.native import NativeCodec

FINDINGS = Path(__file__).with_name("findings.jsonl")


def findings(name: str) -> list[bytes]:
    """Inputs that once broke a rule of this target."""
    lines = map(json.loads, FINDINGS.read_text(encoding="utf-8").splitlines() if FINDINGS.exists() else [])
    return [base64.b64decode(line["input"]) for line in lines if line["target"] == name]


@pytest.mark.parametrize("name", TARGETS)
def test_rules_are_kept(name: str) -> None:
    """What fuzzing starts from is well, and what it found stays mended."""
    seeds = TARGETS[name].seeds()

    assert seeds
    for data in [*seeds, *findings(name)]:
        TARGETS[name].check(data)


class Broken(NativeCodec):
    """Breaks one rule for each word."""

    def receive_text(self, text: str) -> list[Any]:
        match text:
            case "raise":
                raise KeyError
            case "back":
                return [AudioReceived("caller", 5, b"x"), AudioReceived("caller", 5, b"x")]
            case "refuse":
                raise PeerError("bad_json", "no")
        return [text]

    def encode(self, message: Any) -> list[Any]:
        return [message]


@pytest.mark.parametrize(("frames", "error"), [
    (framed(TEXT, b"raise"), KeyError), (framed(TEXT, b"back"), AssertionError),
    (framed(TEXT, b"no event"), AssertionError), (framed(SAY, b"\x01"), AssertionError),
])
def test_broken_rules_are_found(frames: bytes, error: type[Exception]) -> None:
    """Another exception, audio that goes back, what is no event, and what is no frame."""
    check = session(Broken)
    check(framed(TEXT, b"refuse") + framed(BINARY, b""))

    with pytest.raises(error):
        check(frames)
