"""Parquet, Arrow and Feather: rows of typed columns."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.sources.limits import Item, Limits, Raw, Refused, Reject
from curation.sources.lines import SHOWN, too_long

BATCH = 1_024
"""Rows that are held as Arrow at a time."""
FEW = 16
"""Rows that are held as Arrow at a time where texts in lists may repeat each other."""
AT_ONCE = 64 * 2**20
"""Bytes of values that are held as Python objects at a time."""
LEAST = 16
"""Least bytes of a file for each row; with fewer, rows repeat each other."""
ROW = 4
"""Bytes that an empty row counts."""
_SWOLLEN = "it unpacks to more than {:,} times its size (limit expansion); is it a bomb?"


def columnar(path: Path, kind: str, limits: Limits, more: dict[str, Any]) -> Iterator[Item]:
    """The rows of a Parquet, Arrow or Feather file, batch by batch; `more` is added to each.

    Raises Refused for a file that is damaged, or that breaks a limit.
    """
    import pyarrow as pa

    swollen, packed, row = 0, path.stat().st_size, 0
    try:
        if kind == "parquet":
            _check_swelling(path, limits)
        schema, batches = (_parquet if kind == "parquet" else _arrow)(path)
        _check(schema, limits)
        labels = class_names(schema)
        for batch in batches:
            size = plain_size(batch)
            swollen += size
            if swollen > limits.swollen(packed):
                raise Refused(_SWOLLEN.format(limits.expansion))
            for part in _parts(batch, size):
                for value in _rows(part):
                    row += 1
                    yield _record(value, row, labels, more, limits, size)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        first = str(error).strip().split("\n")[0][:160].rstrip(".")
        raise Refused(f"this is not a whole {kind.capitalize()} file: {first}.") from None


def _check_swelling(path: Path, limits: Limits) -> None:
    """Raise Refused for a Parquet file that unpacks to too much, before a row of it is converted.

    The footer has the size, but counts a value of many rows once. Where it names more rows than so
    small a file can hold as text, their size is measured as Arrow, which takes a moment.
    """
    import pyarrow.parquet as pq

    packed = path.stat().st_size
    most = limits.swollen(packed)
    file = pq.ParquetFile(path)
    footer = file.metadata
    size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if size <= most and footer.num_rows * LEAST > packed:
        size = 0
        for batch in file.iter_batches(BATCH):
            size += plain_size(batch)
            if size > most:
                break
    if size > most:
        raise Refused(_SWOLLEN.format(limits.expansion))


def bounded(source: Any, most: int) -> Iterator[Any]:
    """Yield the batches of a Parquet file of a few columns, its texts as dictionaries.

    source: a path, or bytes as Arrow reads them. most: bytes that the values may be when each is written
    out, however often it is repeated. Raises Refused beyond that, before the values are written out.
    """
    import pyarrow.parquet as pq

    texts = [c.path for c in pq.ParquetFile(source).schema if c.physical_type == "BYTE_ARRAY"]
    flat = [name for name in texts if "." not in name]  # within lists Arrow has no dictionaries
    file = pq.ParquetFile(source, read_dictionary=flat)
    footer = file.metadata
    size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if size <= most:
        size = 0
        for batch in file.iter_batches(BATCH if flat == texts else FEW):
            size += plain_size(batch)
            if size > most:
                break
            yield batch
    if size > most:
        raise Refused(f"It unpacks to more than {most // 2**20:,} MB.")


def plain_size(values: Any) -> int:
    """Bytes of an array or batch when each value is written out, however often it is repeated."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.RecordBatch):
        return len(values) * ROW + sum(plain_size(column) for column in values.columns)
    if isinstance(values, pa.DictionaryArray):
        kind = values.dictionary.type
        if pa.types.is_nested(kind) or not len(values.dictionary):
            return (
                len(values) * int(plain_size(values.dictionary)) // max(1, len(values.dictionary))
            )
        if pa.types.is_primitive(kind):
            return len(values) * 8
        lengths = pc.binary_length(values.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(values.indices)).as_py() or 0)
    if isinstance(values, pa.MapArray):  # a kind of list, but one that cannot be flattened
        return len(values) * 8 + plain_size(values.keys) + plain_size(values.items)
    if isinstance(values, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        return len(values) * 8 + plain_size(values.flatten())
    if isinstance(values, pa.StructArray):
        return sum(plain_size(values.field(i)) for i in range(values.type.num_fields))
    return int(values.nbytes)


def _parts(batch: Any, size: int) -> Iterator[Any]:
    """A batch in pieces that are small as Python values."""
    rows = max(1, batch.num_rows * AT_ONCE // max(size, AT_ONCE))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _parquet(path: Path) -> tuple[Any, Iterator[Any]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    return file.schema_arrow, file.iter_batches(BATCH)


def _arrow(path: Path) -> tuple[Any, Iterator[Any]]:
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
        batches = (file.get_batch(i) for i in range(file.num_record_batches))
        return file.schema, _slices(batches)
    except pa.ArrowInvalid:
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, _slices(iter(stream))


def _slices(batches: Iterator[Any]) -> Iterator[Any]:
    for batch in batches:
        batch.validate(full=True)  # the lengths that a file states cannot be trusted
        for start in range(0, batch.num_rows, BATCH):
            yield batch.slice(start, BATCH)


def _check(schema: Any, limits: Limits) -> None:
    double = [name for name, count in Counter(schema.names).items() if count > 1]
    if double:
        raise Refused(f"two columns are called {double[0]!r}; rename one.")
    if len(schema.names) > limits.columns:
        raise Refused(
            f"it has {len(schema.names):,} columns, more than {limits.columns:,} (limit columns)."
        )
    for field in schema:
        levels, todo = 1, [field.type]
        while todo := [kind.field(i).type for kind in todo for i in range(kind.num_fields)]:
            levels += 1
            if levels > limits.nesting:
                raise Refused(
                    f"the column {field.name!r} is nested deeper than {limits.nesting} levels "
                    "(limit nesting)."
                )


def class_names(schema: Any) -> dict[str, list[str]]:
    """Label names that a Hugging Face dataset stores with its columns, by column."""
    import orjson

    try:
        features = orjson.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError):
        return {}


def _rows(batch: Any) -> Iterator[dict[str, Any] | Exception]:
    """The rows of a batch; the error for a row that Python cannot represent."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError, TypeError):
        for i in range(batch.num_rows):
            try:
                yield batch.slice(i, 1).to_pylist()[0]
            except (ValueError, OverflowError, TypeError) as error:
                yield error


def _record(
    value: dict[str, Any] | Exception,
    row: int,
    labels: dict[str, list[str]],
    more: dict[str, Any],
    limits: Limits,
    size: int,
) -> Raw | Reject:
    repairs: set[str] = set()
    try:
        if isinstance(value, Exception):
            raise value
        plain = {**{k: _plain(v, repairs) for k, v in value.items()}, **more}
    except (TypeError, ValueError, OverflowError) as error:
        shown = b"" if isinstance(value, Exception) else repr(value).encode("utf-8", "replace")
        message = f"a value cannot be read: {str(error)[:160].rstrip('.')}."
        return Reject(row, None, "", "value", message, shown[:SHOWN])
    for name, names in labels.items():
        number = plain.get(name)
        if isinstance(number, int) and -1 <= number < len(names):
            plain[name] = names[number] if number >= 0 else None  # -1 means not labelled
    if size > limits.row_bytes:  # else no row of the batch can be so long
        raw = _dumped(plain)
        if len(raw) > limits.row_bytes:
            return too_long(row, 0, raw, limits)._replace(offset=None)
    return Raw(row, None, plain, b"", tuple(sorted(repairs)))


def _dumped(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)


def _plain(value: Any, repairs: set[str]) -> Any:
    """A column's value for JSON, nothing rounded; codes of changes are added to `repairs`."""
    if isinstance(value, float) and not math.isfinite(value):
        repairs.add("not_a_number")
        return None
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    if isinstance(value, int | decimal.Decimal):
        repairs.add("number_as_text")
        return str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        repairs.add("time_as_text")
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        repairs.add("time_as_text")
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(v, repairs) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v, repairs) for k, v in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            repairs.add("binary_as_base64")
            return base64.b64encode(value).decode("ascii")
    raise TypeError(f"a value of type {type(value).__name__}")
