"""Rows of numbers by key in one file, which grows at its end and is mapped into memory.

Guarantee: a row is read as it was written, to the bit, or not at all: each has a checksum, tested once
by each reader. A killed writer leaves whole rows and at most one that no reader takes. Several programs
may read and append at once; a row never moves.

Accepted: a damaged row stays in the file, and another of its key comes after it. A file that another
program makes shorter while it is mapped ends the reader; nothing in this package does that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from curation import files, lock
from curation.errors import CurationError

BLOCK = 8_192
"""Rows whose checksums are tested at once."""

SUFFIX = ".rows"

_START = 0x9E3779B97F4A7C15
"""The checksum of a row of zeros, so that a hole in a file is no row."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file at one moment.

    values: (rows, width), mapped. keys: (rows,) S16; sound: (rows,) bool, both in parts. file: its
    path and its number in the file system. state: size and time of its last change.
    """

    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float16))
    file: str = ""
    state: tuple[int, int] = (0, 0)
    _keys: tuple[np.ndarray, ...] = ()
    _sound: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def keys(self) -> np.ndarray:
        """The key of each row, (rows,) S16, in the order of the file."""
        return np.concatenate([*self._keys, np.zeros(0, dtype="S16")])

    @cached_property
    def sound(self) -> np.ndarray:
        """Whether each row is as it was written, (rows,) bool."""
        return np.concatenate([*self._sound, np.zeros(0, dtype=bool)])

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """The keys of sound rows, sorted, and the first row of each."""
        sound = np.flatnonzero(self.sound)
        keys, first = np.unique(self.keys[sound], return_index=True)
        return keys, sound[first]

    @property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The keys of all sound rows, sorted, and where the row of each is."""
        return self._index

    def places(self, keys: np.ndarray) -> np.ndarray:
        """The row of each key, (keys,) int32; -1 where there is none."""
        own, rows = self._index
        if not len(own):
            return np.full(len(keys), -1, dtype=np.int32)
        near = np.minimum(np.searchsorted(own, keys), len(own) - 1)
        return np.where(own[near] == keys, rows[near], -1).astype(np.int32)

    def digest(self, places: np.ndarray) -> str:
        """A name for the keys at some places; empty where one of those is no sound row."""
        some = places[places >= 0]
        if len(some) and (int(some.max()) >= len(self) or not self.sound[some].all()):
            return ""
        return hashlib.blake2b(self.keys[some].tobytes(), digest_size=16).hexdigest()


def opened(folder: Path, before: Rows | None = None) -> Rows:
    """The rows of the file in a folder, none where there is no file.

    before: what was read of it earlier, which is returned while the file stays as it was.
    """
    path = next(iter(sorted(folder.glob(f"*{SUFFIX}"))), None)
    try:
        status = None if path is None else path.stat()
    except FileNotFoundError:
        status = None
    if path is None or status is None:
        return Rows()
    file, state = f"{path}:{status.st_dev}:{status.st_ino}", (status.st_size, status.st_mtime_ns)
    if before is not None and (before.file, before.state) == (file, state):
        return before
    return _grown(Rows(file=file), path, state)


def appended(folder: Path, keys: np.ndarray, values: np.ndarray, before: Rows | None) -> Rows:
    """The rows of a folder's file with some more at its end, (rows, width), which are synced.

    keys: (rows,) S16. Raises CurationError where the file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with lock.locked(folder / "rows.lock"):
            rows = opened(folder, before)
            path = folder / f"{values.dtype.name}x{values.shape[1]}{SUFFIX}"
            kind, fresh = _kind(path), not path.exists()
            records = np.zeros(len(values), dtype=kind)
            records["key"], records["row"] = keys, values
            records["check"] = _checks(records)
            with open(path, "ab" if fresh else "r+b") as stream:
                whole = os.fstat(stream.fileno()).st_size // kind.itemsize
                stream.seek(whole * kind.itemsize)  # over the part of a row that a kill left
                stream.write(records.tobytes())
                files.sync(stream)
                status = os.fstat(stream.fileno())
            if fresh:
                files.sync_folder(folder)
            file = f"{path}:{status.st_dev}:{status.st_ino}"
            start = rows if rows.file == file else Rows(file=file)
            return _grown(start, path, (status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise CurationError(
            f"Vectors could not be written to {folder}: {error.strerror or error}."
        ) from error


def in_memory(rows: Rows, keys: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> Rows:
    """The rows of a file and others, where nothing can be written; they stand in no file."""
    parts = [*([rows.values] if len(rows) else []), *values]
    sound = tuple(np.ones(len(part), dtype=bool) for part in keys)
    whole = np.concatenate(parts) if parts else rows.values
    return Rows(whole, _keys=(rows.keys, *keys), _sound=(rows.sound, *sound))


def _kind(path: Path) -> np.dtype:
    """The type of a file's records, after its name: a checksum, a key, and a row of numbers."""
    name, _, width = path.stem.partition("x")
    number = np.dtype(name).newbyteorder("<")
    end = 24 + number.itemsize * int(width)
    return np.dtype(
        {
            "names": ["check", "key", "row"],
            "formats": ["<u8", "S16", (number, (int(width),))],
            "offsets": [0, 8, 24],
            "itemsize": -(-end // 8) * 8,
        }
    )


def _checks(records: np.ndarray) -> np.ndarray:
    """The checksum of each record, (records,) uint64: a sum of its words by fixed odd weights."""
    words = records.view("<u8").reshape(len(records), -1)[:, 1:]
    weights = np.random.PCG64(24).random_raw(words.shape[1]) | np.uint64(1)
    return np.asarray(np.einsum("ij,j->i", words, weights) + np.uint64(_START))


def _grown(rows: Rows, path: Path, state: tuple[int, int]) -> Rows:
    """The rows of a file that holds more than before, of which the new ones are tested."""
    kind = _kind(path)
    count = state[0] // kind.itemsize
    keys, sound = list(rows._keys), list(rows._sound)
    with open(path, "rb") as stream:
        stream.seek(len(rows) * kind.itemsize)
        for start in range(len(rows), count, BLOCK):
            part = np.fromfile(stream, dtype=kind, count=min(BLOCK, count - start))
            keys.append(part["key"].copy())
            sound.append(part["check"] == _checks(part))
        mapped = np.memmap(stream, dtype=kind, mode="r", shape=(count,)) if count else None
    values = np.zeros((0, 0), dtype=kind["row"].base) if mapped is None else mapped["row"]
    return Rows(np.asarray(values), rows.file, state, tuple(keys), tuple(sound))
