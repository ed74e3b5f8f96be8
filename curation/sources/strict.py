"""JSON that says what it found: duplicate keys, odd numbers, lone surrogates, too deep nesting."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from curation.sources.limits import Limits

_SAFE = 2**53
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAY_HOLD_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Bad(ValueError):
    """A text that is no acceptable JSON: code and sentence, and the field when there is one."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.field = code, field


class Parser:
    """A strict parser that notes in `repairs` what it had to change.

    Numbers that a float or a 53-bit integer cannot hold are kept as text, digit for digit.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.repairs: set[str] = set()
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=self._int,
            parse_float=self._float,
            parse_constant=self._constant,
            strict=True,
        )

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: dict[str, Any] = {}
            for name, value in pairs:
                if name in seen:
                    one, two = (json.dumps(v, ensure_ascii=False)[:80] for v in (seen[name], value))
                    raise Bad(
                        "duplicate_key",
                        f"the key {name!r} stands twice, with {one} and {two}; keep one of them.",
                        name,
                    )
                seen[name] = value
        return found

    def _int(self, digits: str) -> int | str:
        if len(digits) < 16:
            return int(digits)
        if len(digits) < 20 and abs(int(digits)) <= _SAFE:
            return int(digits)
        self.repairs.add("number_as_text")
        return digits

    def _float(self, digits: str) -> float | str | None:
        value = float(digits)
        if math.isinf(value):
            self.repairs.add("number_as_text")
            return digits
        return value

    def _constant(self, name: str) -> None:
        self.repairs.add("not_a_number")

    def parse(self, text: str) -> Any:
        """The value of a whole text; raises Bad."""
        value, end = self.parse_at(text, 0)
        if text[end:].strip(" \t\r\n"):
            rest = text[end:].strip()
            if rest == ",":
                raise Bad("trailing_comma", "a comma follows the object; remove it.")
            raise Bad(
                "extra_text", f"there is more on the line after the object, from {rest[:40]!r} on."
            )
        return value

    def parse_at(self, text: str, at: int) -> tuple[Any, int]:
        """The value that begins at a place, and where it ends; raises Bad."""
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        try:
            value, end = self.decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Bad(*_explained(error, text)) from None
        except RecursionError:
            raise Bad(
                "too_deep",
                f"it is nested deeper than {self._limits.nesting} levels (limit nesting).",
            ) from None
        span = text[at:end] if at or end < len(text) else text
        if (
            span.count("[") + span.count("{") > self._limits.nesting
            and _depth(value) > self._limits.nesting
        ):
            raise Bad(
                "too_deep",
                f"it is nested deeper than {self._limits.nesting} levels (limit nesting).",
            )
        if _MAY_HOLD_SURROGATE.search(span):
            value = self._whole(value)
        return value, end

    def _whole(self, value: Any) -> Any:
        if isinstance(value, str):
            if _SURROGATE.search(value):
                self.repairs.add("lone_surrogate")
                return _SURROGATE.sub("\ufffd", value)
            return value
        if isinstance(value, list):
            return [self._whole(v) for v in value]
        if isinstance(value, dict):
            return {self._whole(k): self._whole(v) for k, v in value.items()}
        return value


def _explained(error: json.JSONDecodeError, text: str) -> tuple[str, str]:
    place = f"at character {error.pos + 1}"
    if "control character" in error.msg:
        return (
            "control_character",
            f"a raw control character stands inside a string {place}; escape it.",
        )
    if "Unterminated string" in error.msg or error.pos >= len(text.rstrip()):
        return "cut", "the text ends in the middle; the file looks cut here."
    around = text[max(0, error.pos - 1) : error.pos + 1]
    if (
        "property name" in error.msg
        and text[: error.pos].rstrip().endswith(",")
        or "trailing comma" in error.msg.lower()
    ):
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
