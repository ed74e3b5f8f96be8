"""The part of a text that is mathematics: TeX, and equations and sums in plain letters.

Guarantee: the time grows with the length of the text, whatever is in it.
"""

from __future__ import annotations

import re

from curation.text.code import code_lines
from curation.text.markup import INLINE

LONGEST = 2_000
"""Characters of one formula at most."""

_TEX = re.compile(
    rf"\$\$[^$]{{1,{LONGEST}}}\$\$"
    rf"|\\\[(?:(?!\\[\[\]]).){{1,{LONGEST}}}\\\]|\\\((?:(?!\\[()]).){{1,{LONGEST}}}\\\)"
    rf"|\\begin\{{(?:equation|align|gather|cases|[bpv]?matrix)\*?\}}(?:(?!\\(?:begin|end)\{{).){{1,{LONGEST}}}\\end\{{\w{{1,12}}\*?\}}"
    r"|(?<![\\$\w])\$(?=[^\s$])[^$\n]{0,200}[\\^_{=][^$\n]{0,200}(?<=[^\s$])\$(?![\d$])"
    r"|(?<![\\$\w])\$[A-Za-z]\$"
    r"|<<[^<>\n]{1,200}>>",
    re.DOTALL,
)
"""TeX between its marks, where money has none of its signs, and the calculator's marks of GSM8K."""

_OPERAND = (
    r"(?:[$€£]?\d++(?:[.,]\d++)*+(?:%|°|[a-zA-Z](?![a-zA-Z]))?|[a-zA-Zα-ωΑ-Ω](?![^\W\d_])'?[²³]?"
    r"|(?:sin|cos|tan|log|ln|exp|sqrt|lim|max|min)(?![^\W\d_]))"
)

_FORMULA = re.compile(
    rf"(?<![\w.])(?<!\d,)[(\[√∑∫|-]{{0,3}}{_OPERAND}[)\]!|]{{0,3}}(?:\s?(?:[=≈≠<>≤≥+*/^×÷·−-]|[<>]=|\*\*|\\times)\s?"
    rf"[(\[√∑∫|-]{{0,3}}{_OPERAND}[)\]!|]{{0,3}}){{1,200}}"
)
"""Numbers, single letters and functions with signs between them; none begins within 1,000,000."""

_PROVES = re.compile(r"[=≈≠≤≥^×÷√∑∫*]|\w\s?\+\s?\w|\s[<>]\s")
"""A sign by which such a run is mathematics: 24/7, 2020-01-02 and 1861 - 1865 have none."""


def formula_characters(text: str) -> tuple[int, int]:
    """Count the characters of a text that are mathematics, and all of them, without blanks.

    Lines of code and what stands between backticks are none.
    """
    prose = "".join(line for line, is_code in code_lines(text) if not is_code)
    formulas, rest, begin = 0, list[str](), 0
    prose = INLINE.sub(" ", prose)
    for match in _TEX.finditer(prose):
        formulas += _size(match[0])
        rest.append(prose[begin : match.start()])
        begin = match.end()
    for part in [*rest, prose[begin:]]:
        runs = (match[0] for match in _FORMULA.finditer(part))
        formulas += sum(_size(run) for run in runs if _PROVES.search(run))
    return formulas, _size(text)


def _size(text: str) -> int:
    return len("".join(text.split()))
