"""The second copy: one line per event, each with a checksum, synced before the first copy commits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from curation.decisions.event import Event
from curation.errors import CurationError


def append(path: Path, events: Sequence[Event]) -> int:
    """Write events at the end and sync; returns the length before, to cut back to."""
    data = b"".join(map(_line, events))
    try:
        with open(path, "ab") as stream:
            before = stream.tell()
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        return before
    except OSError as error:
        raise CurationError(
            f"Nothing was saved: the journal could not be written ({error.strerror})."
        ) from error


def cut(path: Path, length: int) -> None:
    """Cut the journal back to a length."""
    with open(path, "rb+") as stream:
        stream.truncate(length)
        os.fsync(stream.fileno())


def read(path: Path) -> tuple[list[Event], int]:
    """The events whose lines are whole, and how many lines are not."""
    if not path.exists():
        return [], 0
    events, broken = [], 0
    for line in path.read_bytes().split(b"\n"):
        if not line:
            continue
        digest, _, body = line.partition(b" ")
        if digest != _digest(body):
            broken += 1
            continue
        events.append(Event(**orjson.loads(body)))
    return events, broken


def write(path: Path, events: Sequence[Event]) -> None:
    """Write the journal anew, whole or not at all."""
    from curation.files import write_bytes

    write_bytes(path, b"".join(map(_line, events)))


def _line(event: Event) -> bytes:
    body = orjson.dumps(event.to_dict())
    return _digest(body) + b" " + body + b"\n"


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=8).hexdigest().encode()
