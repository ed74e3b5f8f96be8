"""Shapes of records in JSON: columns, pandas' orients, rows of the Hub, bare chats."""

from __future__ import annotations

from typing import Any

from curation import formats

Record = dict[str, Any]


def is_turn(value: Any) -> bool:
    """Whether a value is one turn of a conversation."""
    if not isinstance(value, dict):
        return False
    speaker = value.get("role", value.get("from"))
    return isinstance(speaker, str) and bool(
        {"content", "value", "text", "tool_calls", "parts"} & value.keys()
    )


def as_record(value: Any) -> Any:
    """The record of a value: a bare chat or a row of the Hub's server becomes one; others stay."""
    if type(value) is list:
        if value and all(map(is_turn, value)):
            return {"conversations" if "from" in value[0] else "messages": value}
        return value
    if type(value) is dict and "row_idx" in value and type(value.get("row")) is dict:
        return value["row"]
    return value


def cut_cells(value: Any) -> list[str]:
    """Columns that the Hub's server cut short in a row."""
    if type(value) is dict and "row_idx" in value and type(value.get("row")) is dict:
        cells = value.get("truncated_cells")
        return [str(cell) for cell in cells] if isinstance(cells, list) else []
    return []


def spread(value: Record) -> list[Record] | None:
    """The records of an object that holds a table; None when it is a record itself.

    It reads columns (lists of one length), columns and rows of pandas (objects by index), and
    several such tables by the names of their splits.
    """
    parts = list(value.values())
    if parts and all(type(part) is list for part in parts):
        return _of_columns(value)
    if parts and all(type(part) is dict and part for part in parts):
        return _of_objects(value)
    return None


def _is_known(record: Record) -> bool:
    return bool(formats.recognise(record)[0]) and not any(map(is_turn, record.values()))


def _of_columns(value: Record) -> list[Record] | None:
    lengths = {len(column) for column in value.values()}
    if len(lengths) != 1 or lengths == {0}:
        return None
    rows = [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    return rows if _is_known(rows[0]) else None


def _of_objects(value: Record) -> list[Record] | None:
    parts = list(value.values())
    names, index = list(value), list(parts[0])
    if any(map(is_turn, parts)):
        return None
    first = {name: value[name].get(index[0]) for name in names}
    by_columns = all(part.keys() == parts[0].keys() for part in parts) and _is_known(first)
    if by_columns and (_counts(index) or not _is_known(parts[0])):
        return [_numbered({n: value[n][i] for n in names}, i, _counts(index)) for i in index]
    tables = [spread(part) for part in parts]
    if all(tables):
        return [
            {**record, **({} if "split" in record else {"split": name})}
            for name, table in zip(names, tables, strict=True)
            for record in table or []
        ]
    if formats.recognise(value)[0] or not _is_known(parts[0]):
        return None
    return [_numbered(part, name, _counts(names)) for name, part in value.items()]


def _counts(names: list[str]) -> bool:
    """Whether names are only the numbers of rows."""
    return all(name.isdecimal() for name in names)


def _numbered(record: Record, name: str, only_counts: bool) -> Record:
    """The record with its name in the file as its id, unless it has an id."""
    return record if only_counts or "id" in record else {"id": name, **record}
