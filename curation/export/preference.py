"""Preferences: a prompt, a chosen answer and a rejected answer."""

from __future__ import annotations

from typing import Any

from curation.export.parts import NotHeld

Row = dict[str, Any]


def pair(row: Row) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the turns of prompt, chosen answer and rejected answer.

    The chosen answer is the last turn if the rejected one has one turn, otherwise all turns after
    the user's last. Raises NotHeld for an example without a rejected answer.
    """
    turns, rejected = row["turns"], row["rejected"]
    if not rejected:
        raise NotHeld("no_rejected", "it has no rejected answer")
    if not turns or turns[-1]["role"] != "assistant":
        raise NotHeld("no_answer", "its last turn is not an answer")
    last_user = max((n for n, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    first = len(turns) - 1 if len(rejected) == 1 else last_user + 1
    if not first:
        raise NotHeld("no_prompt", "nothing stands before its answer")
    return turns[:first], turns[first:], rejected
