"""Code without fences whose end is missing: a bracket that is not closed, or a line that waits for the next."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"[;{}]\s*\Z|^\s*(?:def|for|if|elif|else|while|return|import|from|class|print|public|private|protected|"
    r"static|var|let|const|function|try|except|with|select|insert|create|update|#include|int|void|double|float|"
    r"string|char|package|using|namespace)\b.*[(:;{=)]|^\s*[\w.\[\]]+\s*[-+*/]?=\s*\S|^\s*[\w.]+\([^)]*\)\s*\Z",
    re.IGNORECASE,
)
"""A line that is probably code."""
_QUOTED = re.compile(
    r"\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|(?<!:)//\s*[A-Za-z][^\n]*|"
    r"(?<![&\w])#[^\n]*|/\*[\s\S]*?\*/|<!--[\s\S]*?-->"
)
"""Strings and comments, whose brackets do not count. In Python // divides, and &#39; is no comment."""
_WAITS = re.compile(
    r"^\s*(?:def|class|for|if|elif|else|while|with|try|except)\b[^\n]*:\Z|[\w)\]] ?(?:[=*/]|&&|\|\|)\Z|"
    r"^\s*(?:return|import|from|def|for|elif|while|in)\Z",
    re.MULTILINE,
)
_LONGEST = 20_000
"""Characters of an answer that are read; a longer one is not judged."""


def is_open_code(text: str) -> bool:
    """Tell whether a text is code, at least half of its lines, and is cut.

    A bracket is not closed, or the last line opens a block, assigns or lists, and nothing follows.
    text: an answer without white space at its end. Code between fences has its own sign, the fence.
    """
    if "\n" not in text or "```" in text or len(text) > _LONGEST:
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    if sum(_LINE.search(line) is not None for line in lines) * 2 < len(lines):
        return False
    bare = _QUOTED.sub('""', text)
    if any(bare.count(pair[0]) > bare.count(pair[1]) for pair in ("()", "[]", "{}")):
        return True
    return _WAITS.search(lines[-1]) is not None
