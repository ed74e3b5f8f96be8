"""Cards, accounts and identities by their check digits, as `python-stdnum` knows them.

A number with strong check digits or a form of its own counts alone; one of weak form only where the
words beside it name it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from curation.personal.nearby import BEFORE, WORD, Span, digits_of

_CARD = re.compile(
    rf"(?<![{WORD}.,/\\-])(?<!\d )"
    r"(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})"
    rf"(?![.,]\d|[{WORD}-]| \d)"
)
_CARD_BEGINS = re.compile(r"3[04-9]|4|5[0-9]|2[2-7]|6[02-9]")
_NOBODYS_CARDS = frozenset(
    "4111111111111111 4012888888881881 4222222222222 4242424242424242 4000056655665556 5555555555554444 "
    "5105105105105100 5200828282828210 2223003122003222 378282246310005 371449635398431 378734493671000 "
    "6011111111111117 6011000990139424 6011000000000004 30569309025904 38520000023237 3056930009020004 "
    "36227206271667 3530111333300000 3566002020360505 6200000000000005 4000000000000002 4012000033330026 "
    "4000000000000077 4917610000000000 5454545454545454 4444333322221111".split()
)
"""Numbers that payment services publish for tests."""
_CARD_WORD = re.compile(
    r"card|visa|amex|karte|carte|tarjeta|cart[ãa]o|carta|卡|カード|카드", re.IGNORECASE
)
_IBAN = re.compile(
    rf"(?<![{WORD}])[A-Z]{{2}}\d{{2}}(?:[ -]?[A-Z0-9]{{4}}){{2,7}}(?:[ -]?[A-Z0-9]{{1,3}})?(?![{WORD}])",
    re.IGNORECASE,
)
_SSN = re.compile(rf"(?<![{WORD}-])\d{{3}}-\d{{2}}-\d{{4}}(?![{WORD}-])")
_BARE_SSN = re.compile(rf"(?<![{WORD}.,-])\d{{3}} ?\d{{2}} ?\d{{4}}(?![{WORD}-]|[.,]\d)")
_SSN_WORD = re.compile(r"\bssn\b|social security", re.IGNORECASE)
_NOBODYS_SSN = frozenset(("123456789", "078051120", "219099999", "111223333", "123121234"))


class Identity(NamedTuple):
    """A number by which a state names a person.

    module: of `stdnum`. shape: pattern of what may be one. word: pattern of the words that have to
    stand beside it; "" where its own check is enough.
    """

    module: str
    shape: str
    word: str = ""


_TAX = r"tax|steuer|fiscal|impost"
IDENTITIES = (
    Identity("cn.ric", r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]"),
    Identity("it.codicefiscale", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]"),
    Identity("mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d"),
    Identity("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    Identity("br.cpf", r"\d{11}", "cpf"),
    Identity("fi.hetu", r"\d{6}[-+A]\d{3}[0-9A-Y]"),
    Identity("kr.rrn", r"\d{6}-[1-8]\d{6}", "주민|resident|rrn"),
    Identity("ch.ssn", r"756\.\d{4}\.\d{4}\.\d{2}"),
    Identity("fr.nir", r"[12] \d{2} \d{2} \d{2} \d{3} \d{3} \d{2}"),
    Identity("fr.nir", r"[12]\d{12} ?\d{2}", r"s[ée]curit[ée] sociale|\bnir\b|\bins[ée]e\b"),
    Identity("es.dni", r"\d{8}-?[A-Z]", r"dni|nif|identidad|identity"),
    Identity("es.nie", r"[XYZ]-?\d{7}-?[A-Z]", r"nie|identidad|identity|extranjer"),
    Identity("in_.aadhaar", r"\d{4}[ -]?\d{4}[ -]?\d{4}", "aadha|आधार"),
    Identity("in_.pan", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", rf"\bpan\b|{_TAX}"),
    Identity("gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", r"\bnhs\b"),
    Identity("de.idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", rf"{_TAX}|idnr|identifikation"),
    Identity("pl.pesel", r"\d{11}", "pesel"),
    Identity("nl.bsn", r"\d{9}|\d{4}\.\d{2}\.\d{3}", r"\bbsn\b|burgerservice|sofi"),
    Identity("se.personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}", "person|swedish"),
    Identity("no.fodselsnummer", r"\d{6} ?\d{5}", r"f[øo]dsels|person|national|identity"),
    Identity("dk.cpr", r"\d{6}-?\d{4}", r"\bcpr\b|person"),
    Identity("ca.sin", r"\d{3}[ -]\d{3}[ -]\d{3}|\d{9}", r"\bsin\b|social insurance"),
    Identity("au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", r"\btfn\b|tax file"),
    Identity("us.itin", r"9\d{2}-\d{2}-\d{4}", rf"itin|{_TAX}"),
    Identity("be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"),
    Identity("ro.cnp", r"[1-9]\d{12}", r"\bcnp\b"),
    Identity("tr.tckimlik", r"[1-9]\d{10}", "kimlik|t\\.?c\\.? "),
    Identity("za.idnr", r"\d{10}[01]\d{2}", r"\bid\b|identity"),
    Identity("cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]"),
    Identity("ie.pps", r"\d{7}[A-W][A-IW]?", r"\bpps"),
    Identity("jp.in_", r"\d{4}[ -]?\d{4}[ -]?\d{4}", "マイナンバー|個人番号|my ?number"),
    Identity("th.pin", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", "บัตร|thai|identi"),
    Identity("il.idnr", r"\d{9}", "teudat|זהות|israel"),
)
"""National numbers that are sought, each checked by `stdnum`."""

_SHAPES = [
    (identity, re.compile(rf"(?<![{WORD}.,/-])(?:{identity.shape})(?![{WORD}-]|[.,/]\d)"))
    for identity in IDENTITIES
]
_WORDS = [re.compile(identity.word, re.IGNORECASE) for identity in IDENTITIES]


def cards(text: str) -> Iterator[Span]:
    """Yield card numbers, as digits: by Luhn's check, and how they begin and how long they are."""
    for m in _CARD.finditer(text):
        number = digits_of(m.group())
        if (len(number) > 14 or _beside(_CARD_WORD, text, m)) and is_card(number):
            yield m.start(), m.end(), number


