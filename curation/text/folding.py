"""Folding: texts without the differences that do not matter in a comparison."""

from __future__ import annotations

import re
import unicodedata

from curation.text.markup import segments
from curation.text.words import units

_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070-\u209c]+")
"""Raised and lowered digits and signs: 10² is not 102."""
_QUOTES = {**dict.fromkeys(map(ord, "‘’‛′ʼ´"), "'"), **dict.fromkeys(map(ord, "“”„‟″«»"), '"')}


def plain_quotes(text: str) -> str:
    """A text with ' and " for all kinds of quotation marks and apostrophes."""
    return text if text.isascii() else text.translate(_QUOTES)


def compatible(text: str, raised: bool = True) -> str:
    """A text in Unicode's form NFKC, in which width and composition do not count.

    raised: whether raised and lowered digits stay, because 10² is not 102.
    """
    if text.isascii():
        return text
    if not raised or not _RAISED.search(text):
        return unicodedata.normalize("NFKC", text)
    pieces = re.split(f"({_RAISED.pattern})", text)
    return "".join(
        piece if i % 2 else unicodedata.normalize("NFKC", piece) for i, piece in enumerate(pieces)
    )


def caseless(text: str) -> str:
    """A text without differences of width, composition and case."""
    return compatible(text).casefold()


def one_line(text: str, longest: int | None = None) -> str:
    """A text with one space for each stretch of white space, and none at its ends.

    longest: characters that it may have; a longer one ends with … instead.
    """
    line = " ".join(text.split())
    if longest is None or len(line) <= longest:
        return line
    return line[: longest - 1].rstrip() + "…"


def folded(text: str, punctuation: bool = True) -> str:
    """A text without differences of width, composition, case and white space.

    Code stays as it is, because case and white space matter in it. punctuation: whether punctuation
    counts; signs such as + and 😀 always do.
    """
    if not punctuation:
        plain = caseless(text)
        return " ".join(units(plain) or plain.split())
    pieces = (
        piece.replace("\r\n", "\n").strip("\r\n") if kind == "code" else one_line(caseless(piece))
        for piece, kind in segments(text if "\n" in text.strip() else text.strip())
    )
    return "\n".join(piece for piece in pieces if piece)
