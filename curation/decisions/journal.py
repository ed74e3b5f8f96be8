"""The second copy of every event: a file of JSON lines, each with a checksum, synced line by line.

A line is `{"sum":"<16 hex digits>","left":0,"event":{…}}`, where sum is the checksum of what follows
it up to the last brace, and left says how many lines of the same append come after this one. The
first line is `{"sum":…,"about":{"store":…}}` and says whose events these are. Lines are only ever
added; a torn end is cut off, back to the last append that is whole; a damaged line is left where it
is until a repair.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from curation import lock
from curation.decisions.event import Event, checksum
from curation.decisions.outcome import NotKnown, NotSaved
from curation.errors import CurationError
from curation.files import sync_folder, write_bytes

_TAIL = 65536
"""Bytes read at first to find the last event; doubled until one is in them."""


@dataclass(frozen=True)
class Contents:
    """A journal as read: its events in the order of their lines, and what is wrong with the rest.

    store: whose events these are; "" when no line says so. damaged: lines that are not as they were
    written, as bytes. torn: bytes at the end that belong to no append that is whole.
    """

    events: tuple[Event, ...]
    store: str
    damaged: tuple[bytes, ...]
    torn: bytes


@dataclass(frozen=True)
class _Line:
    """An event as it stands in the journal, and how many lines of its append follow."""

    event: Event
    left: int


class Journal:
    """The file, and one writer's idea of where it ends.

    Everything but `read` and `newest` is for the holder of `locked`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._end: tuple[tuple[int, int], Event | None] | None = None

    @contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Be the only program that writes to the journal; opens and creates it when needed.

        Raises NotSaved when the file cannot be opened or another program holds it too long.
        """
        handle = self._lock(patience)
        try:
            yield
        finally:
            lock.let_go(handle)

    def _lock(self, patience: float) -> int:
        try:
            while True:
                handle = self._open()
                if not lock.take(handle, patience):
                    raise NotSaved("another program has held the journal for too long; try again")
                if self._is_current(handle):
                    return handle
                self.close()  # a repair has put another file in its place meanwhile
        except OSError as error:
            raise _unwritable(error) from error

    def _open(self) -> int:
        if self._handle is None:
            new = not self.path.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._handle = os.open(self.path, flags, 0o644)
            self._end = None
            if new:
                sync_folder(self.path.parent)
        return self._handle

    def _is_current(self, handle: int) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        here = os.fstat(handle)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = self._end = None

    def end(self) -> Event | None:
        """The last whole event, after a torn end was cut off; None in an empty journal.

        Raises NotSaved when the file cannot be read or cut.
        """
        assert self._handle is not None
        stat = os.fstat(self._handle)
        if self._end is None or self._end[0] != (stat.st_ino, stat.st_size):
            try:
                self._mend()
                self._know(newest(self.path))
            except OSError as error:
                raise _unwritable(error) from error
        assert self._end is not None
        return self._end[1]

    def _mend(self) -> None:
        """Cut off what was being written when a program died, or end it when it is whole."""
        assert self._handle is not None
        size, end = os.fstat(self._handle).st_size, _end_of_whole(self._handle)
        if end > size:
            os.write(self._handle, b"\n")  # only the line break was missing
        elif end < size:
            os.ftruncate(self._handle, end)
        else:
            return
        os.fsync(self._handle)

    def _know(self, last: Event | None) -> None:
        assert self._handle is not None
        stat = os.fstat(self._handle)
        self._end = (stat.st_ino, stat.st_size), last

    def append(self, groups: Sequence[Sequence[Event]], store: str) -> int:
        """Add events at the end and sync; returns the length before, to `cut` back to.

        Each group is read back whole or not at all. Raises NotSaved, having cut off what was half
        written, when the disk refuses, and NotKnown when it refuses that too.
        """
        assert self._handle is not None
        before = os.fstat(self._handle).st_size
        lines = [line for group in groups for line in _lines(group)]
        if before == 0:
            lines.insert(0, _about(store))
        data = memoryview(b"".join(lines))
        try:
            while data:
                data = data[os.write(self._handle, data) :]
            os.fsync(self._handle)
        except OSError as error:
            try:
                self.cut(before)
            except OSError:  # whole lines that stay are taken in by the next write
                raise NotKnown(f"the journal fails: {_words(error)}") from error
            raise _unwritable(error) from error
        self._know(groups[-1][-1])
        return before

    def cut(self, length: int) -> None:
        """Take back everything after a length; raises OSError when the disk refuses."""
        assert self._handle is not None
        self._end = None
        os.ftruncate(self._handle, length)
        os.fsync(self._handle)

    def rewrite(self, events: Sequence[Event], store: str) -> None:
        """Put a journal of just these events in the place of this one, whole or not at all.

        Others who wait for the lock notice. Raises CurationError when it cannot be written.
        """
        lines = [_about(store), *(line for event in events for line in _lines([event]))]
        write_bytes(self.path, b"".join(lines))


def read(path: Path) -> Contents:
    """Everything in a journal; an absent one is empty.

    Raises CurationError when it cannot be read.
    """
    try:
        *lines, torn = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        lines, torn = [], b""
    except OSError as error:
        raise CurationError(f"The journal cannot be read: {error.strerror}.") from error
    if torn and _parse(torn) is not None:
        lines, torn = [*lines, torn], b""
    events, damaged, store = [], [], ""
    unfinished: list[tuple[Event, bytes]] = []
    for line in lines:
        parsed = _parse(line)
        if parsed is None:
            damaged.append(line)
        elif isinstance(parsed, _Line):
            unfinished.append((parsed.event, line))
            if parsed.left == 0:
                events += [event for event, _ in unfinished]
                unfinished = []
        else:
            store = store or str(parsed.get("store", ""))
    torn = b"\n".join([*(line for _, line in unfinished), *([torn] if torn else [])])
    return Contents(tuple(events), store, tuple(damaged), torn)


def newest(path: Path) -> Event | None:
    """The last event of a whole append, without reading all of the journal; None for none.

    Raises OSError when the file cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        size, length = os.fstat(handle).st_size, _TAIL
        while True:
            start = max(0, size - length)
            lines = os.pread(handle, size - start, start).split(b"\n")
            for line in reversed(lines if start == 0 else lines[1:]):
                parsed = _parse(line)
                if isinstance(parsed, _Line) and parsed.left == 0:
                    return parsed.event
            if start == 0:
                return None
            length *= 2
    finally:
        os.close(handle)


