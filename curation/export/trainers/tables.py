"""Parquet for the Hugging Face Hub, CSV for people, and each row in the format of its import."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation import formats
from curation.dataset import ID
from curation.export.delivery_format import DeliveryFormat, Problem, Row, jsonl
from curation.export.parts import EVERYTHING, WORDS, NotHeld
from curation.formats.base import is_calls

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

TURN = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("name", pa.string()),
        ("reasoning_content", pa.string()),
        ("tool_calls", pa.string()),
        ("tool_call_id", pa.string()),
        ("weight", pa.float64()),
        ("parts", pa.string()),
        ("more", pa.string()),
    ]
)
_AS_THEY_ARE = ("role", "content", "name", "reasoning_content", "tool_call_id")
_AS_JSON = ("tool_calls", "parts")

SCHEMA = pa.schema(
    [
        (ID, pa.string()),
        ("messages", pa.list_(TURN)),
        ("tools", pa.string()),
        ("rejected", pa.string()),
        ("label", pa.string()),
        ("source", pa.string()),
        ("metadata", pa.string()),
        *((f"curation_{name}", pa.string()) for name in WORDS),
    ]
)
"""Columns of the Hugging Face folder; values whose shape differs from row to row are JSON text."""


GROUP = 5_000
"""Rows of a group of a Parquet file, which are written at once."""


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield lists of at most `size` records."""
    remaining = iter(rows)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def _hf_row(row: Row) -> Row:
    if not row["turns"]:
        raise NotHeld("no_turns", "there is no turn in it")
    return {
        ID: row["id"],
        "messages": [_hf_turn(turn) for turn in row["turns"]],
        **{name: _json(row[name]) if row[name] else None for name in ("tools", "rejected")},
        "label": row["label"],
        "source": row["source"],
        "metadata": row["metadata"],
        **_words(row),
    }


def _hf_turn(turn: Row) -> Row:
    if not is_calls(turn.get("tool_calls", [])):
        raise NotHeld("unreadable_calls", "its tool calls are no list of objects")
    cells = {key: turn[key] for key in _AS_THEY_ARE if key in turn}
    cells |= {key: _json(turn[key]) for key in _AS_JSON if key in turn}
    weight = turn.get("weight")
    if isinstance(weight, int | float):
        cells["weight"] = float(weight)
    more = {k: v for k, v in turn.items() if k not in cells}
    return {**cells, "more": _json(more)} if more else cells


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _words(row: Row) -> Row:
    """Return people's words on an example by column; lists are joined by commas."""
    return {f"curation_{name}": row[name] for name in WORDS}


def _parquet(rows: Iterable[Row], stream: BinaryIO) -> None:
    with pq.ParquetWriter(stream, SCHEMA, compression="zstd") as writer:
        for batch in batched(rows, GROUP):
            writer.write_table(pa.Table.from_pylist(batch, schema=SCHEMA))


def _check_hf(rows: Iterable[Row]) -> list[Problem]:
    """Return problems for values that a column of texts would refuse."""
    return [
        Problem(number, "data_type", f"the {key} of a turn is not a text")
        for number, row in enumerate(rows, 1)
        for turn in row["messages"]
        for key in _AS_THEY_ARE
        if not isinstance(turn.get(key), str | None)
    ]


def dataset_info(folder: Path, files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the card's YAML on the Parquet files: features, and each split's size.

    files: split → paths. num_bytes is the size in memory, download_size the size of the files.
    """
    splits = []
    for split, paths in files.items():
        shards = [pq.ParquetFile(folder / path) for path in paths]
        size = sum(s.read_row_group(n).nbytes for s in shards for n in range(s.num_row_groups))
        rows = sum(shard.metadata.num_rows for shard in shards)
        splits.append({"name": split, "num_bytes": size, "num_examples": rows})
    return {
        "features": _features(SCHEMA),
        "splits": splits,
        "download_size": sum(
            (folder / path).stat().st_size for paths in files.values() for path in paths
        ),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def _features(fields: Any) -> list[dict[str, Any]]:
    return [
        {"name": f.name, "list": _features(f.type.value_type)}
        if pa.types.is_list(f.type)
        else {"name": f.name, "dtype": _dtype(f.type)}
        for f in fields
    ]


def _dtype(kind: Any) -> str:
    return "float64" if kind == pa.float64() else str(kind)


CSV_COLUMNS = (
    *(ID, "system", "prompt", "response", "rejected", "label", "source", "metadata"),
    *(f"curation_{name}" for name in WORDS),
)


def _csv_row(row: Row) -> Row:
    turns = row["turns"]
    answered = bool(turns) and turns[-1]["role"] == "assistant"
    before = turns[:-1] if answered else turns
    return {
        ID: row["id"],
        "system": _texts(t for t in before if t["role"] == "system"),
        "prompt": _texts(t for t in before if t["role"] != "system"),
        "response": _texts(turns[-1:]) if answered else "",
        "rejected": _texts(row["rejected"]),
        "label": row["label"] or "",
        "source": row["source"],
        "metadata": row["metadata"],
        **{name: value or "" for name, value in _words(row).items()},
    }


def _texts(turns: Iterable[Row]) -> str:
    return "\n\n".join(turn["content"] or "" for turn in turns)


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet reads as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv(rows: Iterable[Row], stream: BinaryIO) -> None:
    text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    # all cells are quoted, because Python before 3.13 does not quote a lone carriage return
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow(safe_cell(row[name]) for name in CSV_COLUMNS)
    text.detach()


def _original_row(row: Row) -> Row:
    record = _record(row, row["label"])
    words = {key: value for key, value in _words(row).items() if value}
    if row["label"] and record == _record(row, None):  # its format has no place for labels
        words["curation_label" if "label" in record else "label"] = row["label"]
    return {**record, ID: row["id"], **words}


def _record(row: Row, label: str | None) -> Row:
    return formats.write(row["format"], row["messages"], label, row["metadata"], row["shape"])


HF = DeliveryFormat(
    "hf",
    "Hugging Face folder",
    "Parquet by split with a dataset card; load_dataset opens the folder.",
    ".parquet",
    EVERYTHING,
    _hf_row,
    _check_hf,
    _parquet,
)
CSV = DeliveryFormat(
    "csv",
    "CSV for people",
    "One row an example; cells that a spreadsheet would run as a formula begin with an apostrophe.",
    ".csv",
    frozenset({"rejected", "label", "column:*", *WORDS}),
    _csv_row,
    lambda rows: [],
    _csv,
)
ORIGINAL = DeliveryFormat(
    "original",
    "As it came",
    "JSON Lines of records in the format each was loaded from, unknown columns included.",
    ".jsonl",
    EVERYTHING,
    _original_row,
    lambda rows: [],
    jsonl,
)
