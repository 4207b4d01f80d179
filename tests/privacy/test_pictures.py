"""The data-flow map as people read it."""

from __future__ import annotations

from voiceguard.privacy import dataflow
from voiceguard.privacy.dataflow import Field
from voiceguard.privacy.meanings import MEANINGS
from voiceguard.privacy.pictures import as_html, as_markdown, as_mermaid
from voiceguard.server.access.rules import seen_by

FIELDS = list(dataflow.fields(seen_by()))


def test_mermaid_draws_tables_with_their_classes() -> None:
    """An arrow to a table carries the classes of its columns."""
    drawn = as_mermaid([Field("embedding", "table voiceprints", MEANINGS["embedding"], "", (), (), "")])

    assert 'n1["voiceguard"]' in drawn
    assert "n1 -->|biometric| n0" in drawn


def test_html_escapes_what_it_shows() -> None:
    """A name is text."""
    page = as_html([Field("<b>", "table x", MEANINGS["at"], "", (), (), "")])

    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_markdown_names_every_place() -> None:
    """Each place has its row."""
    document = as_markdown(FIELDS)

    assert [] == [field.where for field in FIELDS if f"| {field.where.partition(' ')[2]} |" not in document]
