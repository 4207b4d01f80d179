"""Tables as spreadsheets write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiceguard.adapters.tables import read_table
from voiceguard.errors import ConfigurationError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator_and_encoding_are_found(separator: str, encoding: str, tmp_path: Path) -> None:
    """Excel writes commas or semicolons by the country, tabs and UTF-16 as its text for Unicode."""
    text = f'Label {separator}path\r\nf\u00fcr{separator}"a;b,c.wav"\r\n\r\n'
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))

    assert [{"label": "f\u00fcr", "path": "a;b,c.wav"}] == read_table(tmp_path / "m.csv", ["path", "label"])


def test_hint_to_excel_is_no_head(tmp_path: Path) -> None:
    """Some exports name their separator in the first line."""
    (tmp_path / "m.csv").write_text("sep=;\nlabel;path\ngenuine;a.wav\n")

    assert [{"label": "genuine", "path": "a.wav"}] == read_table(tmp_path / "m.csv", ["path"])


def test_missing_column_is_the_one_named(tmp_path: Path) -> None:
    """And not one that is there under another separator."""
    (tmp_path / "m.csv").write_text("enrol;tset\na;b\n")

    with pytest.raises(ConfigurationError, match="no column test"):
        read_table(tmp_path / "m.csv", ["enrol", "test"])


def test_other_encoding_is_a_mistake(tmp_path: Path) -> None:
    """A guess would name files that are not there."""
    (tmp_path / "m.csv").write_bytes("path\nf\u00fcr.wav\n".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_table(tmp_path / "m.csv", ["path"])


def test_short_row_has_an_empty_path(tmp_path: Path) -> None:
    """A row that ends before its path is a row all the same."""
    (tmp_path / "m.csv").write_text("label,path\ngenuine\n")

    assert [{"label": "genuine", "path": ""}] == read_table(tmp_path / "m.csv", ["path"])


def test_table_of_a_spreadsheet_begins_with_a_mark(tmp_path: Path) -> None:
    """Excel writes a byte order mark before the first column's name."""
    (tmp_path / "m.csv").write_bytes("\ufeffpath\na.wav\n".encode())

    assert [{"path": "a.wav"}] == read_table(tmp_path / "m.csv", ["path"])


def test_empty_table_lacks_its_column(tmp_path: Path) -> None:
    """A file of no bytes is a mistake; one of a header alone holds no rows."""
    (tmp_path / "none.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_bytes(b"path\n")

    with pytest.raises(ConfigurationError, match="no column path"):
        read_table(tmp_path / "none.csv", ["path"])
    assert read_table(tmp_path / "header.csv", ["path"]) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"path\n"]), st.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_mistake(tmp_path: Path, header: bytes, data: bytes) -> None:
    """No manifest ends otherwise, and every row read has its column."""
    (tmp_path / "m.csv").write_bytes(header + data)
    try:
        assert all("path" in row for row in read_table(tmp_path / "m.csv", ["path"]))
    except ConfigurationError as error:
        assert "m.csv" in str(error)
