"""One step on a dataset: an operation is called with its inputs, and its answer becomes a delta.

Guarantee: the delta holds answers for the rows that the operation saw and for no others. Batches are
remembered by their texts, so an edit of one row or another filter repeats one batch and not all.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation import registry
from curation.basis import Bases, Basis
from curation.cache import Cache, key
from curation.columns import PREFIX, as_numbers
from curation.dataset import Dataset, Progress, silent
from curation.engine import Engine, Serial
from curation.engine.batches import BATCH_COLUMNS, BATCH_ROWS, Batch, as_columns, run_batch
from curation.engine.supply import Supply
from curation.engine.work import by_texts
from curation.errors import CurationError
from curation.numbered import from_table, in_one_piece, numbers_of, to_table
from curation.registry import Operation
from curation.report import StepReport
from curation.targets import NONE, References
from curation.vectors import Vectors

QUICK_ROWS = 32 * BATCH_ROWS
"""Rows of a batch of a filter that is quick and that nobody remembers."""

_NO_DELTA = pd.DataFrame({"keep": pd.Series(dtype=bool)})


class Computed(NamedTuple):
    """The answer of an operation to a dataset.

    delta: indexed by id. numbers: of its rows in the dataset. vectors: the dataset's, after it.
    """

    delta: pd.DataFrame
    numbers: np.ndarray
    vectors: Vectors | None


@dataclass
class Steps:
    """Computes the deltas of steps.

    cache: where batches and neighbours are remembered. store: the vector store that `embed`
    operations get. people: decisions, for operations that read them. bases: the tables that
    operations keep to. references: the project's reference sets. folder: the project's.
    """

    cache: Cache
    store: Any = None
    people: Any = None
    bases: Bases = field(default_factory=Bases)
    engine: Engine = field(default_factory=Serial)
    references: References = NONE
    folder: Path = Path()

    def compute(
        self,
        dataset: Dataset,
        operation: Operation,
        params: dict[str, Any],
        progress: Progress = silent,
        store: Any = None,
        name: str = "",
    ) -> Computed:
        """The delta of an operation on a dataset; name: the step's in its recipe.

        Raises CurationError when the operation cannot run.
        """
        self._demand(operation, params, dataset)
        names = operation.columns_read(params)
        if operation.batched:
            view = dataset.with_columns(names)[list(dict.fromkeys((*BATCH_COLUMNS, *names)))]
            view = operation.without_unread(view, params)
            answer, numbers = self._in_batches(operation, params, view, progress)
            return Computed(_noted(operation, params, view, answer), numbers, dataset.vectors)
        numbers = dataset.kept_numbers
        rows = operation.without_unread(dataset.rows, params)
        kept = dataset.with_columns(names, rows.iloc[numbers])
        keeps_to_basis = "basis" in operation.inputs
        supply = Supply(
            rows=kept,
            store=self._spread(operation, store or self.store),
            decisions=self.people,
            basis=self.basis(name, params, dataset.steps) if keeps_to_basis else Basis(),
            progress=progress,
            dataset=dataset,
            cache=self.cache,
            references=self.references,
            folder=self.folder,
            run=self.engine.run,
        )
        answer = operation.run(*supply.of(operation), **params)
        if operation.kind != "embed":
            columns = as_columns(operation, answer, kept.index, params)
            return Computed(_noted(operation, params, kept, columns), numbers, dataset.vectors)
        delta, measured = _NO_DELTA, numbers[:0]
        if isinstance(answer, tuple):
            answer, columns = answer
            delta, measured = as_columns(operation, columns, kept.index, params), numbers
        return Computed(delta, measured, Vectors.of(answer).among(numbers, len(dataset.rows)))

    def _spread(self, operation: Operation, store: Any) -> Any:
        """The vector store for an operation, whose texts go to workers on other machines."""
        if operation.kind == "embed" and self.engine.afar and store is not None:
            return store.spread_by(by_texts(self.engine.run))
        return store

    def _demand(self, operation: Operation, params: Mapping[str, Any], dataset: Dataset) -> None:
        """Raise CurationError for a missing column, with its maker, or for a column without numbers."""
        numeric = operation.numbers_read(params)
        for name in operation.columns_read(params):
            values = dataset.column(name)
            if values is None:
                raise CurationError(
                    f"{operation.name} reads the column {name!r}, which is not there: "
                    f"{_hint(dataset, name)}."
                )
            if name in numeric:
                try:
                    as_numbers(values)
                except CurationError as error:
                    raise CurationError(
                        f"{operation.name} reads numbers, but in {name!r} {error}; columns of "
                        f"numbers are: {_first_names(dataset.numbers)}."
                    ) from None

    def _in_batches(
        self, operation: Operation, params: dict[str, Any], rows: pd.DataFrame, progress: Progress
    ) -> tuple[pd.DataFrame, np.ndarray]:
        if len(rows) == 0:
            return run_batch(Batch(operation.name, params, rows)), np.arange(0)
        remembers = operation.kind != "filter"  # a filter is quicker than a look into the cache
        afar = remembers or operation.is_slow(params)
        size = BATCH_ROWS if afar else QUICK_ROWS
        batches = [
            Batch(operation.name, params, rows.iloc[i : i + size])
            for i in range(0, len(rows), size)
        ]
        depends = operation.depends_on(params, self.store)
        names = [_batch_key(operation, batch, depends) if remembers else "" for batch in batches]
        tables = [self.cache.get(name) if remembers else None for name in names]
        todo = [batch for batch, table in zip(batches, tables, strict=True) if table is None]
        # Starting a worker takes longer than a filter without a pattern.
        fresh = self.engine.run(todo) if afar else map(run_batch, todo)
        parts, numbers = [], []
        for i, (batch, name, table) in enumerate(zip(batches, names, tables, strict=True)):
            count = len(batch.rows)
            if table is not None:
                part, places = from_table(table, count)
            else:
                part = next(fresh)
                places = numbers_of(batch.rows.index, part.index)
                if remembers:
                    self.cache.put(name, to_table(part, places, count))
            parts.append(part)
            numbers.append(places + i * size)
            done = min(len(rows), (i + 1) * size)
            progress((i + 1) / len(batches), f"{done:,} of {len(rows):,}")
        of_parts = np.concatenate(numbers)
        return in_one_piece(pd.concat(parts)).set_axis(rows.index.take(of_parts)), of_parts

    def basis(self, name: str, params: Mapping[str, Any], before: Sequence[StepReport]) -> Basis:
        """The table that a step keeps to, for its name, its parameters and its vectors."""
        space = [
            [r.use, r.params, registry.operation(r.use).depends_on(r.params, self.store)]
            for r in before
            if r.kind == "embed"
        ]
        return self.bases.of(name, params, space[-1:])


def _noted(
    operation: Operation, params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame
) -> pd.DataFrame:
    """A delta with the notes for a person, which are remembered with it."""
    notes = operation.notes(params, rows, answer) if operation.notes else []
    if notes:
        answer.attrs["notes"] = notes
    return answer


def _hint(dataset: Dataset, column: str) -> str:
    """Advice on how to get a missing column."""
    if maker := registry.maker_of(column):
        return f"add {maker.name} before it"
    columns = [*dataset.scores, *dataset.own_names]
    near = difflib.get_close_matches(column.removeprefix(PREFIX), columns, n=3)
    return f"near to it are: {', '.join(near)}" if near else f"there are: {_first_names(columns)}"


def _first_names(names: Sequence[str]) -> str:
    """The first names in a list, and the number of the others."""
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return f"{', '.join(names[:20])}{more}" or "none yet"


def _batch_key(operation: Operation, batch: Batch, depends: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for column in batch.rows:
        for part in content_of_column(batch.rows[column]):
            digest.update(part)
    return key(
        "batch", operation.name, operation.version, batch.params, depends, digest.hexdigest()
    )


def content_of_column(values: pd.Series) -> Iterator[bytes | memoryview]:
    """Yield bytes that are equal for equal values, wherever a column was cut from a longer one."""
    if isinstance(values.dtype, pd.StringDtype):
        texts = pc.fill_null(pa.array(values.array, pa.large_string()), "")
        yield np.asarray(values.isna()).tobytes()
        yield np.asarray(pc.binary_length(texts)).tobytes()
        for chunk in getattr(texts, "chunks", [texts]):
            _, offsets, letters = chunk.buffers()
            ends = np.frombuffer(offsets, np.int64)[chunk.offset :][: len(chunk) + 1]
            if letters is not None and len(chunk):
                yield memoryview(letters)[ends[0] : ends[-1]]
    elif pd.api.types.is_float_dtype(values):  # JSON knows no infinity
        yield values.to_numpy(dtype=float, na_value=np.nan).tobytes()
    else:
        plain = values.astype(object)
        yield orjson.dumps(plain.where(plain.notna(), None).tolist())
