"""Words beside a number that say what it is: a phone to call, an identity, a sum, a part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Span = tuple[int, int, str]
"""Beginning and end of a piece of personal data in its text, and its value in normal form."""

Finder = Callable[[str], Iterator[Span]]
"""Yields the personal data of one kind in a text; signs of other scripts are plain by then."""

LETTER = r"A-Za-z\u00c0-\u024f\u0370-\u052f"
WORD = rf"0-9_{LETTER}"
"""Characters of words that stand between spaces, for a class of a pattern: Latin, Greek, Cyrillic.

Where another script writes its words side by side, a number or address ends at its letters.
"""

BEFORE, AFTER = 40, 14
"""Characters before and after a number in which such words count."""

CALL = re.compile(
    rf"(?<![{WORD}])(?:call|answer(?:s|ed|ing)? (?:at|on)|phone|telephone|tel|tél|mobile|cell|fax|whats ?app|sms|"
    r"text (?:me|us|him|her|them)|dial|ring|reach|"
    r"contact|hotline|(?:my|his|her|your|our|their) number|ligue|telefon[eo]?|telefonnummer|handy|ruf|anrufen|"
    r"ll[aá]m[ae]\w{0,3}|m[oó]vil|celular|appel\w{0,3}|portable|звони\w{0,4}|тел)(?![{WORD}])|"
    r"[電电][话話]|手[机機]|致[电電]|拨打|撥打|联系|聯繫|전화|연락|फ़ोन|मोबाइल|هاتف|جوال",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"[ \t]*[-–(,/]?[ \t]*(?:phone|office|fax|mobile|cell|home|work|tel)\b", re.IGNORECASE
)
_OTHER = re.compile(
    r"\b(?:comput\w{0,4}|calculat\w{0,4}|solve|minus|plus|subtract\w{0,4}|equals?|sum|part|order|serial|model|"
    r"invoice|isbn|issn|doi|article|item|product|version|account|tracking|ticket|case|patent)\b|"
    r"[=*×÷]|计算|[订訂][单單]|[单單][号號]|[编編][号號]|型[号號]|版本|注文番号|주문",
    re.IGNORECASE,
)


def is_called(text: str, start: int, end: int) -> bool:
    """Whether the words beside a number say that it is a phone."""
    before = text[max(0, start - BEFORE) : start]
    called = [m.end() for m in CALL.finditer(before)]
    if called:
        return not _OTHER.search(before[called[-1] :])
    return bool(_CALLED.match(text[end : end + AFTER])) and not _OTHER.search(before)


def is_other(text: str, start: int) -> bool:
    """Whether the words before a number say that it is a sum, a part, an order or the like."""
    return bool(_OTHER.search(text[max(0, start - BEFORE) : start]))


def digits_of(text: str) -> str:
    """The digits of a text, as plain ones."""
    return "".join(str(int(c)) for c in text if c.isdecimal())
