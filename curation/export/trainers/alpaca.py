"""Alpaca records."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from curation import formats
from curation.export.target import Problem, Row, Target, answered, json_array


def alpaca_row(row: Row) -> Row | None:
    """An example as instruction, input, output, system, history; None where turns do not pair up."""
    turns = answered(row)
    spoken = [t for t in turns if t["role"] != "system"]
    pairs = all(t["role"] == ("user", "assistant")[i % 2] for i, t in enumerate(spoken))
    if not spoken or len(spoken) % 2 or not pairs or any(t.get("tool_calls") for t in spoken):
        return None
    shape = row["shape"] if row["format"] == "alpaca" else ""
    kept = orjson.loads(shape) if shape else {}
    hint = orjson.dumps({"at": kept["at"]}).decode() if "at" in kept else ""
    made = formats.write("alpaca", orjson.dumps(turns).decode(), row["label"], "", hint)
    return {"instruction": "", "input": "", "output": "", "system": "", "history": [], **made}


def check_alpaca(rows: Iterable[Row]) -> list[Problem]:
    """Problems of Alpaca records."""
    found = []
    for number, row in enumerate(rows, 1):
        for key in ("instruction", "output"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                found.append(Problem(number, f"missing_{key}", f"{key} is empty"))
        if not isinstance(row.get("input", ""), str):
            found.append(Problem(number, "data_type", "input is not a text"))
        if any(not isinstance(p, list) or len(p) != 2 for p in row.get("history") or []):
            found.append(Problem(number, "data_type", "history is not a list of pairs"))
    return found


TARGET = Target(
    "alpaca",
    "Alpaca",
    "A JSON array of {instruction, input, output, system, history}; chats with tools do not fit.",
    ".json",
    alpaca_row,
    check_alpaca,
    json_array,
)
