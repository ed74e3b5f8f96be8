"""The journal, the second copy of every event: a file of JSON lines, each with a checksum.

A line is `{"sum":"<16 hex digits>","left":0,"event":{…}}`: sum is the checksum of the text between
it and the last brace, left is the number of lines of the same append that follow. The first line is
`{"sum":…,"about":{"store":…}}` and names the store of the events.

Guarantee: an append is read back whole or not at all. Lines are only added; a torn end is cut back
to the last whole append. Accepted cost: a damaged line stays in its place until a repair.
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
"""Bytes read first to find the last event; doubled until they hold one."""


@dataclass(frozen=True)
class Contents:
    """A journal as read.

    events: whole events in the order of their lines. store: id of the store of the events; "" when
    no line names it. damaged: lines with a wrong checksum, as bytes. torn: bytes at the end that
    belong to no whole append.
    """

    events: tuple[Event, ...]
    store: str
    damaged: tuple[bytes, ...]
    torn: bytes


@dataclass(frozen=True)
class _Line:
    """A line of the journal: an event, and the number of lines of its append that follow."""

    event: Event
    left: int


class Journal:
    """The journal's file for writing, with the place of its end.

    All methods need the lock that `locked` takes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._end: tuple[tuple[int, int], Event | None] | None = None

    @contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Hold the journal's lock; opens and creates the file when needed.

        Raises NotSaved when the file cannot be opened or another program holds the lock too long.
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
            on_disk = os.stat(self.path)
        except FileNotFoundError:
            return False
        opened = os.fstat(handle)
        return (on_disk.st_dev, on_disk.st_ino) == (opened.st_dev, opened.st_ino)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = self._end = None

    def end(self) -> Event | None:
        """Cut off a torn end and return the last whole event; None in an empty journal.

        Raises NotSaved when the file cannot be read or cut.
        """
        assert self._handle is not None
        stat = os.fstat(self._handle)
        if self._end is None or self._end[0] != (stat.st_ino, stat.st_size):
            try:
                self._mend()
                self._remember_end(newest(self.path))
            except OSError as error:
                raise _unwritable(error) from error
        assert self._end is not None
        return self._end[1]

    def _mend(self) -> None:
        """Cut off the incomplete append of a program that died, or add its missing line break."""
        assert self._handle is not None
        size, end = os.fstat(self._handle).st_size, _end_of_whole(self._handle)
        if end > size:
            os.write(self._handle, b"\n")  # only the line break was missing
        elif end < size:
            os.ftruncate(self._handle, end)
        else:
            return
        os.fsync(self._handle)

    def _remember_end(self, last: Event | None) -> None:
        assert self._handle is not None
        stat = os.fstat(self._handle)
        self._end = (stat.st_ino, stat.st_size), last

    def append(self, groups: Sequence[Sequence[Event]], store: str) -> int:
        """Add events at the end and sync; return the length before, for `cut`.

        Each group is read back whole or not at all. Raises NotSaved when the disk refuses and the
        half-written part was cut off, and NotKnown when the cut fails too.
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
            except OSError:  # the next write adds whole lines that stay to the database
                raise NotKnown(f"the journal fails: {_words(error)}") from error
            raise _unwritable(error) from error
        self._remember_end(groups[-1][-1])
        return before

    def cut(self, length: int) -> None:
        """Cut the file to a length; raises OSError when the disk refuses."""
        assert self._handle is not None
        self._end = None
        os.ftruncate(self._handle, length)
        os.fsync(self._handle)

    def rewrite(self, events: Sequence[Event], store: str) -> None:
        """Replace the journal by one of just these events, whole or not at all.

        Programs that wait for the lock open the new file. Raises CurationError when it cannot be
        written.
        """
        lines = [_about(store), *(line for event in events for line in _lines([event]))]
        write_bytes(self.path, b"".join(lines))


def read(path: Path) -> Contents:
    """Read a whole journal; an absent one is empty.

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
    """Return the last event of a whole append, from the journal's end; None for none.

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
    """Return the id of the store whose events a journal holds, by its first line; "" for none.

    Raises OSError when the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            parsed = _parse(stream.readline().rstrip(b"\n"))
    except FileNotFoundError:
        return ""
    return str(parsed.get("store", "")) if isinstance(parsed, dict) else ""


def _end_of_whole(handle: int) -> int:
    """Return the end of the last whole append; size + 1 where only its line break is missing."""
    size, length = os.fstat(handle).st_size, _TAIL
    while True:
        start = max(0, size - length)
        lines = os.pread(handle, size - start, start).split(b"\n")
        last = lines.pop()
        if _parse(last) is not None and _closes(last):
            return size + 1
        end = size - len(last)
        while len(lines) > (start > 0):  # the first line may be cut by the block
            if _closes(lines[-1]):
                return end
            end -= len(lines.pop()) + 1
        if start == 0:
            return end
        length *= 2


def _closes(line: bytes) -> bool:
    """Return whether a line may be the last of an append; a damaged line may."""
    parsed = _parse(line)
    return not isinstance(parsed, _Line) or parsed.left == 0


def _lines(group: Sequence[Event]) -> Iterator[bytes]:
    """Yield the lines of one append."""
    for left, event in zip(range(len(group) - 1, -1, -1), group, strict=True):
        yield _line(b'"left":%d,"event":%s' % (left, event.body()))


def _about(store: str) -> bytes:
    return _line(b'"about":%s' % orjson.dumps({"store": store}))


def _line(content: bytes) -> bytes:
    return b'{"sum":"%s",%s}\n' % (checksum(content).encode(), content)


def _parse(line: bytes) -> _Line | dict[str, Any] | None:
    """Parse a line: an event, or the first line's object; None when the checksum is wrong."""
    content = line[26:-1]
    if not (line.startswith(b'{"sum":"') and line[24:26] == b'",' and line[-1:] == b"}"):
        return None
    if line[8:24].decode("latin-1") != checksum(content):
        return None
    entry: dict[str, Any] = orjson.loads(line)
    if "event" in entry:
        return _Line(Event(**entry["event"]), int(entry["left"]))
    return dict(entry["about"])


def _unwritable(error: OSError) -> NotSaved:
    return NotSaved(f"the journal could not be written ({_words(error)})")


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
