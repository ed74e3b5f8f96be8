"""Parquet for the Hugging Face Hub, CSV for people, and each row in the format it came in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation import formats
from curation.export.target import Problem, Row, Target, answered, plain_turns

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

TURN = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("name", pa.string()),
        ("tool_calls", pa.string()),
        ("tool_call_id", pa.string()),
        ("weight", pa.int64()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("messages", pa.list_(TURN)),
        ("label", pa.string()),
        ("source", pa.string()),
        ("metadata", pa.string()),
    ]
)
"""Columns of the Hugging Face folder; tool calls and metadata are JSON text, for their shape varies."""


def _hf_row(row: Row) -> Row | None:
    if row["turns"] and not answered(row):
        return None
    turns = plain_turns(row["turns"])
    for turn in turns:
        if "tool_calls" in turn:
            turn["tool_calls"] = orjson.dumps(turn["tool_calls"]).decode()
    return {**{key: row[key] for key in ("id", "label", "source", "metadata")}, "messages": turns}


def _parquet(rows: list[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def _check_hf(rows: Iterable[Row]) -> list[Problem]:
    """Weights that the column of whole numbers would refuse or cut; all else is text by now."""
    return [
        Problem(number, "data_type", f"a turn's weight is {turn['weight']!r}, no whole number")
        for number, row in enumerate(rows, 1)
        for turn in row["messages"]
        if "weight" in turn and not _is_whole(turn["weight"])
    ]


def _is_whole(value: Any) -> bool:
    return type(value) in (int, float) and value % 1 == 0 and abs(value) < 2**63


def dataset_info(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    """What the card's YAML says of the Parquet files: features, and each split's size.

    files: split → path. num_bytes is the size in memory, download_size that of the files.
    """
    splits = []
    for split, path in files.items():
        table = pq.read_table(folder / path)
        splits.append({"name": split, "num_bytes": table.nbytes, "num_examples": len(table)})
    return {
        "features": _features(SCHEMA),
        "splits": splits,
        "download_size": sum((folder / path).stat().st_size for path in files.values()),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def _features(fields: Any) -> list[dict[str, Any]]:
    return [
        {"name": f.name, "list": _features(f.type.value_type)}
        if pa.types.is_list(f.type)
        else {"name": f.name, "dtype": str(f.type)}
        for f in fields
    ]


def _csv_row(row: Row) -> Row | None:
    turns = row["turns"]
    last = next((t["content"] or "" for t in reversed(turns) if t["role"] == "assistant"), "")
    before = turns[:-1] if turns and turns[-1]["role"] == "assistant" else turns
    prompt = "\n\n".join(t["content"] or "" for t in before if t["role"] != "system")
    system = "\n\n".join(t["content"] or "" for t in before if t["role"] == "system")
    return {
        "id": row["id"],
        "system": system,
        "prompt": prompt,
        "response": last,
        "label": row["label"] or "",
        "source": row["source"],
    }


def safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv(rows: list[Row]) -> bytes:
    sink = io.StringIO(newline="")
    # Everything quoted, for before Python 3.13 a carriage return alone would stand bare.
    writer = csv.DictWriter(sink, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({k: safe_cell(v) for k, v in row.items()} for row in rows)
    return sink.getvalue().encode("utf-8")


def _original_row(row: Row) -> Row | None:
    return formats.write(
        row["format"], row["messages"], row["label"], row["metadata"], row["shape"]
    )


HF = Target(
    "hf",
    "Hugging Face folder",
    "Parquet by split with a dataset card; load_dataset opens the folder.",
    ".parquet",
    _hf_row,
    _check_hf,
    _parquet,
)
CSV = Target(
    "csv",
    "CSV for people",
    "One row an example; cells that a spreadsheet would run as a formula begin with an apostrophe.",
    ".csv",
    _csv_row,
    lambda rows: [],
    _csv,
)
ORIGINAL = Target(
    "original",
    "As it came",
    "JSON Lines of records in the format each was loaded from, unknown columns included.",
    ".jsonl",
    _original_row,
    lambda rows: [],
)
