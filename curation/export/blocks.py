"""The parts of a dataset card, of which each renderer makes its own form.

Their texts are plain texts of any origin; a renderer escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Address(str):
    """A text that an owner stated to be reached by, which a renderer may show as a link."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Lines of plain text."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table of plain texts; numbers: places of the columns that hold numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Bars:
    """A bar for each name, and a sentence with their finding. In Markdown: names and numbers."""

    finding: str
    bars: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Histogram:
    """Bars of (from, to, rows) on a logarithmic scale, with marks. In Markdown: the sentence."""

    finding: str
    bars: tuple[tuple[float, float, int], ...]
    marks: tuple[int, ...]


@dataclass(frozen=True)
class Intervals:
    """Means with intervals: (name, mean, low, high). In Markdown nothing: a table says the same."""

    finding: str
    unit: str
    means: tuple[tuple[str, float, float, float], ...]


Block = Paragraph | Listing | Table | Bars | Histogram | Intervals


@dataclass(frozen=True)
class Section:
    """A titled part of a card."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Card:
    """A card: title, the YAML head of the Hub, the paragraphs before all sections, and these."""

    title: str
    head: Mapping[str, Any]
    lead: tuple[Block, ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)
