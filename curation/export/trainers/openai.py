"""OpenAI chat fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable

from curation.export.target import (
    Problem,
    Row,
    Target,
    answered,
    check_turns,
    plain_turns,
    tools_of,
)

LEAST = 10
"""Examples that the service asks for at least."""


def _row(row: Row) -> Row | None:
    turns = plain_turns(answered(row))
    tools = tools_of(row)
    if len(turns) < 2:
        return None
    return {"messages": _with_call_ids(turns), **({"tools": tools} if tools else {})}


def _with_call_ids(turns: list[Row]) -> list[Row]:
    """Turns in which calls and their results name each other; ShareGPT goes by their order only."""
    made, waiting, count = [], list[str](), 0
    for turn in turns:
        if turn.get("tool_calls"):
            calls = []
            for call in turn["tool_calls"]:
                count += 1
                calls.append({"id": f"call_{count}", **call})
            waiting = [call["id"] for call in calls]
            turn = {**turn, "tool_calls": calls}
        elif turn["role"] == "tool" and waiting:
            name = waiting.pop(0)
            turn = {**turn, "tool_call_id": turn.get("tool_call_id") or name}
        made.append(turn)
    return made


def _check(rows: Iterable[Row]) -> list[Problem]:
    listed = list(rows)
    found = check_turns(listed)
    for number, row in enumerate(listed, 1):
        for turn in row.get("messages") or []:
            if "weight" in turn and (turn["weight"] not in (0, 1) or turn["role"] != "assistant"):
                found.append(
                    Problem(number, "data_type", "weight must be 0 or 1, on an assistant's turn")
                )
            if turn.get("role") == "tool" and not turn.get("tool_call_id"):
                found.append(
                    Problem(number, "message_missing_key", "a tool's turn lacks tool_call_id")
                )
    return found


TARGET = Target(
    "openai",
    "OpenAI chat",
    "JSON Lines of {messages}, checked by the rules of OpenAI's cookbook.",
    ".jsonl",
    _row,
    _check,
    least=LEAST,
)
