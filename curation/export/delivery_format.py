"""A delivery format: a function from rows to bytes, and the trainer's own rules to check them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import orjson
import pandas as pd

from curation.chat.calls import call_problems, plain, settled
from curation.dataset import ID
from curation.export.parts import WORDS, NotHeld
from curation.formats.base import is_calls

Row = dict[str, Any]

TURN_KEYS = (
    "role",
    "content",
    "name",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "training",
    "weight",
)
"""Keys of a turn that trainers read, in the order in which they are written."""


READ = (
    "messages",
    "label",
    "tools",
    "rejected",
    "format",
    "metadata",
    "shape",
    "source",
    "source_row",
)
"""Columns of a dataset that examples are made of."""


@dataclass(frozen=True)
class Problem:
    """A reason for which a trainer refuses or drops a row: its number from 1, a code, a sentence."""

    row: int
    code: str
    message: str


class Survey(Protocol):
    """Collects facts about the records of a format while they are written."""

    def add(self, row: Row) -> None:
        """Take note of a record."""

    def result(self) -> dict[str, Any]:
        """Return the facts; empty when there is nothing to say."""


Extra = Callable[[Mapping[str, Sequence[str]], Mapping[str, Any]], dict[str, bytes]]
"""(split → paths of its files, facts about the delivery) → path → bytes of further files."""


@dataclass(frozen=True)
class DeliveryFormat:
    """A delivery format.

    places: codes of the parts of an example that it can hold, see `curation.export.parts`. row:
    example with those parts → its record or records; raises NotHeld for an example that it cannot
    hold. check: records → problems. dump: writes records to a stream, one by one. leads: whether
    records that add a key stand first in their file, see `Leading`. extra: (files by split, facts) →
    further files, such as a ready configuration. least: smallest number of records that the trainer
    accepts. survey: makes the collector of further facts for the manifest.
    """

    name: str
    title: str
    help: str
    ending: str
    places: frozenset[str]
    row: Callable[[Row], Row | list[Row]]
    check: Callable[[Iterable[Row]], list[Problem]]
    dump: Callable[[Iterable[Row], BinaryIO], None]
    leads: bool = False
    extra: Extra | None = None
    least: int = 1
    survey: Callable[[], Survey] | None = None


def jsonl(rows: Iterable[Row], stream: BinaryIO) -> None:
    """Write records as JSON Lines: UTF-8, no byte order mark, LF."""
    for row in rows:
        stream.write(orjson.dumps(row) + b"\n")


class Leading:
    """Chooses the chat records that stand first in a file: those that add a new key.

    `datasets` infers the types from the first 10 MB and refuses a key that comes later.
    """

    def __init__(self) -> None:
        self._known_keys: set[str] = set()

    def adds(self, row: Row) -> bool:
        """Return whether a record has a key that no record before it had."""
        keys = set(row)
        for name in ("messages", "prompt", "completion", "chosen", "rejected"):
            if isinstance(row.get(name), list):
                keys |= {f"{name} {key}" for turn in row[name] for key in turn}
        if keys <= self._known_keys:
            return False
        self._known_keys |= keys
        return True


def json_array(rows: Iterable[Row], stream: BinaryIO) -> None:
    """Write records as one JSON array, one record a line."""
    before = b"[\n"
    for row in rows:
        stream.write(before + orjson.dumps(row))
        before = b",\n"
    stream.write(b"\n]\n")


def examples(
    rows: pd.DataFrame, words: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Row]:
    """Yield rows of a dataset as plain records: id, turns, tools, rejected, label, columns, …

    words: id → tags, rating, note, flags and answers that people gave it.
    """
    nothing: Mapping[str, Any] = dict.fromkeys(WORDS)
    columns_read = (rows[name].to_numpy(dtype=object) for name in READ)
    for values in zip(rows.index, *columns_read, strict=True):
        row = dict(zip(["id", *READ], values, strict=True))
        row["turns"] = settled([plain(turn) for turn in orjson.loads(row["messages"])])
        for name in ("tools", "rejected"):
            row[name] = orjson.loads(row[name]) if row[name] else []
        row["rejected"] = [plain(turn) for turn in row["rejected"]]
        row["label"] = row["label"] if isinstance(row["label"], str) else None
        columns = orjson.loads(row["metadata"]) if row["metadata"] else {}
        row["columns"] = {name: value for name, value in columns.items() if name != ID}
        yield {**row, **nothing, **((words or {}).get(row["id"], {}))}


def chat(row: Row) -> Row:
    """Return an example as {messages}, with `tools` as JSON text where it has some.

    Tools are text because their keys differ from row to row, which no column type can hold; TRL
    reads the text.
    """
    if not row["turns"]:
        raise NotHeld("no_turns", "there is no turn in it")
    record: Row = {ID: row["id"], "messages": chat_turns(row["turns"])}
    return {**record, "tools": orjson.dumps(row["tools"]).decode()} if row["tools"] else record


def chat_turns(turns: Iterable[Row]) -> list[Row]:
    """Return turns as chat templates read them: keys in one order, arguments as objects.

    A call without text has the content "", because some templates cannot read a null and others
    need the key. Raises NotHeld for unreadable calls.
    """
    turns = list(turns)
    if not all(is_calls(turn.get("tool_calls", [])) for turn in turns):
        raise NotHeld("unreadable_calls", "its tool calls are no list of objects")
    return [
        {
            key: turn[key] if key != "content" else _content(turn)
            for key in TURN_KEYS
            if key in turn or key == "content"
        }
        for turn in turns
    ]


def _content(turn: Row) -> Any:
    content = turn.get("content")
    return "" if content is None and turn.get("tool_calls") else content


def check_turns(rows: Iterable[Row]) -> list[Problem]:
    """Return problems of records of {messages}, with the codes of OpenAI's cookbook.

    Keys and roles are those of the current interface: tools as well as functions.
    """
    return [
        Problem(number, code, message)
        for number, row in enumerate(rows, 1)
        for code, message in row_problems(row)
    ]


def row_problems(row: Any, name: str = "messages") -> Iterator[tuple[str, str]]:
    """Yield codes and sentences for one record."""
    if not isinstance(row, dict):
        yield "data_type", "the record is not an object"
        return
    turns = row.get(name)
    if not isinstance(turns, list) or not turns:
        yield "missing_messages_list", "messages is missing or empty"
        return
    for turn in turns:
        if isinstance(turn, dict):
            yield from _turn_problems(turn)
        else:
            yield "data_type", "a turn is not an object"
    if all(isinstance(turn, dict) for turn in turns):
        yield from call_problems(turns)
        if not any(t.get("role") == "assistant" for t in turns):
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
    if isinstance(content, list):
        if not content or not all(isinstance(part, dict) for part in content):
            yield "missing_content", "a content is a list of something else than parts"
    elif not isinstance(content, str) and not (content is None and calls) or not (content or calls):
        yield "missing_content", "a turn says nothing"
