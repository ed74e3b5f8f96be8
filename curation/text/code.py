"""The part of a text that is program code, also where no fence says so.

Guarantee: the time grows with the length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curation.text.markup import INLINE, formed_lines

LONGEST = 400
"""Characters of a line that are looked at; the rest of it shares its fate."""

_STATEMENT = re.compile(
    r"""\s*(?:
      (?:async\s)?def\s\w+\(|from\s[\w.]+\simport\s[\w*]+(?:\sas\s\w+)?(?:,\s?\w+)*$
      |class\s\w+(?:\(.*\):|.*\{)$|import\s(?:static\s)?[\w.*]+;$|import\s.*\sfrom\s["'].*
      |\#include\b|\#!/|using\s(?:namespace\s)?[\w.]+;|package\s[\w.]+;
      |(?:var|let|const)\s\w+\s?=.*[;{(\[]$|(?:public|private|protected|static)\s\w.*\{$
      |(?:if|for|while|switch|catch)\s?\(.*\{$
      |SELECT\s(?:\*|.*\bFROM\s\S)|INSERT\sINTO\s\S|UPDATE\s\S+\sSET\b|DELETE\sFROM\s\S
      |(?:CREATE|ALTER|DROP)\s(?:TABLE|VIEW|INDEX|DATABASE)\s|FROM\s[\w.]+(?:\s\w+)?;$
      |WHERE\s\S+\s?(?:[<>=!]|(?:LIKE|IN|BETWEEN|IS)\b)
      |return\s(?:not\s)?(?:[\w.]*\w[\[(].*|\[.*)[\])]$
      |</\w[\w-]*>|<\w[\w-]*(?:\s[^<>]*)?>[^<>]*</\w|<!--|<!DOCTYPE
      |<(?:html|head|body|div|p|a|span|ul|ol|li|table|t[rdh]|h\d|form|input|button|img|script|style|svg)\b[^<>]*>
      |\$\s(?:sudo\s)?(?:pip3?|python3?|npm|npx|yarn|git|cd|ls|cat|echo|mkdir|rm|cp|mv|curl|wget|apt|apt-get|brew
        |docker|make|ssh|chmod|grep|export|conda|node|cargo|go|touch|tar|source|bash|sh)\b
      |(?:await\s)?(?:print\(.*\)|[A-Za-z_]\w*\(\s*(?:["'].*)?\)|(?:\w+\.)+\w+\(.*\)|\w*_\w*\(.*\))[;,]?$
      |[A-Za-z_][\w.]*\(.*\);$
    )""",
    re.VERBOSE,
)
"""A statement, call or tag as prose has none."""

_WEAK = re.compile(
    r"""\s*(?:
      class\s\w+\s?[:({]|import\s[\w.]+|from\s[\w.]+\simport\s
      |(?:if|elif|while|for|with|except)\b[^.?!]*:$|(?:else|try|finally):$
      |assert\b.*[=()<>]|@[\w.]+(?:\(.*\)?)?$|(?:break|continue|pass);?$
      |(?:function|fn|func|fun)\s\w*\(|(?:var|let|const)\s\w+\s?=|(?:public|private|protected|static)\s\w
      |(?:if|for|while|switch|catch)\s?\(.*[{;)]$
      |(?:SELECT|UPDATE|CREATE|ALTER|DROP|FROM|WHERE)\s\S
      |return\b.*[\w)\]}"';]$|\$\s[a-z]|\}|\);?$|(?:await\s)?[A-Za-z_][\w.]*\(.*\)[;,]?$
    )""",
    re.VERBOSE,
)
"""A statement where the text has surer ones: import duties, public transport and Milton(1608) begin so too."""

_LIKELY = re.compile(
    r"""\s{2,}return\b.*[\w)\]}"';]$|\s*(?:
      [A-Za-z_][\w.]+(?:\[[^\]]*\])?\s?(?:[-+*/|&%]|:)?=(?!=)\s?[^\s<](?!.*\s=\s)
      |return\s.*(?:\w[\[(]|[=<>!]=|\s[<>+*/%-]\s).*|>>>\s.*|(?:int|char|float|bool|string|double)\b.*;$
      |[^=(\[{]*[=(\[{].*[;{\\]$|.*(?:\{|\)\s?=>)$
    )""",
    re.VERBOSE,
)
"""A statement unless the line is prose. x = 5, and two equations in a line, are mathematics."""

_COMMENT = re.compile(r"\s*(?:#|//|/\*|--\s)|\s+\*")

_SIGNS = re.compile(r"[=(){}\[\]<>;_\"`$&|+*/\\:%-]|(?<=\w)\.(?=\w)|(?<![^\W\d_])'|'(?![^\W\d_])")

_WORDS = re.compile(r"[^\W\d_]+")

_QUOTES = '"""'
"""Marks around a text in the middle of code."""


def code_characters(text: str) -> tuple[int, int]:
    """Count the characters of a text that are code, and all of them, without blanks.

    Code stands between fences or backticks, is a diff, or looks like statements. What begins like a
    statement and may be prose counts where the text also has a surer one. After code, a comment and a quoted
    text are code, and so is an indented line unless it is prose.
    """
    code = whole = 0
    for line, is_code in code_lines(text):
        size = _size(line)
        whole += size
        code += size if is_code else sum(_size(match[0]) for match in INLINE.finditer(line))
    return code, whole


def code_lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines of a text that are not blank, with their ends, and whether each is code."""
    before = quoted = False
    formed = list(formed_lines(text))
    sure = any(
        is_statement(line[:LONGEST].rstrip())
        for line, form in formed
        if form not in ("fence", "diff")
    )
    for line, form in formed:
        head = line[:LONGEST].rstrip()
        if not head:
            continue
        if form in ("fence", "diff"):
            yield line, True
            continue
        comment = before and bool(_COMMENT.match(head))
        follows = comment or (before and line[0] in " \t")
        turns = (quoted or follows) and head.count(_QUOTES) % 2 == 1
        before = (
            quoted
            or turns
            or comment
            or (sure and (bool(_WEAK.match(head)) or is_statement(head)))
            or (follows and not _is_prose(head))
        )
        quoted ^= turns
        yield line, before


def _size(text: str) -> int:
    return len("".join(text.split()))


def is_statement(line: str) -> bool:
    """Whether a line, without blanks at its end, looks like a statement of a program."""
    return bool(_STATEMENT.match(line) or (_LIKELY.match(line) and not _is_prose(line)))


def _is_prose(line: str) -> bool:
    """Whether a line has more words than signs of code, and more than a few."""
    words = len(_WORDS.findall(line))
    return words > 3 and words > len(_SIGNS.findall(line))
