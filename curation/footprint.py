"""The memory that values hold, in bytes, with what several of them share counted once.

Guarantee: a piece of memory has one address, so the footprints of two values show what they share.
Accepted cost: of a container with many parts some are looked at, and stand for the others.
"""

from __future__ import annotations

import bisect
import ctypes
import functools
import sys
import threading
import types
import weakref
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

MOST = 400
"""Parts of a container that are looked at."""

SMALL = 2**16
"""Bytes up to which a part of a large container stands for others."""

_LEAVES = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    *(weakref.ref, threading.local, types.GeneratorType),
)
"""Kinds of values that belong to the program, or keep nothing alive."""

_OPEN = frozenset(("_plotly_utils", "collections", "curation", "pandas", "plotly", "scipy"))
"""Packages whose values are looked into; others, such as a database's, are taken as they are."""

MANY = 100_000
"""Rows after whose steps memory is given back: it takes tens of milliseconds, and saves a gigabyte in a
run of a million."""

Footprint = dict[int, int]
"""Address → bytes of each piece of memory that a value holds."""


def footprint(*values: object) -> Footprint:
    """Return the pieces of memory that values hold; pages of a file that is mapped do not count."""
    return _Walk().over(values)


def give_back(rows: int) -> None:
    """Give the memory that a step of so many rows used, and Arrow and the C library keep, to the system."""
    if rows < MANY:
        return
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it; Windows asks for a name
        ctypes.CDLL(None).malloc_trim(0)


def bytes_of(footprints: Iterable[Footprint]) -> int:
    """Return the bytes of several footprints together; what they share counts once."""
    pieces: Footprint = {}
    for one in footprints:
        pieces |= one
    return sum(pieces.values())


class _Walk:
    """A walk through values to the memory that they hold."""

    def __init__(self) -> None:
        self._mapped = _mapped_files()
        self._visited: dict[int, object] = {}  # alive as long as the walk, so that ids stay unique

    def over(self, values: Iterable[object]) -> Footprint:
        """Return the footprint of values that this walk did not visit yet."""
        pieces: Footprint = {}
        stack = list(values)
        while stack:
            part = stack.pop()
            if id(part) in self._visited or isinstance(part, _LEAVES):
                continue
            self._visited[id(part)] = part
            if isinstance(part, np.ndarray):
                stack += self._array(part, pieces)
            elif isinstance(part, pa.Buffer):
                self._buffer(part, pieces)
            elif isinstance(part, pa.Array):
                stack += filter(None, part.buffers())
            elif isinstance(part, pa.ChunkedArray):
                stack += part.chunks
            elif isinstance(part, pa.Table | pa.RecordBatch):
                stack += part.columns
            else:
                pieces[id(part)] = _own(part)
                parts = _parts(part)
                if len(parts) > MOST:
                    self._some(part, parts, pieces)
                else:
                    stack += parts
        return pieces

    def _array(self, array: np.ndarray, pieces: Footprint) -> Iterator[object]:
        owner: Any = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if isinstance(owner.base, pa.Buffer | pa.Array):
            yield owner.base
            return
        address = owner.__array_interface__["data"][0]
        if not self._mapped.holds(address):
            pieces[address] = owner.nbytes
        if owner.dtype.hasobject and owner.size:
            self._some(
                owner, owner.ravel()[:: max(1, owner.size // MOST)].tolist(), pieces, owner.size
            )

    def _buffer(self, buffer: pa.Buffer, pieces: Footprint) -> None:
        while buffer.parent is not None:
            buffer = buffer.parent
        if not self._mapped.holds(buffer.address):
            pieces[buffer.address] = max(buffer.size, pieces.get(buffer.address, 0))

    def _some(
        self, whole: object, parts: Collection[object], pieces: Footprint, number: int = 0
    ) -> None:
        """Add the footprint of many parts, of which some are looked at."""
        number = number or len(parts)
        chosen = list(parts)[:: max(1, len(parts) // MOST)]
        small = 0
        for address, bytes_ in self.over(chosen).items():
            if bytes_ > SMALL:
                pieces[address] = bytes_
            else:
                small += bytes_
        pieces[id(whole)] = pieces.get(id(whole), 0) + small * number // max(1, len(chosen))


def _own(value: object) -> int:
    """Return the bytes of a value without what it refers to; tables tell of their columns too."""
    if isinstance(value, str | bytes | dict | list | tuple | set | frozenset):
        return sys.getsizeof(value)
    if type(value).__module__ == "pandas._libs.index":  # a table by which an index finds a label
        table: Any = value
        texts = table.values.dtype.hasobject
        return int(table.sizeof()) + len(table.values) * (68 if texts else 0)
    return object.__sizeof__(value)


def _parts(value: object) -> Collection[object]:
    """Return the values that a value refers to."""
    if isinstance(value, str | bytes | int | float | Path):
        return ()
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, pd.DataFrame):
        return [value.index, value.columns, *(column.array for _, column in value.items())]
    if isinstance(value, pd.Series):
        return [value.index, value.array]
    if isinstance(value, pd.Index):
        return [value.array, getattr(value, "_cache", {}).get("_engine")]
    if type(value).__module__.partition(".")[0] not in _OPEN:
        return ()
    parts = list(getattr(value, "__dict__", {}).values())
    if isinstance(value, pd.api.extensions.ExtensionArray):
        parts += [getattr(value, name, None) for name in ("_ndarray", "_codes")]
    for slot in _slots(type(value)):  # type: ignore[arg-type]
        with suppress(AttributeError):  # it was never set
            parts.append(slot.__get__(value))
    return parts


@functools.cache
def _slots(kind: type) -> list[types.MemberDescriptorType]:
    """Return the slots of a class and of those that it is made from."""
    values = (value for one in kind.__mro__ for value in one.__dict__.values())
    return [value for value in values if isinstance(value, types.MemberDescriptorType)]


class _Ranges:
    """Ranges of addresses, sorted."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges = sorted(ranges)

    def holds(self, address: int) -> bool:
        """Return whether an address lies in one of them."""
        place = bisect.bisect_right(self._ranges, (address, sys.maxsize)) - 1
        return place >= 0 and address < self._ranges[place][1]


def _mapped_files() -> _Ranges:
    """Return the addresses at which files are mapped; none where the system does not tell."""
    ranges = list[tuple[int, int]]()
    try:
        with open("/proc/self/maps") as lines:
            for line in lines:
                place, _, _, _, inode, *_ = line.split(maxsplit=5)
                if inode != "0":
                    begin, end = place.split("-")
                    ranges.append((int(begin, 16), int(end, 16)))
    except OSError:
        pass
    return _Ranges(ranges)
