"""A dataset card as Markdown, with the YAML head that the Hub reads.

Guarantee: no text of a card can act as Markdown, HTML, a link or a formula. An Address, which the owner of
the data stated, is written without an invisible character, so it may become a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import assert_never

import yaml

from curation.export.blocks import (
    Address,
    Bars,
    Block,
    Card,
    Histogram,
    Intervals,
    Listing,
    Paragraph,
    Table,
)

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#!~&$])")

_BEGINNING = re.compile(r"^(\d{0,9})([-+=]|[.)](?=\s|$))")
"""Beginnings of a line that make a list or a title."""

_AUTOLINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Places where a word joiner is put, so that renderers make no link of a bare address."""


def line(text: object) -> str:
    """Return a text of unknown origin as one line of Markdown without any markup."""
    plain = " ".join(str(text).split())
    broken = plain if isinstance(text, Address) else _AUTOLINK.sub("\u2060", plain)
    safe = _MARKDOWN.sub(r"\\\1", broken)
    return _BEGINNING.sub(r"\1\\\2", safe)


def markdown(card: Card) -> str:
    """Return a card as Markdown."""
    head = yaml.safe_dump(dict(card.head), allow_unicode=True, sort_keys=False)
    parts = [f"---\n{head}---\n", f"# {line(card.title)}\n", *map(_block, card.lead)]
    for section in card.sections:
        parts += [f"## {line(section.title)}\n", *map(_block, section.blocks)]
    return "\n".join(part for part in parts if part)


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"{line(text)}\n"
        case Listing(items):
            return "\n".join(f"- {line(item)}" for item in items) + "\n"
        case Table(head, rows):
            rule = "|" + "---|" * len(head)
            return "\n".join([_row(head), rule, *map(_row, rows)]) + "\n"
        case Bars(finding, bars):
            return f"{line(finding)}: {', '.join(_named(bars))}\n"
        case Histogram(finding):
            return f"{line(finding)}\n"
        case Intervals():
            return ""
        case _:
            assert_never(block)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(line, cells))} |"


def _named(bars: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield from (f"{line(name)} {count:,}" for name, count in bars)
