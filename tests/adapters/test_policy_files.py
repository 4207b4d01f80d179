"""Policies and questions on disk: read as they are, or refused with the file's name and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiceguard.adapters.policy_files import DEFAULT_POLICY, read_asked_action, read_policy
from voiceguard.errors import ConfigurationError


def test_shipped_policy_is_the_default() -> None:
    """Without a path the shipped policy is read."""
    assert read_policy().sha256 == read_policy(DEFAULT_POLICY).sha256


@pytest.mark.parametrize("content", [b"\xff\xfe", b"actions: [", b"", None])
def test_bad_policy_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    """A file that is no text, no YAML or no policy, or that is not there, is the operator's fault."""
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^policy mine\.yaml: "):
        read_policy(path)


def test_question_gets_what_the_policy_knows(tmp_path: Path) -> None:
    """An action that the policy does not name has the tier `unknown`; what is left out is false."""
    path = tmp_path / "asked.json"
    path.write_text('{"action": "no_such_action"}')

    seen = read_asked_action(path).context(read_policy())

    assert ("no_such_action", "unknown", False) == (seen["action"], seen["tier"], seen["locked"])


@pytest.mark.parametrize("text", ["{}", '{"action": 1}', '{"action": "a", "more": 1}', "no JSON", None])
def test_bad_question_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    """A question without an action, with a wrong type or a field too many, or that is not there, is refused."""
    path = tmp_path / "asked.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"^asked\.json: "):
        read_asked_action(path)
