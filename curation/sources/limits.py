"""Limits for reading an untrusted file, and the items that a reader yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.errors import CurationError


@dataclass(frozen=True)
class Limits:
    """Limits of one import; a file or row beyond one is refused with the limit's name.

    memory_mb: of the reading process. seconds: of that process, by the wall clock. row_mb: one
    row's text. nesting: brackets within brackets. columns: of one record. expansion: unpacked to
    packed bytes, counted from expansion_after_mb on.
    """

    memory_mb: int = 6_000
    seconds: int = 3_600
    row_mb: float = 10
    nesting: int = 64
    columns: int = 2_000
    expansion: int = 200
    expansion_after_mb: float = 10

    @property
    def row_bytes(self) -> int:
        """One row's limit in bytes."""
        return int(self.row_mb * 2**20)

    def swollen(self, packed: int) -> int:
        """The most bytes that `packed` bytes may unpack to."""
        return max(int(self.expansion_after_mb * 2**20), packed * self.expansion)


class Raw(NamedTuple):
    """A record of the file: its position, its parsed value, and the repairs in it.

    row: from 1. offset: of its first byte in the unpacked file, or in its text as UTF-8 for another
    encoding. lines: number of lines of the file that it takes; it counts as one all the same.
    """

    row: int
    offset: int | None
    value: dict[str, Any]
    raw: bytes
    repairs: tuple[str, ...] = ()
    lines: int = 1


class Reject(NamedTuple):
    """A rejected row: its position, the field, a code, and what to do.

    columns: names that a mapping could use, when the record itself was whole.
    """

    row: int
    offset: int | None
    field: str
    code: str
    message: str
    raw: bytes
    lines: int = 1
    columns: tuple[str, ...] = ()


class Blank(NamedTuple):
    """Lines with nothing in them."""

    lines: int = 1


class Note(NamedTuple):
    """A fact about the file as a whole; `key` is its kind, such as encoding."""

    key: str
    text: str


Item = Raw | Reject | Blank | Note


class Refused(CurationError):
    """The whole file is refused; the text says why and what to do."""


class NotData(Refused):
    """The file describes data, or is a pointer to it, and holds none itself."""


class Damaged(Refused):
    """A packed file that cannot be unpacked further; the part before is whole."""
