"""Escapes the texts of a dataset for Markdown, HTML and charts; no other module escapes."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

from curation.looking.columns import plain_name
from curation.text.folding import one_line

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:^=&])")
_LINK = re.compile(
    r"https?:|www(?=\.)|(?<![\w.+-])[\w.+-]++(?=@)|-(?=[->])|<(?=-)|[<>~](?==)|:material(?=/)",
    re.IGNORECASE,
)
"""Characters that become a link, an arrow or an icon; a word joiner after them keeps them text."""
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ue000-\uf8ff]")


def short(text: object, limit: int = 120) -> str:
    """One line of at most `limit` characters."""
    return one_line(str(text), limit)


def markdown(text: object, limit: int = 200) -> str:
    """Untrusted text made harmless inside Markdown: nothing in it is markup, link or picture."""
    return _MARKDOWN.sub(r"\\\1", _LINK.sub("\\g<0>\u2060", short(text, limit)))


def title_of(column: str) -> str:
    """A column's name for people as a title in Markdown, and harmless."""
    return markdown(plain_name(column), 80)


def highlighted(pieces: Iterable[tuple[str, bool]]) -> str:
    """Pieces of untrusted text as harmless Markdown, lines and spaces kept, the marked ones lit."""
    # The joiner keeps the spaces at the beginning from being stripped.
    return "\u2060" + "".join(
        "  \n".join(_lit(line, mark) for line in text.replace("\r\n", "\n").split("\n"))
        for text, mark in pieces
    )


def _lit(line: str, mark: bool) -> str:
    # Spaces that Markdown would fold, or take for a block of code, become hard ones.
    spaced = re.sub(r"(?<= ) | (?= )", "\u00a0", re.sub(r"[\t\r\f\v]", "    ", line))
    safe = _MARKDOWN.sub(r"\\\1", _LINK.sub("\\g<0>\u2060", spaced))
    return f":orange-background[{safe}]" if mark and safe.strip("\u00a0 ") else safe


def hover(text: object, limit: int = 90) -> str:
    """Untrusted text made harmless inside a Plotly label, which reads a little HTML."""
    return html.escape(short(text, limit), quote=True)


def badges(text: str) -> list[str]:
    """Names and counts of the invisible characters: direction overrides, zero-width, private ones."""
    counts: dict[str, int] = {}
    for character in _INVISIBLE.findall(text):
        name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
        counts[name] = counts.get(name, 0) + 1
    return [f"{count} × {name}" for name, count in counts.items()]
