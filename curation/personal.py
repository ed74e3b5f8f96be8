"""Personal data in texts: addresses, numbers and keys that would reach somebody or open something.

A number counts by its check digits (cards, IBAN, Chinese identity cards) or by its structure; a number
of weak structure counts only behind a word such as "call". Numbers and addresses made for forms and
films (RFC 2606, 555) are nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,4}[^\W\d_]{2,18}(?![\w@])"
)
_SPELT_EMAIL = re.compile(
    r"(?<![\w.%+-])([\w.%+-]{1,64}) ?[\[({] ?at ?[\])}] ?([\w-]{1,63}(?: ?[\[({] ?dot ?[\])}] ?[\w-]{2,63}){1,3})",
    re.IGNORECASE,
)
_SPELT_DOT = re.compile(r" ?[\[({] ?dot ?[\])}] ?", re.IGNORECASE)
_NOBODYS_DOMAIN = re.compile(
    r"@(?:[\w-]+\.)*(?:example\.\w+|(?:company|domain|yourdomain|yourcompany|mycompany|website|test|abc|xyz|acme)"
    r"\.(?:com|org|net)|[\w-]+\.(?:example|test|invalid|localhost|local))$",
    re.IGNORECASE,
)
_NOBODYS_NAME = re.compile(
    r"^(?:info|support|contact|help|sales|admin|offers?|promotions?|no-?reply|newsletter|press|service|jobs|"
    r"office|team|hello|feedback|example|user(?:name)?|your ?\.?(?:name|email)|name|e?mail|test|abc|x+|git|"
    r"(?:first|last)name|(?:john|jane)[._]?doe)@",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(
    r"(?<![\w+.=])(?<![\d=)\]] )(?:\+|00(?=[1-9]\d{0,2}[ ./-]))\d{1,3}"
    r"(?:[ ./-]{0,2}\(\d{1,5}\))?(?:[ ./-]?\d{1,5}){2,6}"
    r"(?:(?: ?x| ext\.? ?)\d{1,6})?(?![\w+])"
)
_NATIONAL = re.compile(
    r"(?<![\w.+-])(?:"
    r"\([2-9]\d\d\)[ -]?[2-9]\d\d[ .-]\d{4}|[2-9]\d\d([-.])[2-9]\d\d\1\d{4}"  # North America
    r"|07\d{3}[ -]?\d{6}|\(?0\d{2,4}\)? \d{3,4} \d{3,4}"  # Britain
    r"|0[67](?:[ .-]?\d\d){4}"  # France
    r"|01[5-7]\d ?[/-]? ?\d{7,8}"  # Germany
    r"|1[3-9]\d-?\d{4}-?\d{4}"  # China
    r"|0[5-9]0-\d{4}-\d{4}"  # Japan
    r"|\(\d{2}\) ?9?\d{4}-\d{4}"  # Brazil
    r")(?:(?: ?x| ext\.? ?)\d{1,6})?(?![\w+]|[.,-]\d)"
)
_ANY_NUMBER = re.compile(
    r"(?<![\w.,+-])\(?\d{2,5}\)?(?:[ ./-]\(?\d{2,8}\)?){1,5}(?!\d|[.,:-]\d)|(?<![\w.,+-])\d{8,12}(?!\w|[.,:-]\d)"
)
_CALL = re.compile(
    r"\b(?:call|answer\w{0,3}|phone|telephone|tel|tél|mobile|cell|fax|whats ?app|sms|"
    r"text (?:me|us|him|her|them)|dial|ring|reach|"
    r"contact|hotline|(?:my|his|her|your|our|their) number|ligue|telefon[eo]?|telefonnummer|handy|ruf|anrufen|"
    r"ll[aá]m[ae]\w{0,3}|m[oó]vil|celular|appel\w{0,3}|portable|звони\w{0,4}|тел)\b|"
    r"[电電][话話]|手[机機]|致[电電]|联系|聯繫|전화|연락|फ़ोन|मोबाइल|هاتف|جوال",
    re.IGNORECASE,
)
_NO_CALL = re.compile(
    r"\b(?:comput\w{0,4}|calculat\w{0,4}|solve|minus|subtract\w{0,4}|equals?|sum|part|order|serial|model|invoice|isbn|"
    r"issn|article|item|product|version|account|tracking|ticket|case|patent)\b|[=*×÷]|计算",
    re.IGNORECASE,
)
NEAR = 40
"""Characters before a number in which the word stands that says what it is."""

_DATE = re.compile(
    r"(?:19|20)\d\d[-/. ](?:0?[1-9]|1[0-2])[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:[-/ ](?:1[5-9]|20)\d\d)+")
_NOBODYS_NUMBER = re.compile(
    r"^1?(?:\d{3})?555|^[01]?123456|^0?987654321|^1?8(?:00|33|44|55|66|77|88)|^(\d)\1+$"
)
"""Numbers made for films and forms, and those that companies answer for free in North America."""

_CARD = re.compile(
    r"(?<![\w.,-])(?<!\d )(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\d.,]\d|[\w-]| \d)"
)
_CARD_BEGINS = re.compile(r"3[04-9]|4|5[0-9]|2[2-7]|6[02-9]")
_IBAN = re.compile(
    r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE
)
_SOCIAL_SECURITY = re.compile(
    r"(?<![\w-])(?!000|666|9\d\d|123-45-6789|078-05-1120)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"
)
_CHINESE_ID = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?!\d)"
)
_KEY = re.compile(
    r"(?<![\w-])(?:sk-(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{20,200}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}"
    r"|github_pat_\w{22,200}|glpat-[\w-]{20,60}|xox[abeprs]-[\w-]{10,200}|AIza[\w-]{35}|hf_[A-Za-z]{34}"
    r"|npm_[A-Za-z0-9]{36}|eyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{10,4000})(?![\w-])"
    r"|-----BEGIN (?:[A-Z]{1,12} )?PRIVATE KEY-----"
)


def kinds(text: str) -> list[str]:
    """Names of the kinds of personal data in a text, such as email and phone."""
    return [name for name, holds in KINDS.items() if holds(text)]


def is_personal(text: str) -> bool:
    """Whether a text holds personal data of any kind."""
    return any(holds(text) for holds in KINDS.values())


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _has_email(text: str) -> bool:
    return any(
        not (_NOBODYS_DOMAIN.search(address) or _NOBODYS_NAME.search(address))
        for address in _emails(text)
    )


def _emails(text: str) -> Iterator[str]:
    if "@" in text:
        yield from (m.group() for m in _EMAIL.finditer(text))
    if "at" in text.lower() and ("(" in text or "[" in text or "{" in text):
        for m in _SPELT_EMAIL.finditer(text):
            yield f"{m.group(1)}@{_SPELT_DOT.sub('.', m.group(2))}"


def _has_phone(text: str) -> bool:
    return any(
        7 <= len(number) <= 15 and not _NOBODYS_NUMBER.search(number) for number in _phones(text)
    )


def _phones(text: str) -> Iterator[str]:
    """Digits of what may be a phone number."""
    for m in _INTERNATIONAL.finditer(text):
        number = _digits(m.group())
        if len(number) >= 8:
            yield number[2:] if m.group().startswith("00") else number
    for m in _NATIONAL.finditer(text):
        if not _NO_CALL.search(text[max(0, m.start() - NEAR) : m.start()]):
            yield _digits(m.group())
    for m in _ANY_NUMBER.finditer(text):
        number, before = _digits(m.group()), text[max(0, m.start() - NEAR) : m.start()]
        if not 7 <= len(number) <= 12 or _DATE.search(m.group()) or _YEARS.fullmatch(m.group()):
            continue
        called = list(_CALL.finditer(before))
        if called and not _NO_CALL.search(before[called[-1].end() :]):
            yield number


def _has_card(text: str) -> bool:
    return any(is_card(m.group()) for m in _CARD.finditer(text))


def is_card(text: str) -> bool:
    """Whether a number passes the check of payment cards (Luhn) and begins and is long like one."""
    numbers = [int(c) for c in _digits(text)]
    if (
        not 13 <= len(numbers) <= 19
        or len(set(numbers)) < 3
        or not _CARD_BEGINS.match(_digits(text))
    ):
        return False
    odd, even = numbers[-1::-2], numbers[-2::-2]
    return (sum(odd) + sum(sum(divmod(2 * n, 10)) for n in even)) % 10 == 0


def _has_iban(text: str) -> bool:
    return any(is_iban(m.group()) for m in _IBAN.finditer(text))


def is_iban(text: str) -> bool:
    """Whether an account number passes the check of IBAN (ISO 7064, modulo 97)."""
    plain = text.replace(" ", "")
    number = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(number) % 97 == 1


def _has_identity(text: str) -> bool:
    return bool(_SOCIAL_SECURITY.search(text)) or any(
        is_chinese_identity(m.group()) for m in _CHINESE_ID.finditer(text)
    )


def is_chinese_identity(text: str) -> bool:
    """Whether eighteen signs pass the check of Chinese identity cards (ISO 7064, modulo 11-2)."""
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17].upper()


def _digitless(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: any(c.isdigit() for c in text) and check(text)


KINDS: dict[str, Callable[[str], bool]] = {
    "email": _has_email,
    "phone": _digitless(_has_phone),
    "card": _digitless(_has_card),
    "account": _digitless(_has_iban),
    "identity": _digitless(_has_identity),
    "key": lambda text: bool(_KEY.search(text)),
}
"""Kind of personal data → whether a text holds some."""
