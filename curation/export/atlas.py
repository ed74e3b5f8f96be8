"""A table of a delivery for Embedding Atlas: texts, their places on the map, and near neighbours.

Source: the options --text, --x, --y and --neighbors of the command `embedding-atlas`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.embedding.neighbours import nearest
from curation.export.fitting import rows_at
from curation.export.folder import entry
from curation.export.receipts import slices
from curation.vectors import Vectors

PATH = "atlas.parquet"

SHOWN = ("topic", "theme", "label", "split", "source", "language")
"""Columns of texts that the table takes over where the rows have them."""

TEXTS = ("prompt", "response")

NEIGHBOURS = 10

COMPARED = 50_000
"""Rows up to which neighbours are computed: a minute on two cores."""

_NEIGHBOURS = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])


def write(
    folder: Path, rows: pd.DataFrame, places: np.ndarray, vectors: Vectors | None
) -> dict[str, Any]:
    """Write a table of the rows at some places and return its entry for the manifest.

    vectors: aligned with places, NaN where a row was not embedded; None without. Neighbours are
    numbers of rows from 0, nearest first, with cosine distances.
    """
    near = _neighbours(vectors) if vectors is not None and len(places) <= COMPARED else None
    types = {"id": pa.string(), "text": pa.string()}
    types |= {name: pa.float32() for name in ("x", "y") if name in rows}
    types |= {name: pa.string() for name in SHOWN if name in rows}
    schema = pa.schema([*types.items(), *([("neighbors", _NEIGHBOURS)] if near else [])])
    with (
        files.replacing(folder / PATH) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        rows = rows[[name for name in (*TEXTS, *types) if name in rows]]
        for part in slices(len(places)):
            mine = rows_at(rows, places[part])
            table = pd.DataFrame({"id": mine.index, "text": _texts(mine)}, index=mine.index)
            shown = mine[[name for name in types if name in mine]]
            table = pd.concat([table, shown], axis=1)
            arrays = [pa.array(table[name], types[name], from_pandas=True) for name in types]
            writer.write_table(
                pa.Table.from_arrays(
                    arrays + ([pa.array(near[part], _NEIGHBOURS)] if near else []), schema=schema
                )
            )
    return entry(folder, PATH)


def _texts(rows: pd.DataFrame) -> pd.Series:
    prompts, responses = (rows[name].fillna("") for name in TEXTS)
    return prompts.str.cat(responses, sep="\n\n").str.strip()


def _neighbours(vectors: Vectors) -> list[dict[str, list[Any]] | None]:
    """Return the nearest rows of each row; None for a row without a vector."""
    places = np.flatnonzero(vectors.present)
    indices, similarities = nearest(vectors[places], NEIGHBOURS)
    near: list[dict[str, list[Any]] | None] = [None] * len(vectors)
    for place, others, close in zip(places, places[indices], similarities, strict=True):
        distances = np.maximum(0, 1 - close).round(6)
        near[place] = {"ids": others.tolist(), "distances": distances.tolist()}
    return near
