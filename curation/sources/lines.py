"""JSON Lines: an object a line."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from curation.sources.limits import Blank, Item, Limits, Raw, Reject
from curation.sources.shapes import as_record, cut_cells
from curation.sources.strict import SPACED_KEY, Bad, Parser

SHOWN = 2_000
"""Bytes of a too long line that are kept."""

Line = tuple[int, int, bytes, bool]
"""A line's number, offset and bytes with its end, and whether it was too long and is cut."""


class Texts(NamedTuple):
    """Consecutive lines of objects with the same fields, all of them texts.

    row: of the first line. offsets, records, lines: of each.
    """

    row: int
    offsets: list[int]
    columns: tuple[str, ...]
    records: list[dict[str, str]]
    lines: list[bytes]


class _Lines(NamedTuple):
    """Whole lines of a chunk; lost: bytes that were cut from the first, when it was too long."""

    before: int
    offset: int
    parts: list[bytes]
    lost: int


def _whole_lines(
    chunks: Iterable[bytes], limits: Limits, before: int, offset: int
) -> Iterator[_Lines]:
    pieces, size, lost = list[bytes](), 0, 0  # pieces of a line that goes on, and their bytes
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if b"\n" in chunk or b"\r" in chunk or pieces[0].endswith(b"\r"):
            parts = b"".join(pieces).splitlines(keepends=True)  # on bytes: LF, CR and CRLF only
            # The last line may go on, and a CR may be half of a CRLF.
            tail = parts.pop() if not parts[-1].endswith(b"\n") else b""
            if parts:
                yield _Lines(before, offset, parts, lost)
                before, offset, lost = before + len(parts), offset + lost + sum(map(len, parts)), 0
            pieces, size = [tail] if tail else [], len(tail)
        if size > max(limits.row_bytes, SHOWN):
            whole = b"".join(pieces)
            pieces = [whole[:SHOWN] + whole[-1:]]
            size = len(pieces[0])
            lost += len(whole) - size
    if size:
        yield _Lines(before, offset, [b"".join(pieces)], lost)


def _each(whole: _Lines) -> Iterator[Line]:
    number, offset, parts, lost = whole
    for part in parts:
        number += 1
        yield number, offset, part, lost > 0
        offset += len(part) + lost
        lost = 0


def split_lines(
    chunks: Iterable[bytes], limits: Limits, before: int = 0, offset: int = 0
) -> Iterator[Line]:
    """Physical lines, numbered from `before` + 1.

    Lines end in LF, CR or CRLF and nowhere else. A line that is too long is cut.
    """
    for whole in _whole_lines(chunks, limits, before, offset):
        yield from _each(whole)


def json_lines(
    chunks: Iterable[bytes], limits: Limits, before: int = 0, offset: int = 0
) -> Iterator[Item | Texts]:
    """One record or reject or blank per line; `before` lines and `offset` bytes came earlier.

    Plain lines come together, as Texts, which costs a fraction of the time.
    """
    parser, most = Parser(limits), limits.row_bytes
    for whole in _whole_lines(chunks, limits, before, offset):
        if texts := _texts(whole, parser, limits):
            yield texts
            continue
        for number, start, ended, cut in _each(whole):
            line = ended.rstrip(b"\r\n")
            if cut or len(line) > most:
                yield too_long(number, start, line, limits)
            elif not line.strip():
                yield Blank()
            else:
                yield parsed(parser, line, number, start, limits)


def _texts(whole: _Lines, parser: Parser, limits: Limits) -> Texts | None:
    """The lines as Texts where the strict parser would surely give the same; else None."""
    number, offset, parts, lost = whole
    if lost or len(parts) < 2 or max(map(len, parts)) > limits.row_bytes:
        return None
    data = b"".join(parts)
    # A string never holds a raw line feed, so a line that ends in a string makes the JSON invalid.
    # With `}` before and `{` after every line feed, and no object within another, an object ends
    # with its line; and as there are as many objects as lines, each line has one.
    body = data.removesuffix(b"\n")
    if b"\r" in data or body.count(b"}\n{") != len(parts) - 1:
        return None
    try:
        records = orjson.loads(b"[" + body.replace(b"\n", b"\n,") + b"]")
    except orjson.JSONDecodeError:
        return None
    if len(records) != len(parts) or set(map(type, records)) != {dict}:
        return None
    columns = tuple(records[0])
    if not 0 < len(columns) <= limits.columns or any(tuple(r) != columns for r in records):
        return None
    if any(set(map(type, [r[c] for r in records])) != {str} for c in columns):
        return None
    lines = [part.removesuffix(b"\n") for part in parts]
    if body.count(b'":') != len(columns) * len(records) or SPACED_KEY.search(body):
        if not _without_double_keys(lines, len(columns), parser):
            return None
    offsets = list(itertools.accumulate(map(len, parts[:-1]), initial=offset))
    return Texts(number + 1, offsets, columns, records, lines)


def _without_double_keys(lines: list[bytes], keys: int, parser: Parser) -> bool:
    """Whether no key occurs twice; it parses only lines with more `":` than keys."""
    try:
        for line in lines:
            if line.count(b'":') != keys or SPACED_KEY.search(line):
                parser.parse(line)
    except Bad:
        return False
    return True


def too_long(row: int, offset: int, line: bytes, limits: Limits) -> Reject:
    """The rejection of a row that is longer than the limit."""
    message = f"the row is longer than {limits.row_mb:g} MB (limit row_mb)."
    return Reject(row, offset, "", "row_too_long", message, line[:SHOWN])


def parsed(
    parser: Parser, line: bytes, row: int, offset: int | None, limits: Limits
) -> Raw | Reject:
    """One line as a record, or as a rejected row."""
    try:
        value = parser.parse(line)
    except UnicodeDecodeError as error:
        return Reject(row, offset, "", "not_utf8", not_utf8(error.start), line)
    except Bad as error:
        return Reject(row, offset, error.field, error.code, str(error), line)
    return checked(value, row, offset, line, parser.repairs, limits)


def not_utf8(position: int) -> str:
    """A sentence about bytes that cannot be decoded, from byte `position` of a row on."""
    return (
        f"byte {position + 1} of the row does not fit the file's encoding; "
        "mend it, or name the encoding if the whole file has another."
    )


def checked(
    value: Any,
    row: int,
    offset: int | None,
    raw: bytes,
    repairs: Iterable[str],
    limits: Limits,
) -> Raw | Reject:
    """A parsed value as a record, rejected when it is no object or has too many fields."""
    if cells := cut_cells(value):
        names = ", ".join(cells[:8])
        message = f"the Hub gave these cells cut short: {names}; fetch the dataset itself."
        return Reject(row, offset, cells[0], "cut_cells", message, raw)
    value = as_record(value)
    if type(value) is not dict:
        kind = {list: "an array", str: "a text", type(None): "null", bool: "a truth value"}.get(
            type(value), "a number"
        )
        message = f"this is {kind}, not an object with named fields."
        return Reject(row, offset, "", "not_an_object", message, raw)
    if not value:
        return Reject(row, offset, "", "empty_object", "the object has no fields.", raw)
    if len(value) > limits.columns:
        message = f"it has {len(value):,} fields, more than {limits.columns:,} (limit columns)."
        return Reject(row, offset, "", "too_many_columns", message, raw)
    return Raw(row, offset, value, raw, tuple(sorted(repairs)) if repairs else ())
