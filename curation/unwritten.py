"""Columns of texts that are written out only where somebody reads them.

Such a column knows the parts that its texts are made of. Rows are taken from it by number, and
what they say is put together at the moment of reading.

Guarantee: what is read is the same text, to the byte. Accepted cost: who reads the whole column has
it written again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.arrays import ArrowStringArray

FEW = 65_536
"""Rows up to which a column, or a part of one, is written out at once: it is often read more than once."""

SHARE = 4
"""Rows for each different text of a column that is kept as its texts and a number for each row."""

SAMPLE = 1_024
"""Rows that are looked at first to tell whether a column has few different texts."""


class Parts(Protocol):
    """The parts that the texts of a column are made of."""

    def __len__(self) -> int:
        """The number of rows."""

    @property
    def nbytes(self) -> int:
        """The bytes of what is no other column's."""

    def picked(self, positions: Any) -> Parts:
        """The parts of the rows at positions, a slice or a mask."""

    def text(self) -> pa.Array:
        """All texts, missing ones too."""

    def missing(self) -> np.ndarray:
        """Whether each row has no text."""


@dataclass(frozen=True)
class Picked:
    """Texts, and for each row the place of its own among them; −1 where it has none."""

    texts: pa.Array
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def nbytes(self) -> int:
        """The bytes of the places, and of texts that are fewer."""
        own = self.texts.nbytes if len(self.texts) < len(self.places) else 0
        return int(self.places.nbytes + own)

    def picked(self, positions: Any) -> Picked:
        """The rows at positions, a slice or a mask."""
        return replace(self, places=self.places[positions])

    def with_gaps(self, positions: np.ndarray) -> Picked:
        """The rows at positions; none at −1."""
        if not len(self.places):
            return replace(self, places=np.full(len(positions), -1, np.int8))
        places = self.places[positions]
        places[positions < 0] = -1
        return replace(self, places=places)

    def text(self) -> pa.Array:
        """All texts, missing ones too."""
        gaps = self.places < 0
        return self.texts.take(pa.array(self.places, mask=gaps if gaps.any() else None))

    def missing(self) -> np.ndarray:
        """Whether each row has no text."""
        gaps = self.places < 0
        if not self.texts.null_count:
            return gaps
        empty = np.asarray(self.texts.is_null())
        return np.asarray(gaps | empty[self.places])


def picked(texts: pa.Array, numbers: np.ndarray) -> Picked:
    """Return texts by the number of each row, in the fewest bytes."""
    kind = np.int8 if len(texts) < 2**7 else np.int16 if len(texts) < 2**15 else np.int32
    return Picked(texts, np.asarray(numbers).astype(kind))


_Texts: Any = ArrowStringArray  # whose own parts its stubs do not know


class Unwritten(_Texts):  # type: ignore[misc]
    """A column of text that is made of its parts until somebody changes it.

    pandas reads such a column by its attribute `_pa_array`, which is written out each time here, and
    takes parts of it by the methods below, which write nothing for many rows.
    """

    _parts: Any = None
    _text: Any = None

    @property
    def _pa_array(self) -> pa.ChunkedArray:
        if self._parts is None:
            return self._text
        return pa.chunked_array([self._parts.text()])

    @_pa_array.setter
    def _pa_array(self, value: pa.ChunkedArray) -> None:
        self._text, self._parts = value, None

    def _of(self, parts: Parts) -> Unwritten:
        """A column like this one, made of other parts; of few rows it is written."""
        if len(parts) <= FEW:
            few: Unwritten = self._from_pyarrow_array(parts.text())
            return few
        column: Unwritten = type(self).__new__(type(self))
        column._parts, column._dtype, column._cache = parts, self._dtype, {}
        return column

    def __len__(self) -> int:
        return len(self._text) if self._parts is None else len(self._parts)

    @property
    def nbytes(self) -> int:
        """The bytes of what is no other column's."""
        return int(self._text.nbytes if self._parts is None else self._parts.nbytes)

    def isna(self) -> np.ndarray:
        """Whether each row has no text."""
        return np.asarray(super().isna() if self._parts is None else self._parts.missing())

    @property
    def _hasna(self) -> bool:
        return bool(super()._hasna if self._parts is None else self._parts.missing().any())

    def copy(self) -> Unwritten:
        """The column itself, for what it is made of never changes."""
        column: Unwritten = self.view()
        column._readonly = False
        return column

    def view(self, dtype: Any = None) -> Any:
        """The column itself; see `copy`."""
        if self._parts is None or dtype is not None:
            return super().view(dtype)
        column = type(self).__new__(type(self))
        column._parts, column._dtype, column._cache = self._parts, self._dtype, {}
        column._readonly = self._readonly
        return column

    def __getitem__(self, item: Any) -> Any:
        if self._parts is None:
            return super().__getitem__(item)
        if isinstance(item, slice):
            part = self.view() if item == slice(None) else self._of(self._parts.picked(item))
            part._readonly = self._readonly
            return part
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, np.ndarray):
            return self._of(self._parts.picked(item))
        if isinstance(item, int | np.integer):
            one = self._parts.picked(slice(item, item + 1 or None)).text()[0].as_py()
            return self._dtype.na_value if one is None else one
        return super().__getitem__(item)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Any:
        """The rows of some positions; see `pandas.api.extensions.ExtensionArray.take`."""
        positions = np.asarray(indices, dtype=np.int64)
        if self._parts is None:
            return super().take(indices, allow_fill=allow_fill, fill_value=fill_value)
        missing = allow_fill & (positions < 0)
        if allow_fill and (positions < -1).any():
            raise ValueError("a position below −1 names no row")
        if not missing.any():
            return self._of(self._parts.picked(positions))
        if isinstance(self._parts, Picked) and not isinstance(fill_value, str):
            return self._of(self._parts.with_gaps(positions))
        whole = self._from_pyarrow_array(self._parts.picked(positions[~missing]).text())
        places = np.where(missing, -1, np.cumsum(~missing) - 1)
        return whole.take(places, allow_fill=True, fill_value=fill_value)

    def fillna(self, value: Any, limit: int | None = None, copy: bool = True) -> Any:
        """The column with a text in the place of missing ones."""
        parts = self._parts
        if isinstance(parts, Picked) and isinstance(value, str) and limit is None:
            numbers = np.flatnonzero(parts.missing())
            return self._of(_named(parts, numbers, value)) if len(numbers) else self.copy()
        return super().fillna(value, limit=limit, copy=copy)

    def _cmp_method(self, other: Any, op: Any) -> Any:
        parts = self._parts
        if not isinstance(parts, Picked) or not isinstance(other, str):
            return super()._cmp_method(other, op)
        each = self._from_pyarrow_array(parts.texts)._cmp_method(other, op)
        # A row without a text has the place −1: it reads the last value.
        return np.append(np.asarray(each, dtype=bool), op is operator.ne)[parts.places]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _plain, (self._pa_array.combine_chunks(), self._dtype)


