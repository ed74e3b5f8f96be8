"""Parquet for the Hugging Face Hub, CSV for people, and each row in the format it came in."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation import formats
from curation.export.target import Row, Target, plain_turns

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def _hf_row(row: Row) -> Row | None:
    turns = [
        {
            "role": t["role"],
            "content": t["content"] or "",
            "tool_calls": orjson.dumps(t["tool_calls"]).decode() if t.get("tool_calls") else None,
        }
        for t in plain_turns(row["turns"])
    ]
    return {
        "id": row["id"],
        "messages": turns,
        "label": row["label"],
        "source": row["source"],
        "metadata": row["metadata"],
    }


_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        (
            "messages",
            pa.list_(
                pa.struct(
                    [("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.string())]
                )
            ),
        ),
        ("label", pa.string()),
        ("source", pa.string()),
        ("metadata", pa.string()),
    ]
)


def _parquet(rows: list[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink, compression="zstd")
    return sink.getvalue()


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
    names = list(rows[0]) if rows else ["id", "system", "prompt", "response", "label", "source"]
    writer = csv.DictWriter(sink, names, lineterminator="\n")
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
    lambda rows: [],
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
