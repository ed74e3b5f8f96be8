"""What a text is made of: words, signs and code; and texts made alike, so that they can be compared.

A word holds its marks (the vowels of Hindi, the tones of Thai, a decomposed accent) and its joiners.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

import regex

Kind = Literal["prose", "code", "table"]

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Scripts that set no spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han; for a [class]."""

WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d]*"
"""A word, for the package `regex`."""

_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_SYLLABLE = rf"[{UNSPACED}\uac00-\ud7af]\p{{M}}*"
_WORD = regex.compile(
    rf"{_SYLLABLE}|[[\p{{L}}\p{{M}}\p{{N}}\u200c\u200d]--[{UNSPACED}\uac00-\ud7af]]+", regex.V1
)
_ASCII_WORD = re.compile("[a-z0-9]+")
_SIGN = r"[\p{S}%*/\\&@#§‰]|(?<!\p{L})[-‐–—]|[-‐–—](?!\p{L})"
_UNIT = regex.compile(rf"{WORD}|{_SIGN}")
_ASCII_UNIT = re.compile(r"[a-z0-9]+|[+<=>^`|~$%*/\\&@#]|(?<![a-z])-|-(?![a-z])")
_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070-\u209c]+")
"""Raised and lowered digits and signs: 10² is not 102."""
_QUOTES = {**dict.fromkeys(map(ord, "‘’‛′ʼ´"), "'"), **dict.fromkeys(map(ord, "“”„‟″«»"), '"')}


def words(text: str) -> list[str]:
    """Lower-case words; a character of a script without spaces is a word of its own."""
    lower = text.lower()
    return _ASCII_WORD.findall(lower) if lower.isascii() else _WORD.findall(lower)


def units(text: str) -> list[str]:
    """Words of folded text, and the signs that change a meaning: + − < ∪ % 😀, not punctuation."""
    return _ASCII_UNIT.findall(text) if text.isascii() else _UNIT.findall(text)


def is_unspaced(text: str) -> bool:
    """Whether a quarter of a text's first 2,000 characters belong to scripts without spaces."""
    beginning = text[:2_000]
    return len(_IS_UNSPACED.findall(beginning)) * 4 > len(beginning)


def plain_quotes(text: str) -> str:
    """A text with ' and " for all kinds of quotation marks and apostrophes."""
    return text if text.isascii() else text.translate(_QUOTES)


def compatible(text: str) -> str:
    """A text in Unicode's form NFKC, in which width and composition do not count.

    Raised and lowered digits stay, for they say something else than plain ones.
    """
    if text.isascii():
        return text
    if not _RAISED.search(text):
        return unicodedata.normalize("NFKC", text)
    pieces = re.split(f"({_RAISED.pattern})", text)
    return "".join(
        piece if i % 2 else unicodedata.normalize("NFKC", piece) for i, piece in enumerate(pieces)
    )


def folded(text: str, punctuation: bool = True) -> str:
    """A text without what does not change it: width, composition, case and white space.

    Code stays as it is, for there case and white space count. punctuation: whether punctuation
    counts; signs such as + and 😀 always do.
    """
    if not punctuation:
        plain = compatible(text).casefold()
        return " ".join(units(plain) or plain.split())
    pieces = (
        piece.replace("\r\n", "\n").strip("\r\n")
        if kind == "code"
        else " ".join(compatible(piece).casefold().split())
        for piece, kind in segments(text if "\n" in text.strip() else text.strip())
    )
    return "\n".join(piece for piece in pieces if piece)


# --- code -----------------------------------------------------------------------------------

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_FENCE = re.compile(r"`{3,}|^[ \t>]*(~{3,})")
_INDENTED = re.compile(r"(?: {0,3}\t| {4})")
_DIFF = re.compile(r"diff --git |@@ -\d|--- \S[^\r\n]*\r?\n\+\+\+ |Index: \S")
_IN_DIFF = re.compile(
    r"[-+ @\\]|(?:diff|index|new|deleted|old|rename|similarity|Binary|Index:|={3,})\s"
)
_INLINE = re.compile(r"((`{1,3})(?!`)[^`\n]++\2(?!`))")


def lines(text: str) -> Iterator[tuple[str, Kind]]:
    """The lines of a text with their ends, each with what it is part of.

    Code is what stands between fences (``` or ~~~), is indented by four columns, or is a diff; a
    blank line after an indented one is part of it. A table's line holds a | or a tab.
    """
    fence, diff, before = "", False, "prose"
    whole = _LINE.findall(text)
    for i, line in enumerate(whole):
        blank = not line.strip()
        if fence:
            kind: str = "fence"
            if _closes(line, fence):
                fence = ""
        elif opened := _opened(line):
            fence, kind, diff = opened, "fence", False
        elif diff and (blank or _IN_DIFF.match(line)):
            kind = "diff"
        elif _DIFF.match(line + (whole[i + 1] if i + 1 < len(whole) else "")):
            kind, diff = "diff", True
        else:
            diff = False
            kind = _kind_alone(line, blank, before)
        before = kind
        yield line, "prose" if kind == "prose" else "table" if kind == "table" else "code"


def _kind_alone(line: str, blank: bool, before: str) -> str:
    """What a line is that stands in no fence and no diff."""
    if _INDENTED.match(line) or blank and before == "indented":
        return "indented"
    return "table" if not blank and ("|" in line or "\t" in line) else "prose"


def _opened(line: str) -> str:
    """The fence that a line opens and does not close; empty for none."""
    if "```" not in line and "~~~" not in line:
        return ""
    open_fence = ""
    for mark in _FENCE.finditer(line):
        run = mark.group(1) or mark.group()
        open_fence = "" if open_fence else run
        if run[0] == "~":
            break
    return open_fence


def _closes(line: str, fence: str) -> bool:
    """Whether a line ends with a fence that is at least as long as the one that is open."""
    end = line.rstrip()
    run = len(end) - len(end.rstrip(fence[0]))
    return run >= len(fence)


def segments(text: str) -> list[tuple[str, Kind]]:
    """Pieces of a text with what each is: prose, code (also `inline`), or lines of a table.

    The pieces together are the text.
    """
    if not _MAY_HOLD_CODE.search(text):
        return [(text, "prose")] if text else []
    joined: list[tuple[list[str], Kind]] = []
    for line, kind in lines(text):
        if joined and joined[-1][1] == kind:
            joined[-1][0].append(line)
        else:
            joined.append(([line], kind))
    pieces: list[tuple[str, Kind]] = []
    for parts, kind in joined:
        whole = "".join(parts)
        if kind == "code" or "`" not in whole:
            pieces.append((whole, kind))
            continue
        for i, piece in enumerate(_INLINE.split(whole)):
            if piece and i % 3 != 2:  # the inner group of the pattern holds the mark only
                pieces.append((piece, "code" if i % 3 else kind))
    return pieces


_MAY_HOLD_CODE = re.compile(r"`|~~~|\t|\||^ {4}|^diff |^@@ |^--- |^Index: ", re.MULTILINE)
"""What every text with code or a table holds; the rest is prose, said quickly."""


def prose(text: str) -> str:
    """A text without its code; a space stands where it was."""
    return " ".join(piece for piece, kind in segments(text) if kind != "code")
