"""What region packs ask and what was measured, as a table for a terminal and as a page that prints."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape

from voiceguard.privacy.evidence import Finding
from voiceguard.privacy.regions import Pack

NOTE = ("Measured on this installation; it certifies nothing. \"operator\" is what the service cannot show and whoever "
        "runs it has to. (*) article or wording was not compared with a public text.")
_COLUMNS = (("status", 9), ("article", 22), ("asks for", 34), ("control", 38), ("evidence", 52))
_STYLE = ("body{font:13px sans-serif;margin:2em}table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;"
          "padding:3px 6px;text-align:left;vertical-align:top}tr{break-inside:avoid}thead{display:table-header-group}"
          ".not{font-weight:bold}@media print{body{margin:0;font-size:9px}h2{break-before:page}}")


def summary(found: Sequence[Finding]) -> str:
    """One line of counts."""
    return ", ".join(f"{sum(one.status == status for one in found)} {words}" for status, words in (
        ("met", "met"), ("not met", "not met"), ("operator", "the operator's")))


def as_text(packs: Sequence[Pack], found: Sequence[Finding], head: str) -> str:
    """A table for each pack. `head`: which installation, and when."""
    lines = [head, *textwrap.wrap(NOTE, sum(width + 2 for _, width in _COLUMNS))]
    rule = "  ".join("-" * width for _, width in _COLUMNS)
    for pack in packs:
        theirs = [one for one in found if one.pack == pack.name]
        lines += ["", f"{pack.name}: {pack.title}: {summary(theirs)}"]
        lines += [rule, *_row([name for name, _ in _COLUMNS]), rule]
        for one in theirs:
            lines += [*_row(_cells(one)), ""]
    return "\n".join([*lines, summary(found)]) + "\n"


def as_html(packs: Sequence[Pack], found: Sequence[Finding], head: str) -> str:
    """One self-contained page."""
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>Compliance report</title>'
             f"<style>{_STYLE}</style><h1>Compliance report</h1><p>{escape(head)}</p><p>{escape(NOTE)}</p>"
             f"<p>{escape(summary(found))}</p>"]
    names = "".join(f"<th>{escape(name)}</th>" for name, _ in _COLUMNS)
    for pack in packs:
        theirs = [one for one in found if one.pack == pack.name]
        rows = "".join(
            f'<tr class="{"not" if one.status == "not met" else "right"}">'
            + "".join("<td>" + "<br>".join(escape(line) for line in cell.split("\n")) + "</td>" for cell in _cells(one))
            + "</tr>" for one in theirs)
        parts.append(f"<h2>{escape(pack.name)}: {escape(pack.title)}</h2><p>{escape(summary(theirs))}</p>"
                     f"<table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>")
    return "".join(parts) + "</html>\n"


def _cells(one: Finding) -> list[str]:
    asked = one.requirement
    operator = [f"operator: {asked.operator}"] if asked.operator else []
    return [one.status, asked.article + ("" if asked.checked else " (*)"), asked.asks,
            asked.control + (f"\n[{asked.where}]" if asked.where else ""), "\n".join([*one.measured, *operator])]


def _row(cells: Sequence[str]) -> list[str]:
    columns = [[line for part in cell.split("\n") for line in textwrap.wrap(part, width) or [""]]
               for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    height = max(len(column) for column in columns)
    return ["  ".join((column[line] if line < len(column) else "").ljust(width)
                      for column, (_, width) in zip(columns, _COLUMNS, strict=True)).rstrip() for line in range(height)]
