"""JSON Lines and JSON documents, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from curation.sources.limits import Blank, Item, Limits, Note, Raw, Refused, Reject
from curation.sources.strict import Bad, Parser

KEYS = (
    "data",
    "examples",
    "rows",
    "train",
    "items",
    "records",
    "instances",
    "conversations",
    "dataset",
)


def split_lines(chunks: Iterable[bytes], limits: Limits) -> Iterator[tuple[int, int, bytes, bool]]:
    """Physical lines with number (from 1), byte offset, content, and whether it was cut as too long.

    Lines end in LF, CR or CRLF and nowhere else.
    """
    tail, number, offset, skipping = b"", 0, 0, False
    for chunk in chunks:
        data = tail + chunk
        tail = b""
        parts = data.splitlines(keepends=True)  # on bytes: LF, CR and CRLF only
        if parts and (not parts[-1].endswith((b"\n", b"\r")) or parts[-1].endswith(b"\r")):
            tail = parts.pop()  # it may go on, and a CR may be half of a CRLF
        for part in parts:
            number += 1
            yield number, offset, part.rstrip(b"\r\n"), skipping
            skipping = False
            offset += len(part)
        if len(tail) > limits.row_bytes and not tail.endswith(b"\r"):
            offset += len(tail) - 200  # keep a beginning to show, forget the rest
            tail, skipping = tail[:200], True
    if tail:
        yield number + 1, offset, tail.rstrip(b"\r\n"), skipping


def json_lines(chunks: Iterable[bytes], limits: Limits) -> Iterator[Item]:
    """One record or reject or blank per line."""
    parser = Parser(limits)
    for number, offset, line, cut in split_lines(chunks, limits):
        if cut or len(line) > limits.row_bytes:
            message = f"the line is longer than {limits.row_mb:g} MB (limit row_mb)."
            yield Reject(number, offset, "", "row_too_long", message, line[:2_000])
            continue
        if not line.strip():
            yield Blank()
            continue
        yield parsed(parser, line, number, offset, limits)


def parsed(
    parser: Parser, line: bytes, row: int, offset: int | None, limits: Limits
) -> Raw | Reject:
    """One line's record, or why there is none."""
    parser.repairs = set()
    try:
        value = parser.parse(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8."
        return Reject(row, offset, "", "not_utf8", message, line)
    except Bad as error:
        return Reject(row, offset, error.field, error.code, str(error), line)
    return checked(value, row, offset, line, tuple(sorted(parser.repairs)), limits)


def checked(
    value: Any, row: int, offset: int | None, raw: bytes, repairs: tuple[str, ...], limits: Limits
) -> Raw | Reject:
    """A parsed value as a record, if it is an object of bearable size."""
    if not isinstance(value, dict):
        kind = {list: "an array", str: "a text", type(None): "null", bool: "a truth value"}.get(
            type(value), "a number"
        )
        return Reject(
            row,
            offset,
            "",
            "not_an_object",
            f"this is {kind}, not an object with named fields.",
            raw,
        )
    if not value:
        return Reject(row, offset, "", "empty_object", "the object has no fields.", raw)
    if len(value) > limits.columns:
        message = f"it has {len(value):,} fields, more than {limits.columns:,} (limit columns)."
        return Reject(row, offset, "", "too_many_columns", message, raw[:2_000])
    return Raw(row, offset, value, raw, repairs)


def is_document(sample: bytes) -> bool:
    """Whether a text that begins so is one JSON document rather than an object a line."""
    text = sample.lstrip()
    if text.startswith(b"["):
        first = text.split(b"\n", 1)[0].strip()
        return not (
            first.endswith(b"]")
            and first != b"[]"
            and b"\n" in text
            and text.split(b"\n", 1)[1].lstrip().startswith(b"[")
        )
    if not text.startswith(b"{"):
        return False
    first, _, rest = text.partition(b"\n")
    whole = _whole_object(first)
    if whole is None:  # the first line alone is no object: pretty-printed, or a broken line
        lines = [line.strip() for line in rest.split(b"\n")[:50] if line.strip()]
        objects = sum(line.startswith(b"{") and line.endswith((b"}", b"},")) for line in lines)
        return objects * 2 < len(lines) or not lines
    return not rest.strip() and any(
        isinstance(v, list) and v and isinstance(v[0], dict | list) and k in KEYS
        for k, v in whole.items()
    )


def _whole_object(line: bytes) -> dict[str, Any] | None:
    try:
        value = Parser(Limits()).parse(line.decode("utf-8", "replace"))
    except (Bad, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class _Window:
    """A growing and shrinking view of a long text: what was used is forgotten."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        import codecs

        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._chunks = iter(chunks)
        self.text, self.at, self.ended = "", 0, False

    def more(self) -> bool:
        """Read on; False at the end."""
        if self.ended:
            return False
        chunk = next(self._chunks, None)
        self.ended = chunk is None
        fresh = self._decoder.decode(chunk or b"", self.ended)
        self.text = self.text[self.at :] + fresh
        self.at = 0
        return True

    def space(self) -> str:
        """Skip white space; the next character, or "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n\ufeff":
                self.at += 1
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]


_NEXT = re.compile(r"\}\s*,?\s*(?=\{)")


def json_document(chunks: Iterable[bytes], limits: Limits) -> Iterator[Item]:
    """Records of a JSON array, of arrays under keys of an object, or a single object."""
    window = _Window(chunks)
    parser = Parser(limits)
    opening = window.space()
    if opening == "[":
        window.at += 1
        yield from _array(window, parser, limits, 0, {})
        if window.space():
            yield Note("text_after", "There is text after the end of the array; it was left out.")
        return
    if opening != "{":
        raise Refused("this is not JSON: it begins with neither [ nor {.")
    yield from _object(window, parser, limits)


def _array(
    window: _Window, parser: Parser, limits: Limits, row: int, more: dict[str, Any]
) -> Iterator[Item]:
    """The elements of an array from after its bracket on; a bad one is skipped to the next `}, {`."""
    while True:
        character = window.space()
        if character == "]":
            window.at += 1
            return
        if character == ",":
            window.at += 1
            continue
        if not character:
            yield Note("cut", "The array does not end; the file looks cut.")
            return
        row += 1
        item = _element(window, parser, limits, row, more)
        yield item


def _element(
    window: _Window, parser: Parser, limits: Limits, row: int, more: dict[str, Any]
) -> Raw | Reject:
    while True:
        parser.repairs = set()
        try:
            value, end = parser.parse_at(window.text, window.at)
            if end < len(window.text) or window.ended or not window.more():
                break
        except Bad as error:
            enough = len(window.text) - window.at > limits.row_bytes
            if (
                error.code == "duplicate_key"
                or error.code == "too_deep"
                or enough
                or not window.more()
            ):
                raw = _skip(window, limits)
                return Reject(row, None, error.field, error.code, str(error), _bytes(raw))
    raw = window.text[window.at : end]
    window.at = end
    if any("\udc80" <= c <= "\udcff" for c in raw if c > "\ud7ff"):
        return Reject(
            row, None, "", "not_utf8", "the record holds bytes that are not UTF-8.", _bytes(raw)
        )
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
        value = {"text": value[0], "label": value[1]}
    if isinstance(value, dict) and more:
        value = {**value, **{k: v for k, v in more.items() if k not in value}}
    return checked(value, row, None, _bytes(raw), tuple(sorted(parser.repairs)), limits)


def _skip(window: _Window, limits: Limits) -> str:
    """Go on after a bad element; what was skipped is returned."""
    start = window.at + 1
    while True:
        found = _NEXT.search(window.text, start)
        if found:
            end = found.start() + 1
            break
        if not window.more():
            end = len(window.text)
            tail = window.text[window.at :].rstrip()
            if tail.endswith("]"):
                end = window.at + len(tail) - 1
            break
        start = 1
    raw = window.text[window.at : end]
    window.at = end
    return raw


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _object(window: _Window, parser: Parser, limits: Limits) -> Iterator[Item]:
    while window.more():
        pass
    raw = window.text[window.at :]
    parser.repairs = set()
    try:
        value = parser.parse(raw)
    except Bad as error:
        yield Reject(1, 0, error.field, error.code, str(error), _bytes(raw[:20_000]))
        return
    if not isinstance(value, dict):
        yield checked(value, 1, 0, _bytes(raw[:20_000]), (), limits)
        return
    lists = {
        k: v
        for k, v in value.items()
        if isinstance(v, list) and v and all(isinstance(e, dict | list) for e in v)
    }
    single = any(k in value for k in ("messages", "conversations", "instruction", "prompt", "text"))
    if not lists or single:
        yield checked(value, 1, 0, _bytes(raw), tuple(sorted(parser.repairs)), limits)
        return
    row = 0
    for name, entries in lists.items():
        yield Note("key", f"{len(entries):,} records were read from under the key {name!r}.")
        for entry in entries:
            row += 1
            record: Any = entry
            if (
                isinstance(entry, list)
                and len(entry) == 2
                and all(isinstance(e, str) for e in entry)
            ):
                record = {"text": entry[0], "label": entry[1]}
            if isinstance(record, dict) and len(lists) > 1:
                record = {**record, **({} if "split" in record else {"split": name})}
            text = _bytes(str(entry)[:2_000])
            yield checked(record, row, None, text, tuple(sorted(parser.repairs)), limits)
