"""OpenAI chat fine-tuning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from curation.chat.calls import with_ids, with_text
from curation.export.delivery_format import (
    DeliveryFormat,
    Problem,
    Row,
    chat_turns,
    jsonl,
    row_problems,
)
from curation.export.parts import NotHeld, media_of

LEAST = 10
"""Smallest number of examples that the service accepts."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _row(row: Row) -> Row:
    if len(row["turns"]) < 2:
        raise NotHeld("one_turn", "it has one turn only")
    if media_of(row) and not any("parts" in turn for turn in row["turns"]):
        raise NotHeld("media", "its images stand in a column, not in a turn")
    turns = with_ids(chat_turns(row["turns"]))
    for turn, before in zip(turns, row["turns"], strict=True):
        if "parts" in before:
            turn["content"] = _parts(before["parts"])
        if turn.get("tool_calls"):
            turn["tool_calls"] = with_text(turn["tool_calls"])
            turn["content"] = turn["content"] or None
        if "weight" in turn:
            turn["weight"] = int(turn["weight"])
    return {"messages": turns, **({"tools": row["tools"]} if row["tools"] else {})}


def _parts(parts: list[Row]) -> list[Row]:
    """Return the parts; raises NotHeld for others than texts and addresses of images."""
    if not all(isinstance(p, dict) and p.get("type") in ("text", "image_url") for p in parts):
        raise NotHeld("media", "it holds media that are no image_url")
    return parts


def _check(rows: Iterable[Row]) -> list[Problem]:
    return [
        Problem(number, code, message)
        for number, row in enumerate(rows, 1)
        for code, message in _problems(row)
    ]


def _problems(row: Row) -> Iterator[tuple[str, str]]:
    yield from row_problems(row)
    turns = [turn for turn in row.get("messages") or [] if isinstance(turn, dict)]
    for turn in turns:
        if "weight" in turn and (turn["weight"] not in (0, 1) or turn["role"] != "assistant"):
            yield "data_type", "weight must be 0 or 1, on an assistant's turn"
        if turn.get("role") == "tool" and not turn.get("tool_call_id"):
            yield "message_missing_key", "a tool's turn lacks tool_call_id"
    for name in _names(row, turns):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield (
                "invalid_name",
                f"{name!r} is no name: at most 64 letters, digits, hyphens and underscores",
            )


def _names(row: Row, turns: list[Row]) -> Iterator[object]:
    for turn in turns:
        if "name" in turn:
            yield turn["name"]
        for call in turn.get("tool_calls") or []:
            if isinstance(call.get("function"), dict):
                yield call["function"].get("name")
    for tool in row.get("tools") or []:
        yield (tool.get("function") or {}).get("name") if isinstance(tool, dict) else tool


FORMAT = DeliveryFormat(
    "openai",
    "OpenAI chat",
    "JSON Lines of {messages}, checked by the rules of OpenAI's cookbook.",
    ".jsonl",
    frozenset({"name", "tool_calls", "call_ids", "fine_numbers", "weight", "media", "tools"}),
    _row,
    _check,
    jsonl,
    least=LEAST,
)
