"""Phone numbers by Google's libphonenumber (`phonenumbers`), and by the words beside them.

A number counts without a word when it begins with a country's code and exists, or is written as its
country groups such numbers. Any other counts behind a word such as "call" or before one such as "fax".
Numbers made for films and forms (555) are nobody's.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

from curation.personal.nearby import WORD, Span, digits_of, is_called, is_other

REGIONS = ("US", "GB", "FR", "DE", "ES", "IT", "CN", "JP", "BR", "IN", "AU", "NO")
"""Countries whose own way to write a number is known to it without the country's code."""

_ENOUGH = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")
_CANDIDATE = re.compile(
    rf"(?<![{WORD}.,=/$€£¥#<>])"
    r"(?:\+ ?|\((?=\+?\d))?\d(?:[ .()/–-]{0,3}\d){6,16}(?:,? ?(?:x|ext\.?) ?\d{1,6})?"
    rf"(?![{WORD}+]|[.,:/-]\d|%| ?[=×*<]| [+/-] ?\d)",
    re.IGNORECASE,
)
_GROUPS = re.compile(
    r"(?:[(]\d{2,5}[)] ?|[2-9]\d\d([-.])(?=\d{3}\1\d{4})|0\d{1,4}[ /-]|1[3-9]\d(?:[ -]?\d{4}){2}$)"
    r"|0\d(?:[ .-]?\d\d){4}$|\d{4,5} \d{5,6}$"
)
"""Beginning of a number in groups that a country uses; a row of digits is none, but a Chinese mobile."""
_NORTH_AMERICA = re.compile(r"[(][2-9]\d\d[)][ -]?[2-9]\d\d[ .-]\d{4}")
_DATE = re.compile(
    r"(?:19|20)\d\d[-/. ](?:0?[1-9]|1[0-2])[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:[-–/ ]+(?:1[5-9]|20)\d\d)+")
_NOBODYS = re.compile(
    r"^(?:1|001)?(?:\d{3})?555|^0?0?80[08]|^[01]?123456|^0?987654321|^(?:1|001)?8(?:00|33|44|55|66|77|88)|^(\d)\1+$"
)
"""Numbers made for films and forms, and those that companies answer for free in North America and Europe."""
_COUNTED = {"".join(str((start + i) % 10) for i in range(10)) for start in range(10)}
"""Ten digits in the order of counting, as people fill in forms."""
_UNIT = re.compile(r" ?[元圆圓円원万萬亿億人个個台年]")
"""A unit of money or of a count behind a number, where no word says that it is a phone."""
_NO_NUMBER = re.compile(r"\d{1,4}\.\d{4,}|\+ \d+|1[4-7]\d{8}|.*\d (?:/|[–-](?= )).*")
"""A decimal number, a summand, seconds since 1970, and a quotient or a difference."""
_EXTENSION = re.compile(r",? ?(?:x|ext\.?) ?\d{1,6}$", re.IGNORECASE)


def phones(text: str) -> Iterator[Span]:
    """Yield phone numbers in the form +4791238876 (E.164), or as digits where no country is known."""
    if not _ENOUGH.search(text):
        return
    for m in _CANDIDATE.finditer(text):
        start, end = m.span()
        if m.group().startswith("(") and ")" not in m.group():
            start += 1
        if re.search(r"(?:\d[ )]|[=\])$€£¥] )$", text[max(0, start - 2) : start]):
            continue  # a piece of a longer row of numbers
        value = _number(text, start, end)
        if value:
            yield start, end, value


def _number(text: str, start: int, end: int) -> str:
    """The normal form of a candidate that is somebody's phone number, else an empty text."""
    plain = _EXTENSION.sub("", text[start:end])
    digits = digits_of(plain)
    if _is_another(plain, digits):
        return ""
    called = is_called(text, start, end)
    if plain.startswith("+") or re.match(r"00(?=[1-9]\d{0,2}[ ./-])", plain):
        value, valid = parsed("+" + digits.removeprefix("00"))
        in_groups = len(digits) > 9 and not plain[2:].isdigit()
        return value if value and (valid or called or in_groups) else ""
    if not called and (is_other(text, start) or _UNIT.match(text, end) or not _GROUPS.match(plain)):
        return ""
    for region in REGIONS:
        if value := grouped(plain, region):
            return value
    if called and len(digits) <= 12:
        return digits
    return f"+1{digits}" if _NORTH_AMERICA.fullmatch(plain) else ""


def _is_another(plain: str, digits: str) -> bool:
    """Whether a candidate is too long or short, a date, a sum, or a number made for forms."""
    return (
        not 7 <= len(digits) <= 15
        or len(set(digits)) < 3
        or digits[-10:] in _COUNTED
        or (plain == digits and len(digits) == 7)
        or bool(_DATE.search(plain) or _YEARS.fullmatch(plain))
        or bool(_NO_NUMBER.fullmatch(plain) or _NOBODYS.search(digits))
    )


def identity(written: str, value: str) -> str:
    """The key by which two spellings of a phone number are one.

    It is the E.164 of a number that is written with its country's code, else its digits without a
    leading zero, with which the E.164 of the same number ends.

    value: its normal form by `phones`.
    """
    plain = _EXTENSION.sub("", unicodedata.normalize("NFKC", written)).lstrip("( ")
    coded = plain.startswith("+") or (value[:1] == "+" and plain.startswith("00"))
    return value if coded else digits_of(plain).lstrip("0")


@functools.lru_cache(4096)
def parsed(number: str) -> tuple[str, bool]:
    """A number with its country's code: in E.164, "" for none of any country, and whether it exists."""
    import phonenumbers

    try:
        value = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "", False
    written = phonenumbers.format_number(value, phonenumbers.PhoneNumberFormat.E164)
    return written, phonenumbers.is_valid_number(value)


@functools.lru_cache(4096)
def grouped(number: str, region: str) -> str:
    """A number in E.164 where it is written as a country groups its numbers, else an empty text."""
    import phonenumbers

    matcher = phonenumbers.PhoneNumberMatcher(
        number, region, phonenumbers.Leniency.EXACT_GROUPING, max_tries=20
    )
    for match in matcher:
        if digits_of(match.raw_string) == digits_of(number):
            form = phonenumbers.PhoneNumberFormat.E164
            return str(phonenumbers.format_number(match.number, form))
    return ""
