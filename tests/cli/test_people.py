"""`voiceguard users`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.commands import run


def link(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_a_person_from_first_to_last(capsys: pytest.CaptureFixture[str]) -> None:
    """The set-up link is printed once; roles change; a disabled person is let in again by a reset alone."""
    assert 0 == run("users", "add", "Ann@bank.example", "--role", "agent")
    first = link(capsys)
    assert 0 == run("users", "role", "ann@bank.example", "--role", "supervisor", "--role", "analyst")
    assert 0 == run("users", "disable", "ann@bank.example")
    assert 0 == run("users", "list")
    listed = link(capsys)
    assert 0 == run("users", "list", "--json")
    told = json.loads(link(capsys))
    assert ("ann@bank.example", ["analyst", "supervisor"]) == (told["name"], told["roles"])
    assert 0 == run("users", "reset", "ann@bank.example")
    second = link(capsys)
    assert 0 == run("users", "list")

    assert first.startswith("http://127.0.0.1:8765/console/#setup=") and len(first.partition("=")[2]) == 43
    assert ["ann@bank.example", "analyst", "supervisor", "disabled,", "last", "signed", "in", "never"] == listed.split()
    assert first != second
    assert "not set up yet" in link(capsys)


def test_the_link_names_the_origin_that_people_see(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind a proxy it is the proxy's."""
    monkeypatch.setenv("VOICEGUARD_PUBLIC_ORIGIN", "wss://voice.example.com")

    assert 0 == run("users", "add", "ann", "--role", "agent")
    assert link(capsys).startswith("https://voice.example.com/console/#setup=")


def test_who_is_taken_or_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is no, and nothing is printed that would open anything."""
    assert 0 == run("users", "add", "ann", "--role", "agent")
    link(capsys)
    unknown = [("role", "eve", "--role", "agent"), ("disable", "eve"), ("reset", "eve")]

    assert [1, 1, 1, 1] == [run("users", *words) for words in (("add", "ann", "--role", "admin"), *unknown)]
    said = capsys.readouterr()
    assert "" == said.out
    assert ["ann is known already", *["nobody is called eve"] * 3] == [
        line.removeprefix("voiceguard: ").partition(":")[0] for line in said.err.splitlines()
    ]


@pytest.mark.parametrize(
    "words", [("add", "a b", "--role", "agent"), ("add", "ann", "--role", "platform"), ("add", "ann")]
)
def test_mistakes(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A name that would not stand in a record, a role that is a machine's, and none at all."""
    assert 2 == run("users", *words)
    assert "error" in capsys.readouterr().err
