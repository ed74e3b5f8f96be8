"""The column of conversations, of which a question with its answer is written out only where it is read.

Most examples have one question and one answer, and their `messages` say no more than `prompt` and `response`
do. Such a row is kept without its messages: on disk they are missing, and in memory the column makes them
from the other two when somebody reads them.

Guarantee: what is read is the same text, to the byte. Accepted cost: who reads the whole column has it
written again, at a microsecond or two a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.arrays import ArrowStringArray

from curation.numbered import replaced, spliced, texts_like, texts_of

FEW = 65_536
"""Rows up to which a column, or a part of one, is written out at once: some 30 MB, often read more than once."""

BLOCK = 16_384
"""Rows that are written at once."""


def written(prompts: Iterable[str], responses: Iterable[str]) -> list[bytes]:
    """Return the canonical JSON text of each question with its answer, as `dump_messages` gives it."""
    dumps = orjson.dumps
    return [
        b'[{"role":"user","content":%b},{"role":"assistant","content":%b}]'
        % (dumps(prompt), dumps(response))
        for prompt, response in zip(prompts, responses, strict=True)
    ]


def beyond(
    messages: Sequence[str], prompts: Sequence[str], responses: Sequence[str]
) -> list[str | None]:
    """Return the conversations that say more than prompt and response do; None for each other one."""
    plain = written(prompts, responses)
    return [
        None if text.encode() == own else text for text, own in zip(messages, plain, strict=True)
    ]


def without_plain(table: pa.Table) -> pa.Table:
    """Return a table of examples as it lies on disk: without what prompt and response say; or another table."""
    if "messages" not in table.column_names:
        return table
    sides = (table[name].to_pylist() for name in ("messages", "prompt", "response"))
    place = table.column_names.index("messages")
    return table.set_column(place, "messages", pa.array(beyond(*sides), pa.large_string()))


def whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Return examples whose missing conversations are those that prompt and response say; or other rows."""
    if "messages" not in rows or not (stored := texts_of(rows["messages"])).null_count:
        return rows
    places = np.arange(len(rows), dtype=np.int32)
    sides = _Sides(texts_of(rows["prompt"]), texts_of(rows["response"]), stored, places)
    return rows.assign(messages=_column(sides, rows["messages"]))


