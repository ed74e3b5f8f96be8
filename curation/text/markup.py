"""Markup of texts: which lines and pieces are prose, code or a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Kind = Literal["prose", "code", "table"]

Form = Literal["prose", "fence", "indented", "diff", "table"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_FENCE = re.compile(r"`{3,}|^[ \t>]*(~{3,})")
_INDENTED = re.compile(r"(?: {0,3}\t| {4})")
_DIFF = re.compile(r"diff --git |@@ -\d|--- \S[^\r\n]*\r?\n\+\+\+ |Index: \S")
_IN_DIFF = re.compile(
    r"[-+ @\\]|(?:diff|index|new|deleted|old|rename|similarity|Binary|Index:|={3,})\s"
)
INLINE = re.compile(r"((`{1,3})(?!`)[^`\n]++\2(?!`))")
"""Code between backticks in a line."""


def lines(text: str) -> Iterator[tuple[str, Kind]]:
    """The lines of a text with their ends, each with its kind.

    Code stands between fences (``` or ~~~), is indented by four columns, or is a diff; a
    blank line after an indented one is part of it. A table's line holds a | or a tab.
    """
    for line, form in formed_lines(text):
        yield line, "prose" if form == "prose" else "table" if form == "table" else "code"


def formed_lines(text: str) -> Iterator[tuple[str, Form]]:
    """The lines of a text with their ends, each with what makes it code, or its kind."""
    fence, diff = "", False
    before: Form = "prose"
    whole = _LINE.findall(text)
    for i, line in enumerate(whole):
        blank = not line.strip()
        if fence:
            kind: Form = "fence"
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
        yield line, kind


def _kind_alone(line: str, blank: bool, before: str) -> Form:
    """The kind of a line outside of fences and diffs."""
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
    """Pieces of a text, each with its kind: prose, code (also `inline`), or lines of a table.

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
        for i, piece in enumerate(INLINE.split(whole)):
            if piece and i % 3 != 2:  # the inner group of the pattern holds the mark only
                pieces.append((piece, "code" if i % 3 else kind))
    return pieces


_MAY_HOLD_CODE = re.compile(r"`|~~~|\t|\||^ {4}|^diff |^@@ |^--- |^Index: ", re.MULTILINE)
"""Matches in every text with code or a table. It is quick, and most texts are prose only."""


def prose(text: str) -> str:
    """A text without its code; a space stands where it was."""
    return " ".join(piece for piece, kind in segments(text) if kind != "code")
