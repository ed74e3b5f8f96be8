"""The column of conversations, of which a question with its answer is written out only where it is read.

Most examples have one question and one answer, and their `messages` say no more than `prompt` and `response`
do. Such a row is kept without its messages: on disk they are missing, and in memory the column makes them
from the other two when somebody reads them.

Guarantee: what is read is the same text, to the byte. Accepted cost: who reads the whole column has it
written again, at a microsecond or two a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation.numbered import replaced, spliced, texts_like, texts_of
from curation.unwritten import column_of, parts_of

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
    return rows.assign(messages=column_of(sides, rows["messages"]))


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
    return column_of(replace(sides, stored=fresh), messages)


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
    return rows.assign(messages=column_of(sides, rows["messages"]))


@dataclass(frozen=True)
class _Sides:
    """The texts that a column is made of, and the place of each of its rows among them.

    stored: conversations that say more, null for the others.
    """

    prompts: pa.Array
    responses: pa.Array
    stored: pa.Array
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def nbytes(self) -> int:
        """The bytes of what is no other column's."""
        return int(self.stored.nbytes + self.places.nbytes)

    def missing(self) -> np.ndarray:
        """No conversation is missing."""
        return np.zeros(len(self.places), dtype=bool)

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


def _sides_of(messages: pd.Series) -> _Sides | None:
    parts = parts_of(messages)
    return parts if isinstance(parts, _Sides) else None
