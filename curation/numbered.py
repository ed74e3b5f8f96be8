"""Row numbers: the places of a small frame's rows in a dataset, so that ids are not looked up.

A delta has some of a dataset's rows, and their numbers stay what they are while the source does. Ids
are made from them when somebody reads the delta.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.arrays import ArrowStringArray

from curation.unwritten import column_of, numbered, with_places

ROW = "row number"
"""The column of a stored table with the number of each row; absent where the rows are all, in order."""

AMONG = b"rows among"
"""The key of a stored table under which, instead, stands which rows of an earlier one it has."""

PIECES = 8
"""Rows for each replaced text from which pieces are put together; for fewer a mask is quicker."""

READ_OFTEN = ("messages", "prompt", "response")
"""Columns of a file that are texts in memory, though few of them may be different."""


def numbers_of(ids: pd.Index, some: pd.Index) -> np.ndarray:
    """Return the number of each of some ids, (len(some),); -1 for an id that is not there."""
    if some is ids or some.equals(ids):
        return np.arange(len(ids))
    return np.asarray(ids.get_indexer(some))


def is_whole(numbers: np.ndarray, count: int) -> bool:
    """Return whether the numbers are those of all rows, in order."""
    return len(numbers) == count and bool((numbers == np.arange(count)).all())


def spread(frame: pd.DataFrame, numbers: np.ndarray, ids: pd.Index) -> pd.DataFrame:
    """Return a frame over all ids, missing where it has no row, like `frame.reindex(ids)`."""
    if not is_whole(numbers, len(ids)):
        place = np.full(len(ids), -1)
        place[numbers] = np.arange(len(numbers))
        frame = frame.reset_index(drop=True).reindex(place)
    return frame.set_axis(ids)


def replaced(column: pd.Series, numbers: np.ndarray, values: pd.Series) -> pd.Series:
    """Return a copy of a column with other values at some rows; the column itself for none."""
    if not len(numbers):
        return column
    if isinstance(column.dtype, pd.StringDtype) and len(numbers) * PIECES < len(column):
        result = spliced(
            texts_of(column), numbers, pa.array(values, pa.large_string(), from_pandas=True)
        )
        return texts_like(column, result)
    result = column.copy()
    result.iloc[numbers] = values.array
    return result


def texts_of(column: pd.Series) -> pa.Array:
    """Return the texts of a column in one piece."""
    texts = pa.array(column.array, pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def texts_like(column: pd.Series, texts: pa.Array) -> pd.Series:
    """Return texts as a column with the index, name and kind of another one; none of them is read."""
    array = ArrowStringArray(texts, dtype=column.dtype)  # type: ignore[call-arg]
    return pd.Series(array, index=column.index, name=column.name, copy=False)


def spliced(texts: pa.Array, numbers: np.ndarray, others: pa.Array) -> pa.Array:
    """Return texts with others at some places, all in one piece."""
    pieces, end, order = list[pa.Array](), 0, np.argsort(numbers, kind="stable")
    for place, number in zip(order.tolist(), numbers[order].tolist(), strict=True):
        pieces += [texts[end:number], others[place : place + 1]]
        end = number + 1
    return pa.concat_arrays([*pieces, texts[end:]])


def laid(rows: pd.DataFrame, numbers: np.ndarray, fresh: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return rows with other values at some of them; a column that already has them stays itself."""
    columns = {}
    for name, values in fresh.items():
        differ = np.asarray(values.array != rows[name].iloc[numbers].array, dtype=bool)
        if differ.any():
            columns[name] = replaced(rows[name], numbers[differ], values[differ])
    return rows.assign(**columns)


def read_parquet(stream: IO[bytes]) -> pd.DataFrame:
    """Return the rows of a Parquet file, their texts in one piece; read by column, to save memory.

    A column of few different texts has them once, and a number for each row.
    """
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(stream)
    columns = list[pd.DataFrame]()
    for name in file.schema_arrow.names:
        column = file.read([name]).combine_chunks().to_pandas()
        if name not in READ_OFTEN:
            column = column.assign(**{each: with_places(column[each]) for each in column})
        columns.append(column)
    whole: pd.DataFrame = pd.concat(columns, axis=1)
    return whole


def in_one_piece(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts lie in one piece, of which some rows are taken without a copy of all."""
    joined = {
        str(name): pd.Series(texts.combine_chunks(), index=frame.index, dtype=frame[name].dtype)
        for name in frame
        if isinstance(frame[name].dtype, pd.StringDtype)
        and isinstance(texts := pa.array(frame[name].array), pa.ChunkedArray)
    }
    return frame.assign(**joined)


def to_table(frame: pd.DataFrame, numbers: np.ndarray, count: int) -> pa.Table:
    """Return a frame of some of `count` rows as a table without ids."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if is_whole(numbers, count):
        return table
    return table.append_column(ROW, pa.array(numbers, pa.int32()))


def without_numbers(table: pa.Table, earlier: Sequence[np.ndarray]) -> pa.Table:
    """Return a table of `to_table` with a bit for each row of an earlier one in the place of numbers.

    earlier: numbers of rows, in the order of which a later table has some; unchanged where none fits.
    """
    if ROW not in table.column_names or not len(table):
        return table
    numbers = table[ROW].to_numpy()
    chosen = np.zeros(max(int(some.max(initial=0)) for some in (numbers, *earlier)) + 1, dtype=bool)
    chosen[numbers] = True
    for place in reversed(range(len(earlier))):
        among = chosen[earlier[place]]
        if np.array_equal(earlier[place][among], numbers):
            bits = zlib.compress(np.packbits(among).tobytes())
            proof = zlib.crc32(numbers.tobytes())
            metadata = {**(table.schema.metadata or {}), AMONG: b"%d:%d:%b" % (place, proof, bits)}
            return table.drop_columns([ROW]).replace_schema_metadata(metadata)
    return table


def with_numbers(table: pa.Table | None, earlier: Sequence[np.ndarray]) -> pa.Table | None:
    """Return the table that `without_numbers` was given; None where the earlier rows are others now."""
    if table is None or AMONG not in (table.schema.metadata or {}):
        return table
    place, proof, packed = table.schema.metadata[AMONG].split(b":", 2)
    if int(place) >= len(earlier):
        return None
    former = earlier[int(place)]
    bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    among = np.unpackbits(bits, count=len(former)).astype(bool)
    numbers = former[among].astype(np.int32)
    if zlib.crc32(numbers.tobytes()) != int(proof):
        return None
    return table.append_column(ROW, pa.array(numbers))


def from_table(table: pa.Table, count: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the frame that `to_table` was given, counted from 0, and the numbers of its rows.

    Arrow's dictionaries become columns of texts that are written out where they are read.
    """
    numbers = np.arange(count)
    if ROW in table.column_names:
        numbers = table[ROW].to_numpy().astype(np.int64)
        table = table.drop_columns([ROW])
    coded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    frame: Any = table.drop_columns(coded).combine_chunks().to_pandas()
    for name in coded:  # in their order, so that each has its place
        values = table[name].combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        place = table.column_names.index(name)
        frame.insert(place, name, column_of(numbered(values), index=pd.RangeIndex(len(table))))
    return frame, numbers