def is_card(number: str) -> bool:
    """Whether digits are those of a payment card that is not published for tests."""
    from stdnum import luhn

    return (
        13 <= len(number) <= 19
        and len(set(number)) > 2
        and bool(_CARD_BEGINS.match(number))
        and number not in _NOBODYS_CARDS
        and bool(luhn.is_valid(number))
    )


def ibans(text: str) -> Iterator[Span]:
    """Yield account numbers whose check digits and country's form are right (ISO 13616)."""
    from stdnum import iban

    for m in _IBAN.finditer(text):
        end, number = m.end(), m.group()
        while number and not iban.is_valid(number):  # a word may follow it
            cut = max(number.rfind(" "), number.rfind("-"))
            end, number = m.start() + cut, number[: max(cut, 0)]
        if number:
            yield m.start(), end, iban.compact(number)


def social_security(text: str) -> Iterator[Span]:
    """Yield American social security numbers; without hyphens where the words beside say so."""
    from stdnum.us import ssn

    for pattern in (_SSN, _BARE_SSN):
        for m in pattern.finditer(text):
            number = digits_of(m.group())
            if pattern is _BARE_SSN and not _beside(_SSN_WORD, text, m):
                continue
            if number not in _NOBODYS_SSN and ssn.is_valid(number):
                yield m.start(), m.end(), number


def identities(text: str) -> Iterator[Span]:
    """Yield national numbers of persons whose check digits are right; see IDENTITIES."""
    for (identity, shape), word in zip(_SHAPES, _WORDS, strict=True):
        for m in shape.finditer(text):
            if identity.word and not _beside(word, text, m):
                continue
            module = importlib.import_module(f"stdnum.{identity.module}")
            if module.is_valid(m.group()):
                yield m.start(), m.end(), re.sub(r"\W", "", m.group()).upper()


def _beside(word: re.Pattern[str], text: str, m: re.Match[str]) -> bool:
    """Whether one of some words stands shortly before or after a number."""
    around = f"{text[max(0, m.start() - BEFORE) : m.start()]} {text[m.end() : m.end() + 20]}"
    return bool(word.search(around))
