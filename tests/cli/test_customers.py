"""`voiceguard customers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyotp import parse_uri

from tests.cli.commands import mistake, run


def secret(capsys: pytest.CaptureFixture[str]) -> str:
    """Of the URI that was printed."""
    return str(parse_uri(capsys.readouterr().out.strip()).secret)


def shown(capsys: pytest.CaptureFixture[str], ref: str = "customer-1") -> Any:
    capsys.readouterr()
    assert 0 == run("customers", "show", ref, "--json")
    return json.loads(capsys.readouterr().out)


def test_customer_gets_an_authenticator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The secret is printed as the URI that authenticator apps read, and kept encrypted."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    uri = capsys.readouterr().out.strip()
    assert uri.startswith("otpauth://totp/voiceguard:customer-1?secret=")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert b"customer-1" in kept
    assert parse_uri(uri).secret.encode() not in kept
    assert 0 == run("customers", "add", "customer-2")
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize("again", [(), ("--totp",)])
def test_add_known_customer_changes_nothing(again: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A script that runs twice takes no authenticator away, and says so."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    capsys.readouterr()

    assert 1 == run("customers", "add", "customer-1", *again)
    said = capsys.readouterr()
    assert "" == said.out and "known already" in said.err
    assert shown(capsys)["has_authenticator"]


@pytest.mark.parametrize("ref", ["cust 1", "ACME/1001", "Zo\u00eb", "", "a\nb", "-x y", "brand~c", "x" * 129])
def test_add_reference_that_no_stream_carries_is_refused(ref: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a customer could never be named on a call."""
    assert 2 == run("customers", "add", "--", ref)
    assert "no stream can carry this reference" in capsys.readouterr().err


def test_set_totp_replaces_takes_away_and_takes_a_given_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only this command changes an authenticator; a secret of the bank's own comes from a file, not from arguments."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    first = secret(capsys)
    assert 0 == run("customers", "set-totp", "customer-1")
    assert first != secret(capsys)
    assert 0 == run("customers", "set-totp", "customer-1", "--none")
    assert not shown(capsys)["has_authenticator"]
    (tmp_path / "secret").write_text("jbsw y3dp ehpk 3pxp\n")
    assert 0 == run("customers", "set-totp", "customer-1", "--secret-file", tmp_path / "secret")
    assert "" == capsys.readouterr().out
    assert shown(capsys)["has_authenticator"]
    (tmp_path / "secret").write_text("too short")
    assert 2 == run("customers", "set-totp", "customer-1", "--secret-file", tmp_path / "secret")
    assert "base32" in mistake(capsys)


def test_list_pages_and_tenants(capsys: pytest.CaptureFixture[str]) -> None:
    """By reference, of one brand or of all."""
    for ref, tenant in (("b", "default"), ("a", "default"), ("a", "brand-x")):
        assert 0 == run("customers", "add", ref, "--tenant", tenant)

    def refs(*words: object) -> list[str]:
        capsys.readouterr()
        assert 0 == run("customers", "list", "--json", *words)
        return [json.loads(line)["customer_ref"] for line in capsys.readouterr().out.splitlines()]

    assert ["a", "b", "brand-x~a"] == refs()
    assert ["a", "b"] == refs("--tenant", "default")
    assert ["brand-x~a"] == refs("--tenant", "brand-x")
    assert ["b"] == refs("--after", "a", "--limit", "1")


@pytest.mark.parametrize("command", ["show", "set-totp", "unlock", "remove"])
def test_unknown_customer_is_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, and the exit code is 1."""
    assert 0 == run("customers", "add", "customer-1")
    more = {"unlock": ["--reason", "called back"], "remove": ["--yes"]}.get(command, [])
    assert 1 == run("customers", command, "customer-2", *more)
    assert "nobody knows customer-2" in mistake(capsys)


def test_remove_asks_first(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody can be asked it wants --yes; on a terminal only a yes removes."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    capsys.readouterr()
    assert 2 == run("customers", "remove", "customer-1")
    assert "--yes" in mistake(capsys)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert 1 == run("customers", "remove", "customer-1")
    assert shown(capsys)["has_authenticator"]
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert 0 == run("customers", "remove", "customer-1")
    assert 1 == run("customers", "show", "customer-1")


def test_import_adds_new_customers_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Known ones keep their authenticator; a second run adds nothing; more than one batch goes in."""
    assert 0 == run("customers", "add", "c7", "--totp")
    rows = "".join(f"c{number};{'JBSWY3DPEHPK3PXP' if number % 2 else ''}\n" for number in range(2100))
    (tmp_path / "all.csv").write_bytes(b"\xef\xbb\xbf" + f"Ref;totp_secret\n{rows}".encode())
    capsys.readouterr()

    assert 0 == run("customers", "import", tmp_path / "all.csv")
    assert "2099 customers added; 1 were known and stay as before, like c7\n" == capsys.readouterr().out
    assert 0 == run("customers", "import", tmp_path / "all.csv")
    assert "0 customers added; 2100 were known" in capsys.readouterr().out
    assert (True, False) == tuple(shown(capsys, ref)["has_authenticator"] for ref in ("c2099", "c2098"))
    assert 0 == run("audit", "verify")


@pytest.mark.parametrize(("row", "why"), [
    ("cust 1,", "no stream can carry"), ("c1,", "stands twice"), ("c2,abc", "no base32"),
])
def test_import_with_a_wrong_row_imports_nothing(
    row: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its line is named."""
    (tmp_path / "all.csv").write_text(f"ref,totp_secret\nc1,\n{row}\n")
    assert 0 == run("customers", "add", "other")

    assert 2 == run("customers", "import", tmp_path / "all.csv")
    told = mistake(capsys)
    assert "line 3" in told and why in told and "abc" not in told
    assert 1 == run("customers", "show", "c1")
