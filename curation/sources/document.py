"""JSON documents: arrays, arrays under keys of an object, single objects, one after another.

Guarantee: a file may be larger than memory, since it is read through a window. After a record that
is no JSON the reader goes on at the next one (see `resuming`).

Accepted: an object whose keys hold columns is read whole, whatever its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from curation import formats
from curation.sources.containers import CHATS, GENERIC, containers
from curation.sources.limits import Item, Limits, Note, Raw, Reject
from curation.sources.lines import SHOWN, checked, not_utf8, too_long
from curation.sources.resuming import Skipping
from curation.sources.shapes import is_turn, spread
from curation.sources.strict import Bad, Parser
from curation.sources.window import SPACE, Window

PIECE = 1 << 16
"""Bytes that are read at a time; after a fault all of them are searched."""

_AFTER_BRACKET = re.compile(rf"\[[{SPACE}]*")
_COLUMN = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[\[{]')
"""The beginning of an object that holds columns."""
_TOP = re.compile(r"[\r\n]+(?=[\[{])")
_AHEAD = 16
"""Characters at the end of the window in which a fault may only mean that the text goes on."""


def json_document(chunks: Iterable[bytes], limits: Limits, offset: int = 0) -> Iterator[Item]:
    """The records of a JSON document; `offset` bytes came before it."""
    pieces = (chunk[i : i + PIECE] for chunk in chunks for i in range(0, len(chunk), PIECE))
    return _Document(Window(pieces, offset), limits).items()


class _Document:
    """One pass over a document."""

    def __init__(self, window: Window, limits: Limits) -> None:
        self._window, self._limits = window, limits
        self._parser = Parser(limits)
        self._row = self._strays = 0
        self._skipping = Skipping(window, limits)

    def items(self) -> Iterator[Item]:
        window = self._window
        while character := window.next():
            if character == "[":
                if chat := self._lone_chat():
                    yield chat
                    continue
                window.take(window.position + 1)
                yield from self._array({})
            elif character == "{":
                yield from self._object()
            elif character in ",]}":
                self._strays += 1
                window.take(window.position + 1)
            else:
                yield self._stray_text()
        if self._strays:
            yield Note(
                "commas",
                f"{self._strays:,} commas or brackets between records are missing or too many; "
                "every record was read all the same.",
            )

    def _stray_text(self) -> Reject:
        """Text between documents, up to the next line that begins one."""
        offset, window = self._window.offset, self._window
        raw = b""
        while not (start := _TOP.search(window.text, window.position)):
            raw = (raw + window.take(max(window.position, len(window.text) - 1)))[:SHOWN]
            if not window.more():
                break
        raw += window.take(start.end() if start else len(window.text))
        self._row += 1
        message = "there is text outside of every array and object; remove it or make it a record."
        return Reject(self._row, offset, "", "text_outside", message, raw[:SHOWN].rstrip())

    def _lone_chat(self) -> Raw | Reject | None:
        """The record of an array that is one conversation, its elements being turns; else None."""
        window = self._window
        window.fill(PIECE)
        try:
            start = _AFTER_BRACKET.match(window.text, window.position)
            turn = start and self._parser.parse_at(window.text, start.end())[0]
        except Bad:
            return None
        if not is_turn(turn):
            return None
        parsed = self._value()
        if isinstance(parsed, Bad) or not all(map(is_turn, parsed[0])):
            return None
        self._row += 1
        offset = window.offset
        window.take(parsed[1])
        return self._record(parsed[0], parsed[2], offset, {})

    def _array(self, more: dict[str, Any], columns: Sequence[str] = ()) -> Iterator[Item]:
        """The elements of an array from after its bracket on; `more` is added to each.

        columns: names of an element's cells, where it is a list of so many.
        """
        window, first, comma = self._window, True, False
        while True:
            character = window.next()
            if not character:
                yield Note("cut", "The array does not end; the file looks cut.")
                return
            if character == ",":
                self._strays += first or comma
                comma, first = True, False
                window.take(window.position + 1)
            elif character == "]":
                self._strays += comma
                window.take(window.position + 1)
                return
            else:
                self._strays += not (first or comma)
                first = comma = False
                self._row += 1
                yield self._element(more, columns)

    def _element(self, more: dict[str, Any], columns: Sequence[str]) -> Raw | Reject:
        window, row = self._window, self._row
        self._skipping.space = window.space
        parsed = self._value()
        offset = window.offset
        if isinstance(parsed, Bad):
            if parsed.code == "row_too_long":
                return too_long(row, offset, self._skipping.to_next_far(), self._limits)
            raw = self._skipping.to_next()
            return Reject(row, offset, parsed.field, parsed.code, str(parsed), raw)
        value, end, raw = parsed
        window.take(end, raw)
        if columns and isinstance(value, list) and len(value) == len(columns):
            value = dict(zip(columns, value, strict=True))
        return self._record(value, raw, offset, more)

    def _record(self, value: Any, raw: bytes, offset: int, more: dict[str, Any]) -> Raw | Reject:
        row, limits = self._row, self._limits
        if len(raw) > limits.row_bytes:
            return too_long(row, offset, raw, limits)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return Reject(row, offset, "", "not_utf8", not_utf8(error.start), raw)
        if isinstance(value, dict):
            self._skipping.learn(text)
            value = {**value, **{k: v for k, v in more.items() if k not in value}}
        elif _is_pair(value):
            value = {"text": value[0], "label": value[1], **more}
        return checked(value, row, offset, raw, self._parser.repairs, limits)

    def _value(self) -> tuple[Any, int, bytes] | Bad:
        """The current value with its end and bytes; it reads more text where that may help."""
        window = self._window
        while True:
            try:
                value, end, raw = self._parser.parse_at(window.text, window.position)
                if end < len(window.text) or not window.more():
                    return value, end, raw
                continue
            except Bad as error:
                fault = error.alone()
            if fault.position is None or fault.position < len(window.text) - _AHEAD:
                return fault
            if len(window) > self._limits.row_bytes:
                return Bad("row_too_long", "")
            if not window.more():
                return fault

    def _object(self) -> Iterator[Item]:
        """An object that is a record, or one that holds records under its keys."""
        window = self._window
        self._skipping.space = window.space
        parsed = self._value()
        if isinstance(parsed, Bad):
            holds = parsed.code != "too_deep" and self._holds_records()
        else:
            holds = isinstance(parsed[0], dict) and bool(containers(parsed[0]))
        if holds:
            yield from self._walk()
            return
        if isinstance(parsed, Bad) and parsed.code == "row_too_long":
            parsed = self._table() or parsed
        if not isinstance(parsed, Bad) and (table := spread(parsed[0])):
            yield from self._spread(table, parsed[1])
            return
        self._row += 1
        if not isinstance(parsed, Bad):
            offset = window.offset
            window.take(parsed[1])
            yield self._record(parsed[0], parsed[2], offset, {})
            return
        offset = window.offset
        if parsed.code == "row_too_long":
            yield too_long(self._row, offset, self._skipping.to_next_far(), self._limits)
        else:
            raw = self._skipping.to_next()
            yield Reject(self._row, offset, parsed.field, parsed.code, str(parsed), raw)

    def _table(self) -> tuple[Any, int, bytes] | None:
        """An object that is longer than a row and begins as one that holds columns; else None."""
        window = self._window
        if not _COLUMN.match(window.text, window.position):
            return None
        while window.more():
            pass
        try:
            parsed = self._parser.parse_at(window.text, window.position)
        except Bad:
            return None
        return parsed if spread(parsed[0]) else None

    def _spread(self, table: list[dict[str, Any]], end: int) -> Iterator[Item]:
        """The records of an object that holds a table and ends at `end` in the window."""
        repairs: Iterable[str] = sorted(self._parser.repairs)
        self._window.take(end)
        yield Note("key", f"{len(table):,} records were read from one object that holds a table.")
        for record in table:
            self._row += 1
            raw = orjson.dumps(record)
            if len(raw) > self._limits.row_bytes:
                yield too_long(self._row, 0, raw, self._limits)._replace(offset=None)
            else:
                yield checked(record, self._row, None, raw, repairs, self._limits)
            repairs = ()  # the repaired record is not known, so repairs are counted once

    def _holds_records(self) -> bool:
        """Whether an object that is broken or long begins like one that holds records."""
        self._window.fill(PIECE)
        text, place, fields = self._window.text, self._window.position + 1, dict[str, Any]()
        entry = re.compile(r'\s*,?\s*"((?:[^"\\]|\\.)*)"\s*:\s*')
        while match := entry.match(text, place):
            name, place = match[1], match.end()
            if re.compile(r"\[\s*[\[{]").match(text, place):
                generic = name in GENERIC and "instruction" not in fields
                return name not in CHATS and (generic or not formats.recognise(fields)[0])
            try:
                fields[name], place, _ = self._parser.parse_at(text, place)
            except Bad:
                return False
        return False

    def _walk(self) -> Iterator[Item]:
        """The records under the keys of an object; a note names its other fields, which are left out."""
        window, left_out, columns = self._window, list[str](), list[str]()
        window.take(window.position + 1)
        while True:
            character = window.next()
            if character == "}":
                window.take(window.position + 1)
                break
            if character == ",":
                window.take(window.position + 1)
                continue
            if not character:
                yield Note("cut", "The object does not end; the file looks cut.")
                break
            offset = window.offset
            name, raw = self._key()
            if name is None:
                self._row += 1
                message = "this is no field of the object that holds the records; mend it."
                raw += self._skipping.to_next() if window.next() else b""
                yield Reject(self._row, offset, "", "not_json", message, raw)
            elif window.next() == "[" and self._opens_records():
                before = self._row
                window.take(window.position + 1)
                yield from self._array({} if name in GENERIC else {"split": name}, columns)
                count = self._row - before
                yield Note("key", f"{count:,} records were read from under the key {name!r}.")
            else:
                parsed = self._value()
                if isinstance(parsed, Bad):
                    self._skipping.to_next()
                else:
                    window.take(parsed[1])
                    if name == "columns" and _are_names(parsed[0]):
                        columns = parsed[0]
                        continue
                left_out.append(name)
        if left_out:
            names = ", ".join(map(repr, left_out[:8]))
            yield Note("beside", f"Beside the records stood {names}; that was left out.")

    def _key(self) -> tuple[str | None, bytes]:
        """The current key, or None where there is none, and the bytes of key and colon."""
        window = self._window
        parsed = self._value()
        if isinstance(parsed, Bad) or not isinstance(parsed[0], str):
            return None, b""
        raw = window.take(parsed[1])
        if window.next() != ":":
            return None, raw + window.space.encode()
        window.take(window.position + 1)
        return parsed[0], raw

    def _opens_records(self) -> bool:
        window = self._window
        while not (inner := window.text[window.position + 1 :][:1_000].lstrip(SPACE)):
            if not window.more():
                return False
        return inner[0] in "[{]"


def _are_names(value: Any) -> bool:
    """Whether a value names columns: texts, each once."""
    return (
        isinstance(value, list)
        and all(isinstance(name, str) for name in value)
        and len(set(value)) == len(value)
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)
