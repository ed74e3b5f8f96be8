"""The computations of a comparison by the engine's workers, remembered in the project.

Guarantee: what is remembered depends on the texts alone and is kept under their digest, in slices of
all rows of the dataset, so that another filter repeats none and an edit one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from curation.alike.keys import digest_of
from curation.alike.work import Arrays, OfRows, Work
from curation.cache import Cache, key
from curation.engine.batches import BATCH_ROWS, Batch, run_batch
from curation.versions import module_version

if TYPE_CHECKING:
    from curation.embedding.workers import Spread

Run = Callable[[Iterable[Batch]], Iterator[Any]]
"""Batches → their answers in order, as an engine gives them."""


def one_by_one(batches: Iterable[Batch]) -> Iterator[Any]:
    """The answers of batches that are run in this process."""
    return map(run_batch, batches)


def by_texts(run: Run) -> Spread:
    """The function by which an engine's workers answer for lists of texts."""

    def spread(
        name: str, params: Mapping[str, Any], parts: Iterable[list[str]]
    ) -> Iterator[np.ndarray]:
        # Objects hold any text; halves of characters are none for the columns of texts.
        frames = (pd.DataFrame({"text": pd.Series(part, dtype=object)}) for part in parts)
        return run(Batch(name, params, frame) for frame in frames)

    return spread


@dataclass(frozen=True)
class EngineWork(Work):
    """Work on some rows of a frame.

    whole: all rows of the dataset, of which an operation sees some. positions: of these among them.
    cache: where results are remembered. run: runs batches.
    """

    whole: pd.DataFrame
    positions: np.ndarray
    cache: Cache | None
    run: Run

    def once(self, parts: Sequence[Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a function, remembered by all that they depend on besides the code."""
        if self.cache is None:
            return compute()
        name = key("remembered", module_version(compute.__module__), *parts)
        arrays = self._read(name)
        if arrays is None:
            arrays = compute()
            self._write(name, arrays)
        return arrays

    def since(self, parts: Sequence[Any], compute: Callable[[Arrays | None], Arrays]) -> Arrays:
        """The arrays of a function that is given those of its last call with these parts, or None."""
        former = self.latest(compute.__module__, parts)
        arrays = compute(former)
        if arrays is not former:
            self._write(_latest(compute.__module__, parts), arrays)
        return arrays

    def latest(self, module: str, parts: Sequence[Any]) -> Arrays | None:
        """The arrays that `since` remembers for a function of a module with these parts, or None."""
        return self._read(_latest(module, parts))

    def of_rows(self, compute: OfRows, rows: pd.DataFrame, **params: Any) -> Arrays:
        """Arrays with a row for each row, remembered by batch; of a batch of other rows too."""
        whole = self.whole[list(rows.columns)]
        batches = list(_batches(compute, whole, params))
        names, stored = [""] * len(batches), list[Arrays | None]([None] * len(batches))
        if self.cache is not None:
            head = ["rows", batches[0].operation, module_version(compute.__module__), params]
            names = [key(*head, digest_of(batch.rows)) for batch in batches]
            stored = [self._read(name) for name in names]
        both = list(zip(batches, names, stored, strict=True))
        fresh, parts = self.run([batch for batch, _, arrays in both if arrays is None]), []
        for _, name, arrays in both:
            part = next(fresh) if arrays is None else arrays
            if arrays is None:
                self._write(name, part)
            parts.append(part)
        return {
            column: np.concatenate([part[column] for part in parts])[self.positions]
            for column in parts[0]
        }

    def in_batches(self, compute: OfRows, rows: pd.DataFrame, **params: Any) -> Iterator[Arrays]:
        """Yield the arrays of slices of the rows, in order; nothing is remembered."""
        return self.run(_batches(compute, rows, params))

    def _read(self, name: str) -> Arrays | None:
        table = None if self.cache is None else self.cache.get(name)
        if table is None:
            return None
        return {c: _array(table[c].combine_chunks()) for c in table.column_names}

    def _write(self, name: str, arrays: Arrays) -> None:
        if self.cache is not None:
            self.cache.put(name, pa.table({c: _list(values) for c, values in arrays.items()}))


def _latest(module: str, parts: Sequence[Any]) -> str:
    return key("latest", module_version(module), *parts)


def _list(values: np.ndarray) -> pa.Array:
    """An array as a list of one item, so that a table may hold arrays of several lengths."""
    width = values.shape[1] if values.ndim == 2 else 0
    flat = pa.array(values.reshape(-1))
    whole = pa.FixedSizeListArray.from_arrays(flat, width) if width else flat
    return pa.LargeListArray.from_arrays(pa.array([0, len(whole)], type=pa.int64()), whole)


def _array(values: pa.Array) -> np.ndarray:
    flat = values.flatten()
    if not isinstance(flat, pa.FixedSizeListArray):
        return np.asarray(flat.to_numpy(zero_copy_only=False))
    width = flat.type.list_size
    return np.asarray(flat.flatten().to_numpy().reshape(-1, width))


def _batches(compute: OfRows, rows: pd.DataFrame, params: dict[str, Any]) -> Iterator[Batch]:
    """Slices of the rows without their ids; no rows are one slice."""
    name = f"{compute.__module__}:{compute.__qualname__}"
    for start in range(0, max(1, len(rows)), BATCH_ROWS):
        yield Batch(name, params, rows.iloc[start : start + BATCH_ROWS].reset_index(drop=True))