def _plain(text: pa.Array, dtype: Any) -> Any:
    return _Texts(text, dtype=dtype)


def _named(parts: Picked, numbers: np.ndarray, text: str) -> Picked:
    """Return the parts with a text at the rows of some numbers."""
    texts = pa.concat_arrays([parts.texts, pa.array([text], parts.texts.type)])
    fresh = picked(texts, parts.places)
    fresh.places[numbers] = len(texts) - 1
    return fresh


def column_of(
    parts: Parts, like: pd.Series | None = None, index: pd.Index | None = None
) -> pd.Series:
    """Return parts as a column, with the kind, the index and the name of another one."""
    dtype = pd.StringDtype("pyarrow", na_value=np.nan) if like is None else like.dtype
    array = Unwritten(pa.array([], pa.large_string()), dtype=dtype)._of(parts)
    if like is not None:
        return pd.Series(array, index=like.index, name=like.name, copy=False)
    return pd.Series(array, index=index, copy=False)


def parts_of(column: pd.Series) -> Any:
    """Return the parts that a column is made of; None where it is written."""
    array = column.array
    return array._parts if isinstance(array, Unwritten) else None


def absent(index: pd.Index) -> pd.Series:
    """Return a column without a text."""
    nothing = Picked(pa.array([], pa.large_string()), np.full(len(index), -1, np.int8))
    return column_of(nothing, index=index)


def named(column: pd.Series, numbers: np.ndarray, text: str) -> pd.Series:
    """Return a column with a text at the rows of some numbers."""
    parts = parts_of(column)
    if isinstance(parts, Picked):
        return column_of(_named(parts, numbers, text), column)
    some = np.zeros(len(column), dtype=bool)
    some[numbers] = True
    return column.mask(some, text)


def laid_over(fresh: pd.Series, old: pd.Series) -> pd.Series:
    """Return a column of texts, with another's where it has none."""
    mine, theirs = parts_of(fresh), parts_of(old)
    if not isinstance(mine, Picked) or not isinstance(theirs, Picked):
        return fresh.where(fresh.notna(), old)
    texts = pa.concat_arrays([mine.texts, theirs.texts])
    behind = np.where(theirs.places < 0, -1, theirs.places.astype(np.int64) + len(mine.texts))
    places = np.where(mine.missing(), behind, mine.places)
    return column_of(picked(texts, places), fresh)


def numbered(coded: pa.DictionaryArray) -> Picked:
    """Return a column of Arrow's, whose texts are numbered, as parts."""
    places = coded.indices
    numbers = places.fill_null(0).to_numpy(zero_copy_only=False)
    column = picked(coded.dictionary.cast(pa.large_string()), numbers)
    if places.null_count:
        column.places[np.asarray(places.is_null())] = -1
    return column


def with_places(column: pd.Series) -> pd.Series:
    """Return a column of texts by their numbers, where few are different; else the column itself."""
    if not isinstance(column.dtype, pd.StringDtype) or len(column) <= FEW:
        return column
    if parts_of(column) is not None:
        return column
    texts = pa.array(column.array, pa.large_string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    if len(sample.unique()) * SHARE > len(sample) * 3:
        return column
    coded = texts.dictionary_encode()
    if len(coded.dictionary) * SHARE > len(texts):
        return column
    return column_of(numbered(coded), column)
