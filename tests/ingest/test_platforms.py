"""The table of platforms agrees with everything that is written beside it: settings, recordings, docs, command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.targets import TARGETS
from tests.ingest.codecs import CODECS
from voiceguard.ingest.platforms import PLATFORMS, Platform
from voiceguard.server.access.rules import OWN_PROOF, ROUTES
from voiceguard.server.streams import ROUTES as ENDPOINTS
from voiceguard.settings import Settings
from voiceguard.simulator.protocols import LINES
from voiceguard.simulator.protocols.platform import Dialling

DOCS = Path(__file__).parents[2] / "docs"

each_platform = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)


@each_platform
def test_route_and_access_are_those_of_the_row(platform: Platform) -> None:
    """A websocket has one endpoint and one rule: a key's scope where it takes our API key, else its own proof."""
    if platform.path is None:
        return
    assert ENDPOINTS[platform.path].__name__ == platform.name
    rule = ROUTES["WS", platform.path]
    assert ("stream" if platform.authentication == "api_key" else None) == rule.scope
    assert (rule is OWN_PROOF) == (platform.authentication != "api_key")


@each_platform
def test_credentials_are_in_the_settings(platform: Platform) -> None:
    """A platform that does not take our API key has settings under its name."""
    assert platform.authentication == "api_key" or platform.name in Settings.model_fields


@each_platform
def test_line_dials_the_path(platform: Platform) -> None:
    """The simulator speaks the protocol at the path where it is served."""
    if platform.path is not None:
        assert platform.path == LINES[platform.name](Dialling("http://127.0.0.1:8765", "call-1")).path


@each_platform
def test_docs_name_it(platform: Platform) -> None:
    """The guide exists, the list of platforms links it beside the path, and the conformance table says what works."""
    page, _, _ = platform.guide.partition("#")
    link = platform.guide.removeprefix("platforms/")
    listed = [line for line in (DOCS / "platforms" / "README.md").read_text().splitlines() if f"{link})" in line]
    conformance, _, _ = (DOCS / "conformance.md").read_text().partition("## Codecs")
    rows = [line for line in conformance.splitlines() if f"--protocol {platform.name}`" in line]

    assert (DOCS / page).is_file()
    assert any(f"`{platform.path}`" in line or platform.path is None for line in listed)
    assert [platform.title] == [row.split(" | ")[0].removeprefix("| ") for row in rows]


def test_every_platform_is_recorded_and_fuzzed() -> None:
    """tests/ingest/codecs.py, from which recordings, contract and fuzzing read, has each protocol and no other."""
    assert set(PLATFORMS) == set(CODECS) == set(LINES)
    assert set(PLATFORMS) <= set(TARGETS)


def test_table_is_light() -> None:
    """The command line reads the table without loading what serves or simulates a call."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, voiceguard.ingest.platforms; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()

    assert not {"numpy", "starlette", "orjson", "pydantic"} & {*loaded}
