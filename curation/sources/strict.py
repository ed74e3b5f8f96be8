"""A JSON parser that reports duplicate keys, odd numbers, lone surrogates and too deep nesting.

A quick parser runs first. A strict one, ten times slower, runs over the same text where the quick
one may have missed something; a test compares their results.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

import orjson

from curation.sources.limits import Limits

_SAFE = 2**53
_EXACT = 15
"""Significant digits that a double always gives back."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAY_HOLD_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONG_FLOAT = re.compile(rb"[\d.]{17}|\d[eE]")
SPACED_KEY = re.compile(rb'"[ \t\r\n]+:')
"""A key that counting `":` misses."""
_AT_END = re.compile(r"\s*\Z")
_QUICK = json.JSONDecoder()


class Bad(ValueError):
    """A text that is no acceptable JSON: code and sentence, and the field when there is one.

    position: of the character where it was noticed; None when more text could not change the result.
    """

    def __init__(
        self, code: str, message: str, field: str = "", position: int | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.field, self.position = code, field, position

    def alone(self) -> Bad:
        """The error without its traceback, whose frames would keep the text in memory."""
        self.__traceback__ = self.__context__ = None
        return self


class Parser:
    """A parser that lists in `repairs` its changes to the last value.

    Numbers that a float or a 53-bit integer cannot hold are kept as text, digit for digit.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.repairs: set[str] = set()
        self._doubtful = self._floats = False
        self._strict = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=self._int,
            parse_float=self._float,
            parse_constant=self._constant,
            strict=True,
        )

    def parse(self, line: bytes) -> Any:
        """The value of a whole text; raises Bad, and UnicodeDecodeError for a text that is not UTF-8."""
        self.repairs.clear()
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return self._parse_strictly(line.decode("utf-8"))
        # There are as many `":` as keys: no key occurs twice, unless white space hides a colon.
        if self._keys(value, 1) == line.count(b'":') and not self._doubtful:
            if not (SPACED_KEY.search(line) or self._floats and _LONG_FLOAT.search(line)):
                return value
        return self._parse_strictly(line.decode("utf-8"))

    def parse_at(self, text: str, start: int) -> tuple[Any, int, bytes]:
        """The value that begins at `start`, its end, and its bytes; raises Bad."""
        self.repairs.clear()
        try:
            value, end = _QUICK.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, end = self._decoded(text, start)  # raises Bad with the reason
        span = text[start:end]
        raw = span.encode("utf-8", "surrogateescape")
        if self._keys(value, 1) == span.count('":') and not self._doubtful:
            if not (SPACED_KEY.search(raw) or self._floats and _LONG_FLOAT.search(raw)):
                if "\\u" not in span or not _MAY_HOLD_SURROGATE.search(span):
                    return value, end, raw
        self.repairs.clear()
        return self._checked(*self._decoded(text, start), span), end, raw

    def _keys(self, value: Any, level: int) -> int:
        """Keys of all objects in a value; notes doubtful numbers and too many levels."""
        if level == 1:
            self._doubtful = self._floats = False
        kind = type(value)
        if kind is dict or kind is list:
            if level > self._limits.nesting:
                self._doubtful = True
                return 0
            count = len(value) if kind is dict else 0
            for inner in value.values() if kind is dict else value:
                if type(inner) is not str:
                    count += self._keys(inner, level + 1)
            return count
        if kind is int:
            self._doubtful = self._doubtful or not -_SAFE <= value <= _SAFE
        elif kind is float:
            self._floats = True
            self._doubtful = self._doubtful or not math.isfinite(value)
        return 0

    def _parse_strictly(self, text: str) -> Any:
        start = len(text) - len(text.lstrip(" \t\r\n"))
        value, end = self._decoded(text, start)
        rest = text[end:].strip(" \t\r\n")
        if rest == ",":
            raise Bad("trailing_comma", "a comma follows the object; remove it.")
        if rest:
            raise Bad(
                "extra_text", f"there is more on the line after the object, from {rest[:40]!r} on."
            )
        return self._checked(value, end, text)

    def _decoded(self, text: str, start: int) -> tuple[Any, int]:
        try:
            return self._strict.raw_decode(text, start)
        except json.JSONDecodeError as error:
            code, message = _explained(error, text, start)
            raise Bad(code, message, position=len(text) if code == "cut" else error.pos) from None
        except RecursionError:
            raise self._too_deep() from None

    def _checked(self, value: Any, end: int, span: str) -> Any:
        if _depth(value) > self._limits.nesting:
            raise self._too_deep()
        return self._whole(value) if _MAY_HOLD_SURROGATE.search(span) else value

    def _too_deep(self) -> Bad:
        return Bad(
            "too_deep", f"it is nested deeper than {self._limits.nesting} levels (limit nesting)."
        )

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise _doubled(pairs)
        return value

    def _int(self, digits: str) -> int | str:
        if len(digits) < 16 or len(digits) < 20 and abs(int(digits)) <= _SAFE:
            return int(digits)
        self.repairs.add("number_as_text")
        return digits

    def _float(self, digits: str) -> float | str:
        value = float(digits)
        if len(digits) > _EXACT + 1 or "e" in digits or "E" in digits:
            if math.isinf(value) or _differ(digits, value):
                self.repairs.add("number_as_text")
                return digits
        return value

    def _constant(self, name: str) -> None:
        self.repairs.add("not_a_number")

    def _whole(self, value: Any) -> Any:
        """The value with U+FFFD in place of each half of a pair of surrogates."""
        if isinstance(value, str):
            if _SURROGATE.search(value):
                self.repairs.add("lone_surrogate")
                return _SURROGATE.sub("\ufffd", value)
            return value
        if isinstance(value, list):
            return [self._whole(v) for v in value]
        if isinstance(value, dict):
            return self._pairs([(self._whole(k), self._whole(v)) for k, v in value.items()])
        return value


def _doubled(pairs: list[tuple[str, Any]]) -> Bad:
    """The error of an object in which a key occurs twice."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            shown = (json.dumps(v, ensure_ascii=False)[:80] for v in (values[name], value))
            one, two = (_SURROGATE.sub("\ufffd", text) for text in shown)
            return Bad(
                "duplicate_key",
                f"the key {name!r} stands twice, with {one} and {two}; keep one of them.",
                _SURROGATE.sub("\ufffd", name),
            )
        values[name] = value
    raise AssertionError("no key occurs twice")


def _differ(digits: str, value: float) -> bool:
    """Whether a double is another number than the digits, or has fewer of them."""
    exponent = digits.lower().partition("e")[2]
    if len(exponent) > 5:  # Decimal would be slow, and no double is so large
        return True
    return Decimal(digits) != Decimal(repr(value))


def _explained(error: json.JSONDecodeError, text: str, start: int) -> tuple[str, str]:
    """A code and a sentence for the fault of the value that begins at `start`."""
    place = f"at character {error.pos - start + 1}"
    if "control character" in error.msg:
        return (
            "control_character",
            f"a raw control character stands inside a string {place}; escape it.",
        )
    if "Unterminated string" in error.msg or _AT_END.match(text, error.pos):
        return "cut", "the text ends in the middle; the file looks cut here."
    around = text[max(start, error.pos - 1) : error.pos + 1]
    after_comma = text[max(start, error.pos - 1_000) : error.pos].rstrip().endswith(",")
    if after_comma and ("property name" in error.msg or text[error.pos] in "]}"):
        return "trailing_comma", f"a comma stands before a closing bracket {place}; remove it."
    return "not_json", f"this is not JSON {place}, near {around!r}: {error.msg.lower()}."


def _depth(value: Any) -> int:
    """Levels of nesting, without recursion."""
    deepest, todo = 0, [(value, 1)]
    while todo:
        item, level = todo.pop()
        if isinstance(item, dict | list):
            deepest = max(deepest, level)
            todo += [(v, level + 1) for v in (item.values() if isinstance(item, dict) else item)]
    return deepest
