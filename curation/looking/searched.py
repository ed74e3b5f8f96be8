"""Texts in the form in which words are searched: Unicode's NFKC, with one kind of quotes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation.text.folding import compatible, plain_quotes

_WORD = re.compile(r"\S+")


def plain(text: str) -> str:
    """Return the searched form of a text."""
    return plain_quotes(compatible(text, raised=False))


def pattern(term: str) -> str:
    """Return a term in searched form as a regular expression that RE2 and `re` read alike."""
    return "\\s+".join(re.escape(word) for word in _WORD.findall(term))


class Texts:
    """A column of text in Arrow, for queries about many rows at once.

    Where few rows hold other signs than ASCII, the searched form of these is kept beside the column; a
    copy of all would take as much memory as the texts themselves.
    """

    def __init__(self, column: pd.Series) -> None:
        array = pa.array(column, from_pandas=True)
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        self._chunks, places, odd, start = list[Any](), list[np.ndarray](), list[Any](), 0
        for chunk in chunks:
            whole, own, texts = _read(chunk.cast(pa.large_string()))
            self._chunks.append(whole)
            places.append(own + start)
            odd.append(texts)
            start += len(chunk)
        self._array = pa.chunked_array(self._chunks, pa.large_string())
        self._places = np.concatenate([np.zeros(0, dtype=np.int64), *places])
        self._odd = pa.chunked_array(odd, pa.large_string()).combine_chunks()

    @functools.cached_property
    def _whole(self) -> Any:
        """All chunks as one, because `take` from many chunks joins them each time."""
        return self._chunks[0] if len(self._chunks) == 1 else pa.concat_arrays(self._chunks)

    def holds(self, term: str, positions: np.ndarray) -> np.ndarray:
        """Return True for each of the rows at these positions in which a term occurs."""
        return self._counted(pc.match_substring_regex, term, positions)

    def counts(self, term: str, positions: np.ndarray) -> np.ndarray:
        """Return the number of times a term occurs in each of the rows at these positions."""
        return self._counted(pc.count_substring_regex, term, positions)

    def lengths(self, positions: np.ndarray) -> np.ndarray:
        """Return the bytes of each of the rows at these positions."""
        return self._asked(pc.binary_length, positions)

    def _counted(self, kernel: Any, term: str, positions: np.ndarray) -> np.ndarray:
        ask = functools.partial(kernel, pattern=pattern(term), ignore_case=True)
        return self._asked(ask, positions)

    def _asked(self, ask: Callable[[Any], Any], positions: np.ndarray) -> np.ndarray:
        """Return an answer for each of the rows at these positions."""
        few = 4 * len(positions) < len(self._array)
        # Copying many rows costs more than reading all of them.
        answers = _numbers(ask(self._whole.take(pa.array(positions)) if few else self._array))
        answers = answers if few else answers[positions]
        if len(self._places):
            near = np.searchsorted(self._places, positions).clip(max=len(self._places) - 1)
            odd = np.flatnonzero(self._places[near] == positions)
            answers[odd] = _numbers(ask(self._odd.take(pa.array(near[odd]))))
        return np.asarray(answers)


def _read(chunk: Any) -> tuple[Any, np.ndarray, Any]:
    """Return a chunk, and the positions and the searched form of those rows that it has in another.

    There are none where most rows hold other signs: then the chunk itself is in searched form.
    """
    data, none = chunk.buffers()[2], np.zeros(0, dtype=np.int64)
    if data is None or not len(chunk):
        return chunk, none, pa.array([], pa.large_string())
    ends = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset :][: len(chunk) + 1]
    bytes_, filled = np.frombuffer(data, dtype=np.uint8), np.flatnonzero(np.diff(ends))
    # The greatest byte of each row tells; the places of all such signs would take eight times the texts.
    greatest = np.maximum.reduceat(bytes_[: ends[-1]], ends[filled]) if len(filled) else none
    places = filled[greatest > 127]
    texts = (plain(text or "") for text in chunk.take(pa.array(places)).to_pylist())
    odd = pa.array(texts, pa.large_string())
    if 2 * len(places) <= len(chunk):
        return chunk, places, odd
    mask = np.zeros(len(chunk), dtype=bool)
    mask[places] = True
    return pc.replace_with_mask(chunk, pa.array(mask), odd), none, odd[:0]


def _numbers(answer: Any) -> np.ndarray:
    zero: Any = False if pa.types.is_boolean(answer.type) else 0
    return np.array(pc.fill_null(answer, zero))
