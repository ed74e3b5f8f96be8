"""The inputs that operations name (see `registry.INPUTS`), made when they are needed.

Guarantee: rows, vectors and neighbours of one call are in the same order, that of the ids, so the order
of a file changes no result. Neighbours are remembered by the vectors themselves.

Accepted: neighbours are computed in a few widths, so that several steps share one computation; a step
that needs 51 waits for 100.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pyarrow as pa

from curation.alike.work import Work
from curation.basis import FITTED, Basis
from curation.cache import Cache, key
from curation.dataset import Dataset, Progress, silent
from curation.engine.work import EngineWork, Run, one_by_one
from curation.errors import CurationError
from curation.registry import Operation, operation
from curation.report import StepReport
from curation.targets import NONE, References, Target, chosen
from curation.vectors import BLOCK, Vectors
from curation.versions import module_version

_WIDTHS = (50, 100, 200)
"""Numbers of neighbours that are computed and remembered: the map and a selection share the 50."""

_WIDTHS_OF_PART = (15, *_WIDTHS)
"""The same for a part of many rows: only the map and topics look at it, and they take 15."""

Neighbours = tuple[np.ndarray, np.ndarray]
"""Indices and cosine similarities, both (rows, k)."""


@dataclass(frozen=True)
class Supply:
    """The inputs of one call of an operation on some rows.

    dataset: where the vectors of the rows are. cache: where neighbours are remembered, if anywhere.
    references: the project's reference sets. folder: the project's. run: runs batches, as an engine does.
    """

    rows: pd.DataFrame
    store: Any = None
    decisions: Any = None
    basis: Basis = field(default_factory=Basis)
    progress: Progress = silent
    dataset: Dataset | None = None
    cache: Cache | None = None
    references: References = NONE
    folder: Path = Path()
    run: Run = one_by_one

    def of(self, operation: Operation) -> list[Any]:
        """The inputs of an operation, in the order of its positional parameters.

        Raises CurationError where it needs embeddings and there are none.
        """
        absent = self._absent & set(operation.inputs)
        if absent - set(operation.spared):
            raise CurationError(f"{operation.name} needs embeddings: add embed before it.")
        inputs = {name: getattr(self, name) for name in operation.inputs if name not in absent}
        if "vectors" in inputs and not _by_blocks(operation):
            inputs["vectors"] = inputs["vectors"][:]
        return [inputs.get(name) for name in operation.inputs]

    @property
    def _absent(self) -> set[str]:
        """The inputs that this dataset cannot supply."""
        absent = set[str]()
        if self.dataset is None or self.dataset.vectors is None:
            absent |= {"vectors", "neighbours"}
        if self._embedding is None:
            absent.add("embedder")
        return absent

    @property
    def _embedding(self) -> StepReport | None:
        """The step that the dataset's vectors come from."""
        steps = self.dataset.steps if self.dataset is not None else ()
        return next((report for report in reversed(steps) if report.kind == "embed"), None)

    @property
    def vectors(self) -> Vectors:
        """The vectors of the rows, where they lie."""
        assert self.dataset is not None and self.dataset.vectors is not None
        return self.dataset.vectors.of_rows(self._places)

    @cached_property
    def _places(self) -> np.ndarray:
        """The position of each row in the dataset."""
        assert self.dataset is not None
        return np.asarray(self.dataset.rows.index.get_indexer(self.rows.index))

    @property
    def neighbours(self) -> Callable[..., Neighbours]:
        """A function of k and of positions among the rows, or of k alone for all rows."""

        from curation.embedding.neighbours import without_gaps

        def neighbours(k: int, positions: Any = None) -> Neighbours:
            vectors = self.vectors if positions is None else self.vectors.of_rows(positions)
            part = positions is not None and len(positions) >= FITTED
            widths = _WIDTHS_OF_PART if part else _WIDTHS
            return _neighbours(without_gaps(vectors), k, widths, self.cache, self.progress)

        return neighbours

    @property
    def embedder(self) -> Callable[..., np.ndarray]:
        """A function of rows and of a side, which embeds them as the dataset's rows were embedded."""
        step = self._embedding
        assert step is not None

        def embedder(rows: pd.DataFrame, of: str = "") -> np.ndarray:
            params = {**step.params, **({"of": of} if of else {})}
            return embedded(step.use, params, rows, self.store, self.progress)

        return embedder

    @property
    def work(self) -> Work:
        """The computations of a comparison; see `curation.alike.work`."""
        if self.dataset is None:
            return EngineWork(self.rows, np.arange(len(self.rows)), self.cache, self.run)
        return EngineWork(self.dataset.rows, self._places, self.cache, self.run)

    @property
    def targets(self) -> Callable[[Sequence[str]], list[Target]]:
        """A function of names, which returns the reference sets of these names, or all."""
        return lambda names: chosen(self.references, names)


def _by_blocks(operation: Operation) -> bool:
    """Whether an operation reads its vectors where they lie; another gets all of them in one array."""
    hint = get_type_hints(operation.run).get("vectors")
    return Vectors in (hint, *get_args(hint))


def embedded(
    use: str,
    params: Mapping[str, Any],
    rows: pd.DataFrame,
    store: Any,
    progress: Progress = silent,
) -> np.ndarray:
    """Vectors of rows outside of a replay, (rows, width) float32, by an `embed` operation.

    Raises NotRemembered for a store that may not compute and lacks a text, CurationError when the
    operation cannot run.
    """
    return vectors_of(use, params, rows, store, progress)[:]


def vectors_of(
    use: str,
    params: Mapping[str, Any],
    rows: pd.DataFrame,
    store: Any,
    progress: Progress = silent,
) -> Vectors:
    """Vectors of rows outside of a replay, as they lie on disk; see `embedded`."""
    embed = operation(use)
    answer = embed.run(*Supply(rows, store=store, progress=progress).of(embed), **params)
    return Vectors.of(answer[0] if isinstance(answer, tuple) else answer)


def _neighbours(
    vectors: Any, k: int, widths: Sequence[int], cache: Cache | None, progress: Progress
) -> Neighbours:
    """The k nearest, from one of a few remembered widths."""
    width = min(next(w for w in (*widths, k) if w >= k), max(0, len(vectors) - 1))
    indices, similarities = _of_width(vectors, width, cache, progress)
    return indices[:, :k], similarities[:, :k]


def _of_width(vectors: Any, width: int, cache: Cache | None, progress: Progress) -> Neighbours:
    from curation.embedding.neighbours import nearest

    if cache is None or not width:
        return nearest(vectors, width, progress)
    content = hashlib.blake2b(digest_size=16)
    for start in range(0, len(vectors), BLOCK):
        content.update(np.ascontiguousarray(vectors[start : start + BLOCK]).data)
    digest = content.hexdigest()
    code = module_version(nearest.__module__)
    name = key("neighbours", code, digest, vectors.shape, width)
    table = cache.get(name)
    if table is None:
        neighbours = nearest(vectors, width, progress)
        lists = [
            pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)
            for values in neighbours
        ]
        cache.put(name, pa.table(dict(zip(("indices", "similarities"), lists, strict=True))))
        return neighbours
    indices, similarities = (
        table[column].combine_chunks().flatten().to_numpy().reshape(len(vectors), -1)
        for column in ("indices", "similarities")
    )
    return indices, similarities
