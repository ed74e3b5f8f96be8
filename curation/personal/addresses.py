"""E-mail, IP and web addresses. Those made for documents (RFC 2606, RFC 5737) are nobody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from curation.personal.nearby import LETTER, WORD, Span

_EMAIL = re.compile(
    rf"(?<![{WORD}.%+-])[{WORD}.%+-]{{1,64}}@(?:[{LETTER}0-9](?:[{WORD}-]{{0,61}}[{LETTER}0-9])?\.){{1,4}}"
    rf"[{LETTER}]{{2,18}}(?![{WORD}@])"
)
_SPELT = re.compile(
    rf"(?<![{WORD}.%+-])([{WORD}.%+-]{{1,64}}) ?[\[({{<] ?at ?[\])}}>] ?"
    rf"([{WORD}-]{{1,63}}(?: ?[\[({{<] ?(?:dot|punkt|punto) ?[\])}}>] ?[{WORD}-]{{2,63}}|\.[{WORD}-]{{2,63}}){{1,3}})",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    rf"(?<![{WORD}.%+-])([{WORD}.%+-]{{1,64}}) at ([{WORD}-]{{1,63}}(?: dot [{WORD}-]{{2,63}}){{0,2}}"
    rf" dot ([a-z]{{2,4}}))(?![{WORD}-])",
    re.IGNORECASE,
)
_SPOKEN_ENDS = frozenset(
    "com org net edu gov io dev info de uk fr jp cn ru nl se dk fi pl es ch ca au br co eu".split()
)
"""Ends of spoken addresses that are no words; after a name with a dot or digit any end counts."""
_DOT = re.compile(r" ?[\[({<] ?(?:dot|punkt|punto) ?[\])}>] ?| dot ", re.IGNORECASE)

_NOBODYS_DOMAIN = re.compile(
    r"@(?:[\w-]+\.)*(?:example(?:\.\w+)+|(?:e?mail\.xx|(?:company|domain|yourdomain|yourcompany|mycompany|website|test|abc|xyz|acme)"
    r"\.(?:com|org|net))|[\w-]+\.(?:example|test|invalid|localhost|local))$",
    re.IGNORECASE,
)
_NOBODYS_NAME = re.compile(
    r"^(?:info|support|contact|help|sales|admin|offers?|promotions?|no-?reply|newsletter|press|service|jobs|"
    r"office|team|hello|feedback|example|user(?:name)?\d{0,4}|my[_.][a-z._]{2,30}|your ?\.?(?:name|email)|"
    r"name|e?mail|test|abc|x+|y+|git|"
    r"(?:first|last)name|(?:john|jane)[._]?doe)@",
    re.IGNORECASE,
)
_IP4 = re.compile(rf"(?<![{WORD}.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![{WORD}-]|\.[{WORD}])")
_IP6 = re.compile(
    rf"(?<![{WORD}:.])(?:[0-9a-f]{{0,4}}:){{2,7}}[0-9a-f]{{0,4}}(?![{WORD}:])", re.IGNORECASE
)
_VERSION = re.compile(
    r"(?:\bv|\bver(?:sion|\.)?|\brelease|\bbuild|\bfirmware|\bsection|§|\bchapter|"
    r"版本[号號]?|固件|バージョン|버전)[ :=是为]{0,3}$",
    re.IGNORECASE,
)
_PUBLIC = frozenset("8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 1.2.3.4 4.3.2.1 4.4.4.4".split())
"""Addresses of public name servers, and those that people write for any address."""
_LEAST_OCTET = 20
"""The largest of four numbers is at least this in most addresses, and less in most versions."""
_URL = re.compile(
    rf"(?<![{WORD}@])"
    r"(?:https?://|www\.)[^\s<>\"'`\]}|\\^（）。，；、]{3,2000}",
    re.IGNORECASE,
)
_NOBODYS_URL = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)*(?:example(?:\.\w+)+|localhost|[\w-]+\.(?:example|test|invalid))(?:[/:?#]|$)",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[Span]:
    """Yield e-mail addresses, also such as `name (at) host (dot) org`, in lower case."""
    for start, end, address in _emails(text):
        if not (_NOBODYS_DOMAIN.search(address) or _NOBODYS_NAME.search(address)):
            yield start, end, address.lower()


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        for m in _EMAIL.finditer(text):
            yield m.start(), m.end(), m.group()
    lower = text.lower()
    if "at" in lower and ("(" in text or "[" in text or "{" in text or "<" in text):
        for m in _SPELT.finditer(text):
            if "." in (host := _DOT.sub(".", m.group(2))):
                yield m.start(), m.end(), f"{m.group(1)}@{host}"
    if " at " in lower and " dot " in lower:
        for m in _SPOKEN.finditer(text):
            if m.group(3).lower() in _SPOKEN_ENDS or re.search(r"[._\d]", m.group(1)):
                yield m.start(), m.end(), f"{m.group(1)}@{_DOT.sub('.', m.group(2))}"


def ip_addresses(text: str) -> Iterator[Span]:
    """Yield IP addresses that a machine on the public network can have."""
    patterns = [_IP4] * (text.count(".") > 2) + [_IP6] * (text.count(":") > 1)
    for pattern in patterns:
        for m in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(m.group())
            except ValueError:
                continue
            v6 = isinstance(address, ipaddress.IPv6Address)
            if (
                address.is_global
                and not address.is_multicast
                and str(address) not in _PUBLIC
                and (v6 or max(address.packed) >= _LEAST_OCTET)
                and (not v6 or (len(m.group()) > 8 and m.group()[0] != ":"))
                and not _VERSION.search(text[max(0, m.start() - 12) : m.start()])
            ):
                yield m.start(), m.end(), str(address)


def urls(text: str) -> Iterator[Span]:
    """Yield web addresses but those of examples (RFC 2606)."""
    if "http" in (lower := text.lower()) or "www." in lower:
        for m in _URL.finditer(text):
            address = m.group().rstrip(".,;:!?)*_")
            if "." in address and not _NOBODYS_URL.match(address):
                yield m.start(), m.start() + len(address), address
