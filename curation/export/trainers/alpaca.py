"""Alpaca records."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from curation import formats
from curation.dataset import ID
from curation.export.delivery_format import DeliveryFormat, Problem, Row, json_array
from curation.export.parts import NotHeld


def alpaca_row(row: Row) -> Row:
    """Make {instruction, input, output, system, history}; raises NotHeld when turns do not pair up."""
    spoken = [t for t in row["turns"] if t["role"] != "system"]
    if any(t.get("tool_calls") or t["role"] == "tool" for t in spoken):
        raise NotHeld("calls_tools", "it calls tools")
    if any(t["role"] != ("user", "assistant")[i % 2] for i, t in enumerate(spoken)):
        raise NotHeld("turn_order", "user and assistant do not take turns")
    if not spoken or len(spoken) % 2:
        raise NotHeld("odd_turns", "its last turn is not an answer")
    shape = row["shape"] if row["format"] == "alpaca" else ""
    kept = orjson.loads(shape) if shape else {}
    hint = orjson.dumps({"at": kept["at"]}).decode() if "at" in kept else ""
    record = formats.write("alpaca", orjson.dumps(row["turns"]).decode(), row["label"], "", hint)
    empty = {"instruction": "", "input": "", "output": "", "system": "", "history": []}
    return {ID: row["id"], **empty, **{key: record[key] for key in empty if key in record}}


def check_alpaca(rows: Iterable[Row]) -> list[Problem]:
    """Return problems of Alpaca records."""
    problems = []
    for number, row in enumerate(rows, 1):
        for key in ("instruction", "output"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                problems.append(Problem(number, f"missing_{key}", f"{key} is empty"))
        if not isinstance(row.get("input", ""), str):
            problems.append(Problem(number, "data_type", "input is not a text"))
        if any(not isinstance(p, list) or len(p) != 2 for p in row.get("history") or []):
            problems.append(Problem(number, "data_type", "history is not a list of pairs"))
    return problems


FORMAT = DeliveryFormat(
    "alpaca",
    "Alpaca",
    "A JSON array of {instruction, input, output, system, history}; chats with tools do not fit.",
    ".json",
    frozenset(
        {"tool_calls"}
    ),  # so that the row is refused with this reason instead of losing its calls
    alpaca_row,
    check_alpaca,
    json_array,
)
