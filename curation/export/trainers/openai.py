"""OpenAI chat fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable

from curation.export.target import Problem, Row, Target, answered, check_turns, plain_turns

LEAST = 10
"""Examples that the service asks for at least."""


def _row(row: Row) -> Row | None:
    turns = plain_turns(answered(row))
    return {"messages": turns} if len(turns) > 1 else None


def _check(rows: Iterable[Row]) -> list[Problem]:
    listed = list(rows)
    found = check_turns(listed)
    if len(listed) < LEAST:
        found.append(Problem(0, "too_few", f"{len(listed)} examples; at least {LEAST} are needed"))
    for number, row in enumerate(listed, 1):
        for turn in row.get("messages") or []:
            if "weight" in turn and (turn["weight"] not in (0, 1) or turn["role"] != "assistant"):
                found.append(
                    Problem(number, "data_type", "weight must be 0 or 1, on an assistant's turn")
                )
    return found


TARGET = Target(
    "openai",
    "OpenAI chat",
    "JSON Lines of {messages}, checked by the rules of OpenAI's cookbook.",
    ".jsonl",
    _row,
    _check,
)