def owner(path: Path) -> str:
    """Whose events a journal holds, by its first line; "" when it does not say.

    Raises OSError when the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            parsed = _parse(stream.readline().rstrip(b"\n"))
    except FileNotFoundError:
        return ""
    return str(parsed.get("store", "")) if isinstance(parsed, dict) else ""


def _end_of_whole(handle: int) -> int:
    """Where the last append that is whole ends; behind the end where only its line break lacks."""
    size, length = os.fstat(handle).st_size, _TAIL
    while True:
        start = max(0, size - length)
        lines = os.pread(handle, size - start, start).split(b"\n")
        last = lines.pop()
        if _parse(last) is not None and _closes(last):
            return size + 1
        end = size - len(last)
        while len(lines) > (start > 0):  # the first may be a part of one
            if _closes(lines[-1]):
                return end
            end -= len(lines.pop()) + 1
        if start == 0:
            return end
        length *= 2


def _closes(line: bytes) -> bool:
    """Whether a line may be the last of an append; a damaged one may, and stays for a repair."""
    parsed = _parse(line)
    return not isinstance(parsed, _Line) or parsed.left == 0


def _lines(group: Sequence[Event]) -> Iterator[bytes]:
    """The lines of one append."""
    for left, event in zip(range(len(group) - 1, -1, -1), group, strict=True):
        yield _line(b'"left":%d,"event":%s' % (left, event.body()))


def _about(store: str) -> bytes:
    return _line(b'"about":%s' % orjson.dumps({"store": store}))


def _line(said: bytes) -> bytes:
    return b'{"sum":"%s",%s}\n' % (checksum(said).encode(), said)


def _parse(line: bytes) -> _Line | dict[str, Any] | None:
    """The event or the words about the journal on a line; None when it is not as written."""
    said = line[26:-1]
    if not (line.startswith(b'{"sum":"') and line[24:26] == b'",' and line[-1:] == b"}"):
        return None
    if line[8:24].decode("latin-1") != checksum(said):
        return None
    entry: dict[str, Any] = orjson.loads(line)
    if "event" in entry:
        return _Line(Event(**entry["event"]), int(entry["left"]))
    return dict(entry["about"])


def _unwritable(error: OSError) -> NotSaved:
    return NotSaved(f"the journal could not be written ({_words(error)})")


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
