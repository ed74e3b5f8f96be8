"""Personal data in texts: addresses, numbers and keys that would reach somebody or open something.

Kept libraries decide what a number is (`phonenumbers`, `python-stdnum`, `ipaddress`). Names of
persons and postal addresses are not found, as that needs a model of each language.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from curation.personal import addresses, keys, numbers, phones
from curation.personal.nearby import Finder

__all__ = ["DEFAULT", "KINDS", "Finding", "Kind", "find", "is_personal", "kinds", "might_hold"]


class Kind(NamedTuple):
    """A kind of personal data.

    title: what it finds, in words. find: yields its places in a text; see `nearby.Finder`. quick: a
    pattern that matches in every text with such data. default: whether it is sought without being
    named.
    """

    title: str
    find: Finder
    quick: re.Pattern[str]
    default: bool = True


_AT = re.compile(r"@|[\[({<] ?[aA][tT] ?[\])}>]| [dD][oO][tT] ")
_SEVEN_DIGITS = re.compile(r"\d(?:[^\w\n]{0,4}\d){6}")
_NINE_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){8}")
_SECRET = re.compile(r"[\w+/=.-]{15}|PRIVATE KEY|://")
KINDS: dict[str, Kind] = {
    "key": Kind("keys, tokens and passwords", keys.keys, _SECRET),
    "url": Kind(
        "web addresses", addresses.urls, re.compile(r"https?:|www\.", re.IGNORECASE), default=False
    ),
    "email": Kind("e-mail addresses", addresses.emails, _AT),
    "iban": Kind(
        "bank accounts (IBAN)",
        numbers.ibans,
        re.compile(r"[A-Za-z]\d\d[ -]?[A-Za-z0-9]{4}"),
    ),
    "card": Kind("payment cards", numbers.cards, re.compile(r"\d{4}[ -]?\d{4}|3\d{3}[ -]\d{6}")),
    "ssn": Kind("American social security numbers", numbers.social_security, _NINE_DIGITS),
    "national_id": Kind(
        "national identity numbers",
        numbers.identities,
        re.compile(r"\d\d(?:\d{3}|[ .-]\d\d|[A-Za-z]\d\d)"),
    ),
    "ip": Kind(
        "public IP addresses",
        addresses.ip_addresses,
        re.compile(r"\d\.\d{1,3}\.\d|:[0-9A-Fa-f]{0,4}:"),
    ),
    "phone": Kind("phone numbers", phones.phones, _SEVEN_DIGITS),
}
"""Kinds of personal data by name; of two that overlap in a text, the first counts."""

DEFAULT: tuple[str, ...] = tuple(name for name, kind in KINDS.items() if kind.default)
"""Kinds that are sought unless others are named. A web address alone is not personal."""

_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)}
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ")
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2212"), "-")
_DIGITS = {zero + i: str(i) for zero in (0x0660, 0x06F0, 0x0966) for i in range(10)}
_PLAIN: dict[int, str | int | None] = {**_WIDE, **_SPACES, **_HYPHENS, **_DIGITS}
"""Signs of other widths and scripts → the plain sign. One for one, so that places stay."""


_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
"""A character as JSON may write it; JSON in a text of JSON has more backslashes before it."""


class Finding(NamedTuple):
    """A piece of personal data: its kind, its place in the text, and its value in normal form."""

    kind: str
    start: int
    end: int
    value: str


def find(text: str, names: Iterable[str] = DEFAULT) -> list[Finding]:
    """Return the personal data in a text by place; none overlaps another. names: of KINDS."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    findings = list[Finding]()
    for finding in _found(plain, names):
        place = bisect.bisect(findings, finding.start, key=lambda f: f.start)
        before, after = findings[max(0, place - 1) : place], findings[place : place + 1]
        if all(f.end <= finding.start for f in before) and all(
            f.start >= finding.end for f in after
        ):
            findings.insert(place, finding)
    return findings


def _found(plain: str, names: Iterable[str]) -> Iterator[Finding]:
    chosen = set(names)
    for name, kind in KINDS.items():
        if name in chosen and kind.quick.search(plain):
            yield from (Finding(name, *span) for span in kind.find(plain))


def might_hold(text: str, names: Iterable[str] = DEFAULT) -> bool:
    """Whether a quick look does not rule out personal data in a text; also in a JSON text."""
    if "\\u" in text:
        text = _ESCAPED.sub(lambda m: chr(int(m.group(1), 16)), text)
    plain = text if text.isascii() else text.translate(_PLAIN)
    return any(KINDS[name].quick.search(plain) for name in names)


def kinds(text: str) -> list[str]:
    """Names of the kinds of personal data in a text, such as email and phone."""
    return list(dict.fromkeys(finding.kind for finding in find(text)))


def is_personal(text: str) -> bool:
    """Whether a text holds personal data of a kind that is sought by default."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    return next(_found(plain, DEFAULT), None) is not None
