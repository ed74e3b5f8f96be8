"""A dictionary that is cheap to copy, for the tables of a state.

A table is a large dictionary, which its copies share, and the few entries that were set since. So a
copy costs what was set lately and not all decisions of a project, and the search for cycles, which
stops all threads, meets the large dictionary once. Accepted cost: removing an entry copies it all.
`collections.ChainMap` copies alike, but to count or walk its entries it makes a dictionary of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from itertools import chain
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 500
"""Entries beside the shared dictionary; a copy of a table with more gets a dictionary of its own."""


class Table(MutableMapping[str, T]):
    """A dictionary with cheap copies, in the order of a dictionary.

    Guarantee: no change of a copy shows in another. Not safe for several threads while it changes.
    """

    __slots__ = ("_base", "_is_own", "_late")

    def __init__(self, entries: Mapping[str, T] | None = None) -> None:
        self._base: dict[str, T] = dict(entries or {})
        self._late: dict[str, T] = {}  # set since the dictionary is shared; over it
        self._is_own = True  # no other table has the dictionary

    def copy(self) -> Table[T]:
        """Return a table with the same entries; the large dictionary is shared from now on."""
        if len(self._late) > MOST:
            return Table(self._base | self._late)
        self._is_own = False
        copy: Table[T] = Table()
        copy._base, copy._late, copy._is_own = self._base, self._late.copy(), False
        return copy

    def __getitem__(self, key: str) -> T:
        return self._late[key] if key in self._late else self._base[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return the entry of a key, or a default."""
        return self._late[key] if key in self._late else self._base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._base or key in self._late

    def __setitem__(self, key: str, value: T) -> None:
        (self._base if self._is_own else self._late)[key] = value

    def __delitem__(self, key: str) -> None:
        if not self._is_own:
            self._base, self._late, self._is_own = self._base | self._late, {}, True
        del self._base[key]

    def __iter__(self) -> Iterator[str]:
        if not self._late:
            return iter(self._base)
        return chain(self._base, (key for key in self._late if key not in self._base))

    def __len__(self) -> int:
        return len(self._base) + sum(key not in self._base for key in self._late)

    def __repr__(self) -> str:
        return f"Table({dict(self)!r})"
