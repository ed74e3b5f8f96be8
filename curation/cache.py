"""Results stored on disk under a key of everything that they depend on.

Guarantee: a damaged result counts as missing. Accepted cost: a deleted or pruned result is computed
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Generic, TypeVar

import orjson
import pyarrow as pa

from curation.errors import CurationError
from curation.files import replacing

_DIGEST = 32

LIMIT_GB = 8.0
"""Most gigabytes of stored results; the environment variable CURATION_CACHE_GB overrules it."""


FEW = 4
"""Rows for each different text of a column from which its texts are written once, and numbered."""

CODED = b"coded"
"""The key in a file under which the columns stand whose texts are numbered."""


def key(*parts: object) -> str:
    """Return a file name for everything that a result depends on: equal parts, equal name."""
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return hashlib.blake2b(text, digest_size=16).hexdigest()


SINGLE = b"single"
"""The key in a file under which the columns stand whose numbers lie in single precision."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table with a checksum over all of it, by which a reader notices an incomplete file."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    stored = _coded(_single(table))
    with pa.ipc.new_file(sink, stored.schema, options=options) as writer:
        writer.write_table(stored)
    body = sink.getvalue()
    with replacing(path, durable=False) as temporary, open(temporary, "wb") as stream:
        stream.write(hashlib.blake2b(body, digest_size=_DIGEST).digest())
        stream.write(body)


def read_table(path: Path, *, plain: bool = True) -> pa.Table | None:
    """The table that `write_table` wrote; None when absent or not as written, to the bit.

    plain: texts; otherwise columns with few different ones stay numbered, as Arrow's dictionaries.
    """
    try:
        data = pa.py_buffer(path.read_bytes())
    except OSError:
        return None
    body = data.slice(_DIGEST) if len(data) > _DIGEST else pa.py_buffer(b"")
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != data[:_DIGEST].to_pybytes():
        return None
    with pa.ipc.open_file(body) as reader:
        table = _double(reader.read_all())
        return _plain(table) if plain else _without_list(table)


def _single(table: pa.Table) -> pa.Table:
    """The table with single precision where that is all of a column's numbers; see `_double`."""
    names, metadata = list[str](), table.schema.metadata or {}
    for place, field in enumerate(table.schema):
        if field.type == pa.float64():
            short = table[place].cast(pa.float32(), safe=False)
            if short.cast(pa.float64()).equals(table[place]):
                table = table.set_column(place, field.name, short)
                names.append(field.name)
    return table.replace_schema_metadata({**metadata, SINGLE: orjson.dumps(names)})


def _double(table: pa.Table) -> pa.Table:
    """The table that `_single` was given."""
    metadata = dict(table.schema.metadata or {})
    for name in orjson.loads(metadata.pop(SINGLE, b"[]")):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[place].cast(pa.float64()))
    return table.replace_schema_metadata(metadata)


def _coded(table: pa.Table) -> pa.Table:
    """The table with a number for each text, where a column has few different ones; see `_plain`."""
    names, metadata = list[str](), table.schema.metadata or {}
    for place, field in enumerate(table.schema):
        if field.type != pa.large_string() or not len(table):
            continue
        coded = pa.concat_arrays(table[place].chunks).dictionary_encode()
        count = len(coded.dictionary)
        if count * FEW <= len(table):
            small = pa.uint8() if count < 2**8 else pa.uint16() if count < 2**16 else pa.int32()
            column = pa.DictionaryArray.from_arrays(coded.indices.cast(small), coded.dictionary)
            table = table.set_column(place, field.name, column)
            names.append(field.name)
    return table.replace_schema_metadata({**metadata, CODED: orjson.dumps(names)})


def _plain(table: pa.Table) -> pa.Table:
    """The table that `_coded` was given."""
    for name in orjson.loads((table.schema.metadata or {}).get(CODED, b"[]")):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[place].cast(pa.large_string()))
    return _without_list(table)


def _without_list(table: pa.Table) -> pa.Table:
    """The table without the list of its columns that are numbered."""
    metadata = dict(table.schema.metadata or {})
    metadata.pop(CODED, None)
    return table.replace_schema_metadata(metadata or None)


Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Results in memory by their key, until the process ends; safe for many threads.

    size: most results; the one unused for longest is removed first.
    """

    def __init__(self, size: int = 48) -> None:
        self._size = size
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Value | None:
        """Return the value that was put under that name."""
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
            return self._values.get(name)

    def put(self, name: str, value: Value) -> None:
        """Remember a value under a name made by `key`."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def forget_oldest(self, keep: int) -> bool:
        """Forget the value unused for longest where there are more than `keep`; return whether it did."""
        with self._lock:
            more = len(self._values) > keep
            if more:
                self._values.popitem(last=False)
            return more


class Cache:
    """A folder of stored tables; deleting it costs only time.

    limit: bytes that `prune` leaves; None for CURATION_CACHE_GB or else LIMIT_GB. refused: reason why
    a result could not be stored; empty while all could.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = _limit() if limit is None else limit
        self._grown = False
        self.refused = ""

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.arrow"

    def get(self, name: str, *, plain: bool = True) -> pa.Table | None:
        """Return the table that was put under that name; None when it is absent or damaged.

        plain: as `read_table` takes it.
        """
        path = self._path(name)
        with contextlib.suppress(OSError):
            os.utime(path)  # what was used last is forgotten last
        return read_table(path, plain=plain)

    def has(self, name: str) -> bool:
        """Whether something was put under that name, damaged or not."""
        return self._path(name).exists()

    def put(self, name: str, table: pa.Table) -> None:
        """Remember a table under a name made by `key`, where there is room and leave to write."""
        try:
            write_table(self._path(name), table)
            self._grown = True
        except CurationError as error:
            self.refused = str(error)

    def prune(self) -> None:
        """Delete the tables unused for longest, down to the limit, if something was added."""
        if not self._grown:
            return
        self._grown = False
        files = []
        for path in self.folder.rglob("*.arrow"):
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                status = path.stat()
                files.append((status.st_mtime_ns, status.st_size, path))
        excess = sum(size for _, size, _ in files) - self.limit
        for _, size, path in sorted(files):
            if excess <= 0:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                excess -= size


def _limit() -> int:
    try:
        return int(float(os.environ.get("CURATION_CACHE_GB") or LIMIT_GB) * 2**30)
    except (ValueError, OverflowError):
        raise CurationError(
            "CURATION_CACHE_GB must be a number of gigabytes, such as 8; correct or unset it."
        ) from None