def as_stored(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their conversations as they lie on disk; see `without_plain`."""
    if "messages" not in rows:
        return rows
    sides = _sides_of(rows["messages"])
    if sides is None:
        texts = (rows[name].tolist() for name in ("messages", "prompt", "response"))
        kept = pa.array(beyond(*texts), pa.large_string())
    else:
        kept = sides.stored.take(pa.array(sides.places))
    return rows.assign(messages=texts_like(rows["messages"], kept))


def exchanged(messages: pd.Series, numbers: np.ndarray, texts: pd.Series) -> pd.Series:
    """Return the column with other conversations at some rows."""
    sides = _sides_of(messages)
    if sides is None or not sides.is_whole:
        return replaced(messages, numbers, texts)
    fresh = spliced(sides.stored, numbers, pa.array(texts, pa.large_string()))
    return _column(replace(sides, stored=fresh), messages)


def settled(rows: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
    """Return rows whose column takes prompt and response from these rows, after some got others."""
    sides = _sides_of(rows["messages"])
    if sides is None or not sides.is_whole:
        return rows
    some = pa.array(numbers)
    prompts, responses = texts_of(rows["prompt"]), texts_of(rows["response"])
    texts = rows["messages"].iloc[numbers].tolist()
    rest = beyond(texts, prompts.take(some).to_pylist(), responses.take(some).to_pylist())
    fresh = spliced(sides.stored, numbers, pa.array(rest, pa.large_string()))
    sides = _Sides(prompts, responses, fresh, sides.places)
    return rows.assign(messages=_column(sides, rows["messages"]))


@dataclass(frozen=True)
class _Sides:
    """The texts that a column is made of, and the place of each of its rows among them.

    stored: conversations that say more, null for the others.
    """

    prompts: pa.Array
    responses: pa.Array
    stored: pa.Array
    places: np.ndarray

    @property
    def is_whole(self) -> bool:
        """Whether the column has all rows in their order."""
        rows = len(self.places)
        return rows == len(self.stored) and bool((self.places == np.arange(rows)).all())

    def picked(self, positions: Any) -> _Sides:
        """The rows at positions, a slice or a mask."""
        return replace(self, places=self.places[positions])

    def text(self) -> pa.Array:
        """All conversations."""
        blocks = [
            self._block(pa.array(self.places[start : start + BLOCK]))
            for start in range(0, len(self.places), BLOCK)
        ]
        return pa.concat_arrays(blocks) if blocks else pa.array([], pa.large_string())

    def _block(self, places: pa.Array) -> pa.Array:
        kept = self.stored.take(places)
        if not kept.null_count:
            return kept
        missing = kept.is_null()
        some = places.filter(missing)
        sides = (texts.take(some).to_pylist() for texts in (self.prompts, self.responses))
        plain = pa.array(written(*sides), pa.large_binary()).cast(pa.large_string())
        if kept.null_count == len(kept):
            return plain
        return pc.replace_with_mask(kept, missing, plain)


_Texts: Any = ArrowStringArray  # whose own parts its stubs do not know


class Conversations(_Texts):  # type: ignore[misc]
    """A column of text that is made of its sides until somebody changes it.

    pandas reads such a column by its attribute `_pa_array`, which is written out each time here, and
    takes parts of it by the methods below, which write nothing for many rows.
    """

    _sides: _Sides | None = None
    _text: Any = None

    @property
    def _pa_array(self) -> pa.ChunkedArray:
        if self._sides is None:
            return self._text
        return pa.chunked_array([self._sides.text()])

    @_pa_array.setter
    def _pa_array(self, value: pa.ChunkedArray) -> None:
        self._text, self._sides = value, None

    def _of(self, sides: _Sides) -> Conversations:
        """A column like this one, made of other sides; of few rows it is written."""
        if len(sides.places) <= FEW:
            few: Conversations = self._from_pyarrow_array(sides.text())
            return few
        column: Conversations = type(self).__new__(type(self))
        column._sides, column._dtype, column._cache = sides, self._dtype, {}
        return column

    def __len__(self) -> int:
        return len(self._text) if self._sides is None else len(self._sides.places)

    @property
    def nbytes(self) -> int:
        """The bytes of what is no other column's."""
        if self._sides is None:
            return int(self._text.nbytes)
        return int(self._sides.stored.nbytes + self._sides.places.nbytes)

    def isna(self) -> np.ndarray:
        """No conversation is missing."""
        if self._sides is None:
            return np.asarray(super().isna())
        return np.zeros(len(self), dtype=bool)

    @property
    def _hasna(self) -> bool:
        return self._sides is None and bool(super()._hasna)

    def copy(self) -> Conversations:
        """The column itself, for what it is made of never changes."""
        column: Conversations = self.view()
        column._readonly = False
        return column

    def view(self, dtype: Any = None) -> Any:
        """The column itself; see `copy`."""
        if self._sides is None or dtype is not None:
            return super().view(dtype)
        column = type(self).__new__(type(self))
        column._sides, column._dtype, column._cache = self._sides, self._dtype, {}
        column._readonly = self._readonly
        return column

    def __getitem__(self, item: Any) -> Any:
        if self._sides is None:
            return super().__getitem__(item)
        if isinstance(item, slice):
            part = self.view() if item == slice(None) else self._of(self._sides.picked(item))
            part._readonly = self._readonly
            return part
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, np.ndarray):
            return self._of(self._sides.picked(item))
        if isinstance(item, int | np.integer):
            return self._sides.picked(slice(item, item + 1 or None)).text()[0].as_py()
        return super().__getitem__(item)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Any:
        """The rows of some positions; see `pandas.api.extensions.ExtensionArray.take`."""
        positions = np.asarray(indices, dtype=np.int64)
        if self._sides is None:
            return super().take(indices, allow_fill=allow_fill, fill_value=fill_value)
        missing = allow_fill & (positions < 0)
        if allow_fill and (positions < -1).any():
            raise ValueError("a position below −1 names no row")
        if not missing.any():
            return self._of(self._sides.picked(positions))
        whole = self._from_pyarrow_array(self._sides.picked(positions[~missing]).text())
        places = np.where(missing, -1, np.cumsum(~missing) - 1)
        return whole.take(places, allow_fill=True, fill_value=fill_value)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _plain, (self._pa_array.combine_chunks(), self._dtype)


def _plain(text: pa.Array, dtype: Any) -> Any:
    return _Texts(text, dtype=dtype)


def _column(sides: _Sides, like: pd.Series) -> pd.Series:
    column = Conversations(pa.array([], pa.large_string()), dtype=like.dtype)._of(sides)
    return pd.Series(column, index=like.index, name="messages", copy=False)


def _sides_of(messages: pd.Series) -> _Sides | None:
    column = messages.array
    return column._sides if isinstance(column, Conversations) else None
