"""Keys, tokens and passwords: by the forms that services publish, and by name with much disorder."""

from __future__ import annotations

import bisect
import math
import re
from collections import Counter
from collections.abc import Iterator

from curation.personal.nearby import Span

_KEY = re.compile(
    r"(?<![\w-])(?:sk-(?:[a-z]{2,10}\d{0,2}-){0,2}[A-Za-z0-9_-]{20,200}"  # OpenAI, Anthropic
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,200}|glpat-[\w-]{20,60}"
    r"|xox[abeprs]-[\w-]{10,200}|AIza[\w-]{35}|ya29\.[\w-]{20,400}|GOCSPX-[\w-]{28}"
    r"|(?:sk|rk|pk)_live_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9]{24,100}"  # Stripe
    r"|SG\.[\w-]{22}\.[\w-]{43}|SK[0-9a-f]{32}|key-[0-9a-f]{32}"  # SendGrid, Twilio, Mailgun
    r"|hf_[A-Za-z]{34}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,300}|dop_v1_[0-9a-f]{64}"
    r"|eyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{10,4000})(?![\w-])",  # JSON Web Token
    re.ASCII,
)
_BLOCK = re.compile(r"-----BEGIN (?:[A-Z]{1,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END = re.compile(r"-----END (?:[A-Z]{1,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_CONNECTION = re.compile(
    r"(?<!\w)(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|ftps?|sftp|smtps?|mssql|https?)"
    r"(?:\+\w{1,20})?://[^\s:/@\"'<>]{0,100}:([^\s:/@\"'<>]{3,100})@[\w.-]{1,200}",
    re.IGNORECASE | re.ASCII,
)
_NAMED = re.compile(
    r"(?:api|access|secret|auth|private|client)?[_-]?(?:key|token|secret|password|passwd|pwd)"
    r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?([A-Za-z0-9_/+.=-]{16,200})(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_PLACEHOLDER = re.compile(
    r"example|sample|dummy|your|xxxx|\.\.\.|placeholder|changeme|password|passwd|secret|test|user(?:name)?$",
    re.IGNORECASE,
)


def keys(text: str) -> Iterator[Span]:
    """Yield keys, tokens, private keys and connection strings with a password, as they are written."""
    for m in _KEY.finditer(text):
        if _is_random(m.group()[3:], 1.9):
            yield m.start(), m.end(), m.group()
    if "PRIVATE KEY" in text:
        ends = [m.end() for m in _BLOCK_END.finditer(text)]
        for m in _BLOCK.finditer(text):
            place = bisect.bisect(ends, m.end())
            end = ends[place] if place < len(ends) else m.end()
            yield m.start(), end, text[m.start() : end]
    if "://" in text and "@" in text:
        for m in _CONNECTION.finditer(text):
            if not _PLACEHOLDER.search(m.group(1)) and m.group(1).lower() != "pass":
                yield m.start(), m.end(), m.group()
    if ":" in text or "=" in text:
        for m in _NAMED.finditer(text):
            if _is_random(m.group(1), 3.5) and _is_mixed(m.group(1)):
                yield m.start(1), m.end(1), m.group(1)


def _is_random(text: str, bits: float) -> bool:
    """Whether a text has at least some bits of entropy a character and is no placeholder."""
    if _PLACEHOLDER.search(text):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) >= bits


def _is_mixed(text: str) -> bool:
    """Whether digits stand among the letters, as in keys and not in names of variables."""
    return sum(c.isdigit() for c in text) >= 3 and bool(re.search(r"[A-Za-z]", text))
