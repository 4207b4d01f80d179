"""The data-flow map as people read it: a document, a picture, a page that prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

from voiceguard.privacy.dataflow import COLUMNS, Field
from voiceguard.privacy.meanings import Meaning

CLASSES = ("public", "internal", "personal", "biometric", "secret")
"""From the least to the most sensitive."""
_STYLE = ("body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2px "
          "6px;text-align:left;vertical-align:top}h2{margin-top:2em}@media print{body{margin:0;font-size:9px}}")


def as_mermaid(found: Iterable[Field]) -> str:
    """A flowchart: kinds of places, the tables in which they rest, the doors by which they leave; each arrow carries
    the classes that go along it."""
    arrows: dict[tuple[str, str], set[str]] = defaultdict(set)
    for field in found:
        kind, _, name = field.where.partition(" ")
        match kind:
            case "body" | "message" | "webhook" | "answer":
                arrows["callers and machines" if kind in ("body", "message") else "voiceguard", "voiceguard"].add(
                    field.meaning.kind)
            case "table" | "file":
                arrows["voiceguard", f"{kind} {name}"].add(field.meaning.kind)
            case "record":
                arrows["voiceguard", "table audit_events"].add(field.meaning.kind)
        for who in field.seen_by if field.leaves else ():
            arrows["voiceguard", f"seen by {who}"].add(field.meaning.kind)
        if kind in ("webhook", "log"):
            arrows["voiceguard", ", ".join(field.leaves)].add(field.meaning.kind)
    pairs = sorted((pair, kinds) for pair, kinds in arrows.items() if pair[0] != pair[1])
    ids = {name: f"n{place}" for place, name in enumerate(sorted({name for pair, _ in pairs for name in pair}))}
    lines = ["flowchart LR", *(f'  {ids[name]}["{name}"]' for name in ids)]
    lines += [f'  {ids[begin]} -->|{" ".join(one for one in CLASSES if one in kinds)}| {ids[end]}'
              for (begin, end), kinds in pairs]
    return "\n".join(lines) + "\n"


def as_markdown(found: Sequence[Field]) -> str:
    """The document: the picture, what names mean, then one table for each kind of place."""
    lines = ["# Data-flow map", "", "`voiceguard dataflow --format markdown` makes this page; a test keeps it true. "
             "The legal bases are those that we suppose: whoever runs the service confirms them.", "", "```mermaid",
             as_mermaid(found) + "```", "", "## Meanings", "", *_row("class", "purpose", "basis", "names"),
             *_row(*4 * ["---"])]
    meanings: dict[Meaning, dict[str, None]] = defaultdict(dict)
    places: dict[str, dict[str, list[Field]]] = defaultdict(lambda: defaultdict(list))
    for field in found:
        kind, _, name = field.where.partition(" ")
        meanings[field.meaning][field.name] = None
        places[kind][name].append(field)
    for meaning, names in meanings.items():
        lines += _row(meaning.kind, meaning.purpose, meaning.basis, " ".join(sorted(names)))
    for kind, rows in places.items():
        heads = "name", "fields by class", "rests", "leaves", "seen by", "ends by"
        lines += ["", f"## Kind of place: {kind}", "", *_row(*heads), *_row(*6 * ["---"])]
        for name, fields in rows.items():
            one = fields[0]
            said = "; ".join(f"{kind}: {' '.join(inside)}" for kind in CLASSES
                             if (inside := [field.name for field in fields if field.meaning.kind == kind]))
            lines += _row(name, said, one.rests, ", ".join(one.leaves), ", ".join(one.seen_by), one.retention)
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]


def as_html(found: Sequence[Field]) -> str:
    """One self-contained page."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(', '.join(cell) if isinstance(cell, list) else str(cell))}</td>"
                         for cell in field.as_json().values()) + "</tr>" for field in found
    )
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Data-flow map</title><style>{_STYLE}</style>'
            f"<h1>Data-flow map</h1><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></html>\n")
