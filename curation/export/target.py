"""What a delivery format is: rows to bytes, and the trainer's own rules to check them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pandas as pd

Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Why a trainer would refuse or drop a row: its number from 1, a code, and a sentence."""

    row: int
    code: str
    message: str


@dataclass(frozen=True)
class Target:
    """A delivery format.

    row: an example as a record (None: this format cannot hold it). dump: records → bytes of one
    file. check: records → problems. extra: (files written by split, facts) → further files, such as
    a ready configuration.
    """

    name: str
    title: str
    help: str
    ending: str
    row: Callable[[Row], Row | None]
    check: Callable[[Iterable[Row]], list[Problem]]
    dump: Callable[[list[Row]], bytes] = field(default=lambda rows: jsonl(rows))
    extra: Callable[[dict[str, str], dict[str, Any]], dict[str, bytes]] = field(
        default=lambda files, facts: {}
    )


def jsonl(rows: Iterable[Row]) -> bytes:
    """Records as JSON Lines: UTF-8, no byte order mark, LF."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def json_array(rows: Iterable[Row]) -> bytes:
    """Records as one JSON array, a record a line."""
    return b"[\n" + b",\n".join(orjson.dumps(row) for row in rows) + b"\n]\n"


def examples(rows: pd.DataFrame) -> Iterable[Row]:
    """Rows of a dataset as plain records: id, turns, label, and where they came from."""
    columns = ["messages", "label", "format", "metadata", "shape", "source", "source_row"]
    for values in zip(rows.index, *(rows[c] for c in columns), strict=True):
        row = dict(zip(["id", *columns], values, strict=True))
        row["turns"] = orjson.loads(row["messages"])
        row["label"] = row["label"] if isinstance(row["label"], str) else None
        yield row


def answered(row: Row) -> list[Row]:
    """The turns; a labelled text without an answer is answered by its label."""
    turns: list[Row] = row["turns"]
    if row["label"] is not None and not any(t["role"] == "assistant" for t in turns):
        return [*turns, {"role": "assistant", "content": row["label"]}]
    return turns


def plain_turns(
    turns: list[Row],
    keys: tuple[str, ...] = ("role", "content", "name", "tool_calls", "tool_call_id", "weight"),
) -> list[Row]:
    """Turns with the keys that trainers know."""
    return [{k: t[k] for k in keys if k in t} for t in turns]


def check_turns(rows: Iterable[Row], key: str = "messages") -> list[Problem]:
    """Problems of records that hold role/content turns under a key, in the words of OpenAI's cookbook."""
    found = []
    for number, row in enumerate(rows, 1):
        turns = row.get(key)
        if not isinstance(turns, list) or not turns:
            found.append(Problem(number, "missing_messages_list", f"{key} is missing or empty"))
            continue
        for turn in turns:
            if "role" not in turn or ("content" not in turn and not turn.get("tool_calls")):
                found.append(Problem(number, "message_missing_key", "a turn lacks role or content"))
            if set(turn) - {
                "role",
                "content",
                "name",
                "tool_calls",
                "tool_call_id",
                "weight",
                "function_call",
            }:
                found.append(
                    Problem(number, "message_unrecognized_key", f"unknown keys: {sorted(turn)}")
                )
            if turn.get("role") not in ("system", "user", "assistant", "tool"):
                found.append(Problem(number, "unrecognized_role", f"role {turn.get('role')!r}"))
            if (
                not turn.get("content")
                and not turn.get("tool_calls")
                or not isinstance(turn.get("content") or "", str)
            ):
                found.append(Problem(number, "missing_content", "a turn says nothing"))
        if not any(t.get("role") == "assistant" for t in turns):
            found.append(Problem(number, "example_missing_assistant_message", "nobody answers"))
    return found
