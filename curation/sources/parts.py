"""A large file of JSON lines in parts, so that several processes can read it.

Guarantee: the parts together hold every line once, and rows and offsets are those of the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from curation.sources.encoding import SAMPLE, encoding_of, mark_size, text_encoding
from curation.sources.kinds import kind_of
from curation.sources.limits import Item, Limits, Note
from curation.sources.lines import Texts, json_lines
from curation.sources.opening import look


class Part(NamedTuple):
    """A piece of a file of JSON lines: its first byte, the lines before it, and its end."""

    offset: int
    before: int
    end: int


def parts(
    path: Path,
    name: str,
    limits: Limits,
    encoding: str | None,
    count: int,
    least: int,
) -> list[Part]:
    """A plain file of JSON lines in UTF-8 as at most `count` parts; no parts for other files.

    A part ends with a line and has at least `least` bytes.
    """
    if path.is_dir() or not _is_plain_text(path, limits, encoding):
        return []
    size = path.stat().st_size
    count = min(count, size // least)
    with open(path, "rb") as stream:
        sample = stream.read(SAMPLE)
        guess = text_encoding(encoding) if encoding else encoding_of(sample)[0]
        if count < 2 or not guess.startswith("utf-8") or b"\n" not in sample:
            return []
        mark = mark_size(sample, guess)
        if kind_of(sample[mark:], name) != "lines":
            return []
        divided, before, offset = list[Part](), 0, mark
        for i in range(1, count + 1):
            stream.seek(i * size // count)
            whole = stream.readline(limits.row_bytes).endswith(b"\n")
            if i < count and not whole:
                return []
            end = size if i == count else stream.tell()
            divided.append(Part(offset, before, end))
            before += _count_lines(stream, offset, end)
            offset = end
    return divided


def _is_plain_text(path: Path, limits: Limits, encoding: str | None) -> bool:
    opened = look(path, limits, encoding)
    return opened.kind == "text" and not opened.packed


def _count_lines(stream: BinaryIO, offset: int, end: int) -> int:
    """The number of lines between two places of a file. The second place is the end of a line."""
    stream.seek(offset)
    total, last = 0, b""
    while offset < end and (chunk := stream.read(min(4 * SAMPLE, end - offset))):
        total += chunk.count(b"\n")
        if b"\r" in chunk or last == b"\r":
            total += (last + chunk).count(b"\r") - (last == b"\r")
            total -= (last + chunk).count(b"\r\n")
        offset, last = offset + len(chunk), chunk[-1:]
    return total


def read_part(path: Path, part: Part, limits: Limits) -> Iterator[Item | Texts]:
    """The records of one part."""
    with open(path, "rb") as stream:
        if part.before == 0:
            yield Note("encoding", "utf-8-sig" if part.offset else "utf-8")
        stream.seek(part.offset)

        def chunks() -> Iterator[bytes]:
            left = part.end - part.offset
            while left and (chunk := stream.read(min(SAMPLE, left))):
                left -= len(chunk)
                yield chunk

        yield from json_lines(chunks(), limits, part.before, part.offset)
