"""One operation on one slice of the rows, and its answer as columns."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation import registry
from curation.errors import CurationError
from curation.registry import Operation

BATCH_COLUMNS = ("messages", "prompt", "response", "system", "label")
"""The columns of every batch, besides those that the operation asks for."""

BATCH_ROWS = 2_048
"""Rows in a batch: large enough that starting one costs nothing beside it, small enough that an
interrupted step repeats seconds, not minutes."""


@dataclass(frozen=True)
class Batch:
    """A call of an operation: its name, its checked parameters, and the slice of rows.

    A name `module:function` is that of a function of any module that makes arrays of the rows.
    """

    operation: str
    params: Mapping[str, Any]
    rows: pd.DataFrame


def module_of(name: str) -> str:
    """The module that has the function of a batch, by the batch's `operation`."""
    return name.partition(":")[0] if ":" in name else registry.operation(name).run.__module__


def run_batch(batch: Batch) -> Any:
    """The columns that a batched operation makes for a slice of rows, indexed like it.

    Of another function its arrays by name.
    """
    if ":" in batch.operation:
        module = importlib.import_module(module_of(batch.operation))
        return getattr(module, batch.operation.partition(":")[2])(batch.rows, **batch.params)
    operation = registry.operation(batch.operation)
    if operation.kind == "clean":
        return _run_clean(operation, batch)
    answer = operation.run(batch.rows, **batch.params)
    return as_columns(operation, answer, batch.rows.index, batch.params)


def as_columns(
    operation: Operation, answer: Any, index: pd.Index, params: Mapping[str, Any]
) -> pd.DataFrame:
    """An operation's answer as named columns of the rows that it read.

    A single column gets the name that the operation makes with these parameters, in most cases its
    own (`keep` for filter and select, `split` for split); a frame keeps its own. Raises
    CurationError when the length is not that of the rows.
    """
    names = {"filter": "keep", "select": "keep", "split": "split"}
    if isinstance(answer, pd.DataFrame):
        columns: pd.DataFrame = answer
    else:
        name = names.get(operation.kind) or operation.columns_made(params)[0]
        columns = pd.DataFrame({name: np.asarray(answer) if isinstance(answer, list) else answer})
    if len(columns) != len(index):
        raise CurationError(
            f"{operation.name} answered for {len(columns):,} rows but was asked about {len(index):,}."
        )
    same = isinstance(columns.index, pd.RangeIndex) or columns.index.equals(index)
    frame = columns.set_axis(index) if same else columns.loc[index]
    for column in frame.columns:
        if frame[column].dtype == object:
            frame = frame.assign(**{column: frame[column].astype("str")})
    if "keep" in frame:
        frame = frame.assign(keep=frame["keep"].fillna(False).astype(bool))
    return frame


def _run_clean(operation: Operation, batch: Batch) -> pd.DataFrame:
    """New texts of the rows that changed.

    An operation that makes columns reads whole rows and answers with these columns; any other reads
    turns, one a row, and its answer is in `messages`.
    """
    if operation.makes:
        columns = as_columns(
            operation, operation.run(batch.rows, **batch.params), batch.rows.index, batch.params
        )
        texts = [name for name in columns if name in batch.rows]
        changed = (columns[texts] != batch.rows[texts]).any(axis=1)
        return columns[changed.to_numpy(dtype=bool)]
    conversations = [orjson.loads(text) for text in batch.rows["messages"]]
    turns = [turn for turns in conversations for turn in turns if turn["content"]]
    before = [turn["content"] for turn in turns]
    frame = pd.DataFrame(
        {
            "text": pd.Series(before, dtype="str"),
            "role": pd.Series([t["role"] for t in turns], dtype="str"),
        }
    )
    after: Sequence[str] = list(operation.run(frame, **batch.params))
    if len(after) != len(before):
        raise CurationError(
            f"{operation.name} answered for {len(after):,} texts "
            f"but was asked about {len(before):,}."
        )
    for turn, text in zip(turns, after, strict=True):
        turn["content"] = str(text)
    fresh = pd.Series(
        [orjson.dumps(turns).decode() for turns in conversations],
        index=batch.rows.index,
        dtype="str",
    )
    return pd.DataFrame({"messages": fresh[fresh != batch.rows["messages"]]})
