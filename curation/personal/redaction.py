"""Personal data replaced by typed placeholders such as `<EMAIL_1>`.

Within an example a value has one number, wherever it stands and however it is written, so the text
still says who is who. JSON stays valid JSON, also where it stands as text in a turn. Numbers of
placeholders that the example already holds are not used again, so a second pass changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import orjson

from curation.personal import Finding, find, might_hold
from curation.personal.phones import identity

REDACTED = "redacted"
"""Column of an example's redacted data: kinds with their counts, as in "email 2, phone 1"."""

_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[\[\]{}]|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?', re.DOTALL
)
"""A string of JSON, a key if a colon follows it, a bracket, or a number."""
_PLACEHOLDER = re.compile(r"<([A-Z_]{2,20})_(\d{1,6})>")
_IDENTIFIER = re.compile(r"(?:^|[_-])(?:id|uuid|guid|hash)$|^(?:role|type)$", re.IGNORECASE)
_NATIONAL = re.compile(r"national|personal|tax|citizen|passport", re.IGNORECASE)
_BY_DIGITS = ("card", "phone")
"""Kinds that a program's own identifier can look like."""
_LEAST_DIGITS = 7
"""Digits of the shortest number that is personal; those that two spellings of a phone share."""
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[^,;]*)*;base64,[A-Za-z0-9+/=_\r\n-]*")
"""An image or a sound as text."""


def redacted_json(text: str, kinds: Sequence[str], beside: Sequence[str] = ()) -> str:
    """A JSON text without personal data of some kinds; beside: the other texts of its example."""
    return Redaction(kinds, [text, *beside]).json(text) if might_hold(text, kinds) else text


class Redaction:
    """Replaces the personal data of one example.

    kinds: of `curation.personal.KINDS`. texts: all texts of the example, of which the placeholders
    are read that it already holds.
    """

    def __init__(self, kinds: Sequence[str], texts: Sequence[str]) -> None:
        self._kinds = tuple(kinds)
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()
        for text in texts:
            for m in _PLACEHOLDER.finditer(text):
                self._last[m.group(1)] = max(self._last[m.group(1)], int(m.group(2)))

    @property
    def counts(self) -> Counter[str]:
        """The number of replaced values by kind; a value that stands in many places counts once."""
        return Counter(kind for kind, _ in {(k, n) for (k, _), n in self._numbers.items()})

    def text(self, text: str, before: str = "", kinds: Sequence[str] | None = None) -> str:
        """A text without personal data; before: words that say what it is, such as its key."""
        findings = find(before + text, self._kinds if kinds is None else kinds)
        pieces, end = [], len(before)
        for finding in findings:
            if finding.start < end:
                continue
            pieces += [
                (before + text)[end : finding.start],
                self._placeholder(finding, before + text),
            ]
            end = finding.end
        return "".join([*pieces, (before + text)[end:]])

    def json(self, text: str) -> str:
        """A JSON text whose strings and numbers hold no personal data; all else stays as it is.

        A number that is personal becomes a string. A string that is itself the JSON text of an object
        or a list is treated as one.
        """
        if not might_hold(text, self._kinds):
            return text
        keys, pieces, end = [""], [], 0  # of each object or list that is open
        for m in _TOKEN.finditer(text):
            token = m.group().removesuffix(m.group(1) or "")
            if token in "{[":
                keys.append(keys[-1])
                continue
            if token in "]}":
                keys.pop()
                continue
            value = orjson.loads(token) if token[0] == '"' else token
            if m.group(1):
                keys[-1], changed = value, self.text(value)
            elif token[0] == '"':
                changed = self._string(value, keys[-1])
            else:
                changed = self._number(value, keys[-1])
            if changed != value:
                pieces += [text[end : m.start()], orjson.dumps(changed).decode()]
                end = m.start() + len(token)
        return "".join([*pieces, text[end:]])

    def _string(self, value: str, key: str) -> str:
        if value[:5] == "data:" and _DATA.fullmatch(value):
            return value
        if value.lstrip()[:1] in ("{", "["):
            try:
                orjson.loads(value)
            except orjson.JSONDecodeError:
                pass
            else:
                return self.json(value)
        return self.text(value, f"{key}: " if key else "", self._sought(key))

    def _number(self, token: str, key: str) -> str:
        if len(token) < _LEAST_DIGITS or not token.isdigit():  # negative, or a fraction
            return token
        before = f"{key}: "
        whole = (len(before), len(before) + len(token))
        for finding in find(before + token, self._sought(key)):
            if (finding.start, finding.end) == whole:
                return self._placeholder(finding, before + token)
        return token

    def _sought(self, key: str) -> Sequence[str]:
        """The kinds that a value of a key may be; an identifier is no phone and no card."""
        if _IDENTIFIER.search(key) and not _NATIONAL.search(key):
            return [kind for kind in self._kinds if kind not in _BY_DIGITS]
        return self._kinds

    def _placeholder(self, finding: Finding, text: str) -> str:
        kind, value = finding.kind, finding.value
        if kind == "phone":
            value = identity(text[finding.start : finding.end], value)
        name = kind.upper()
        if (kind, value) not in self._numbers:
            number = self._number_of_spelling(value) if kind == "phone" else 0
            if not number:
                self._last[name] += 1
                number = self._last[name]
            self._numbers[kind, value] = number
        return f"<{name}_{self._numbers[kind, value]}>"

    def _number_of_spelling(self, phone: str) -> int:
        """The number of a phone's other spelling, with or without the country's code; 0 for none."""
        phones = [(v, number) for (kind, v), number in self._numbers.items() if kind == "phone"]
        coded = {number for v, number in phones if v[0] == "+"}
        if phone[0] == "+":
            ends = (number for v, number in phones if number not in coded and _ends(phone, v))
        else:
            ends = (number for v, number in phones if v[0] == "+" and _ends(v, phone))
        numbers = set(ends)
        return numbers.pop() if len(numbers) == 1 else 0


def _ends(coded: str, digits: str) -> bool:
    return len(digits) >= _LEAST_DIGITS and coded.endswith(digits)
