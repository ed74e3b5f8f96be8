"""What a delivery format is: rows to bytes, and the trainer's own rules to check them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pandas as pd

from curation.formats.base import is_calls

Row = dict[str, Any]

TURN_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "weight")
"""Keys of a turn that trainers know, in the order in which they are written."""


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
    a ready configuration. least: records that the trainer asks for at least.
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
    least: int = 1


def jsonl(rows: Iterable[Row]) -> bytes:
    """Records as JSON Lines: UTF-8, no byte order mark, LF."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def widest_first(rows: Iterable[Row]) -> bytes:
    """Chat records as JSON Lines, those that bring a key nobody had before at the beginning.

    `datasets` infers the types from the first 10 MB and then refuses a key that it meets later.
    """
    seen: set[str] = set()
    lead, rest = list[Row](), list[Row]()
    for row in rows:
        keys = {*row, *(f"turn {key}" for turn in row["messages"] for key in turn)}
        (rest if keys <= seen else lead).append(row)
        seen |= keys
    return jsonl([*lead, *rest])


def json_array(rows: Iterable[Row]) -> bytes:
    """Records as one JSON array, a record a line."""
    return b"[\n" + b",\n".join(orjson.dumps(row) for row in rows) + b"\n]\n"


def examples(rows: pd.DataFrame) -> Iterator[Row]:
    """Rows of a dataset as plain records: id, turns, label, and where they came from."""
    columns = ["messages", "label", "tools", "rejected", "format", "metadata", "shape"]
    columns += ["source", "source_row"]
    for values in zip(rows.index, *(rows[c] for c in columns), strict=True):
        row = dict(zip(["id", *columns], values, strict=True))
        row["turns"] = [_plain(turn) for turn in orjson.loads(row["messages"])]
        row["label"] = row["label"] if isinstance(row["label"], str) else None
        yield row


def _plain(turn: Row) -> Row:
    """A turn without the empty cells and texts of JSON that tables make of optional keys."""
    made = {k: v for k, v in turn.items() if v is not None or k == "content"}
    for key in ("name", "tool_call_id"):
        if not isinstance(made.get(key, ""), str):
            made[key] = orjson.dumps(made[key]).decode()
    calls = made.pop("tool_calls", None)
    if isinstance(calls, str):
        with suppress(orjson.JSONDecodeError):
            calls = orjson.loads(calls)
    return {**made, "tool_calls": calls} if calls else made


def answered(row: Row) -> list[Row]:
    """The turns as text; a labelled text without an answer is answered by its label.

    Empty when a turn holds an image, audio, a file or unreadable calls, which would be lost.
    """
    turns: list[Row] = row["turns"]
    if not all(_is_plain(turn) for turn in turns):
        return []
    if row["label"] is not None and not any(t["role"] == "assistant" for t in turns):
        return [*turns, {"role": "assistant", "content": row["label"]}]
    return turns


def _is_plain(turn: Row) -> bool:
    parts = turn.get("parts")
    if isinstance(parts, list) and any(_is_media(part) for part in parts):
        return False
    return is_calls(turn.get("tool_calls", []))


def _is_media(part: Any) -> bool:
    return isinstance(part, dict) and not isinstance(part.get("text"), str)


def plain_turns(turns: Iterable[Row]) -> list[Row]:
    """Turns with the keys that trainers know."""
    return [{key: turn[key] for key in TURN_KEYS if key in turn} for turn in turns]


def chat(row: Row) -> Row | None:
    """An example as {messages}, with `tools` as JSON text where it has some; None for no turns.

    As text, since tools differ from row to row in ways that no column type can hold.
    """
    turns = plain_turns(answered(row))
    tools = tools_of(row)
    if not turns:
        return None
    return {"messages": turns, **({"tools": orjson.dumps(tools).decode()} if tools else {})}


def tools_of(row: Row) -> list[Any]:
    """The tools that an example may call, as its file described them."""
    metadata = orjson.loads(row["metadata"]) if row["metadata"] else {}
    tools = metadata.get("tools")
    try:
        found = orjson.loads(tools) if isinstance(tools, str) and tools else tools
    except orjson.JSONDecodeError:
        return []
    return found if isinstance(found, list) else []


def check_turns(rows: Iterable[Row]) -> list[Problem]:
    """Problems of records of {messages}, in the words of OpenAI's cookbook.

    Its list of keys and roles is that of today's interface: tools beside functions.
    """
    return [
        Problem(number, code, message)
        for number, row in enumerate(rows, 1)
        for code, message in _row_problems(row)
    ]


def _row_problems(row: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(row, dict):
        yield "data_type", "the record is not an object"
        return
    turns = row.get("messages")
    if not isinstance(turns, list) or not turns:
        yield "missing_messages_list", "messages is missing or empty"
        return
    for turn in turns:
        if isinstance(turn, dict):
            yield from _turn_problems(turn)
        else:
            yield "data_type", "a turn is not an object"
    if not any(isinstance(t, dict) and t.get("role") == "assistant" for t in turns):
        yield "example_missing_assistant_message", "nobody answers"


def _turn_problems(turn: Row) -> Iterator[tuple[str, str]]:
    calls = turn.get("tool_calls") or turn.get("function_call")
    if "role" not in turn or ("content" not in turn and not calls):
        yield "message_missing_key", "a turn lacks role or content"
    unknown = sorted(set(turn) - {*TURN_KEYS, "function_call"})
    if unknown:
        yield "message_unrecognized_key", f"a turn has unknown keys: {', '.join(unknown)}"
    if turn.get("role") not in ("system", "developer", "user", "assistant", "tool", "function"):
        yield "unrecognized_role", f"there is no role {turn.get('role')!r}"
    content = turn.get("content")
    if not isinstance(content, str) and not (content is None and calls) or not (content or calls):
        yield "missing_content", "a turn says nothing"
