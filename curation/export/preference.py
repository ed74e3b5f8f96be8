"""Preferences: a prompt, the answer that was preferred, and the one that was not."""

from __future__ import annotations

from typing import Any

from curation.export.parts import NotHeld

Row = dict[str, Any]


def pair(row: Row) -> tuple[list[Row], list[Row], list[Row]]:
    """The turns of prompt, chosen and rejected answer.

    A rejected answer of one turn stands against the last turn; a longer one against everything
    after the user's last word. Raises NotHeld for an example without a rejected answer.
    """
    turns, rejected = row["turns"], row["rejected"]
    if not rejected:
        raise NotHeld("no_rejected", "it has no rejected answer")
    if not turns or turns[-1]["role"] != "assistant":
        raise NotHeld("no_answer", "its last turn is not an answer")
    asked = max((n for n, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    at = len(turns) - 1 if len(rejected) == 1 else asked + 1
    if not at:
        raise NotHeld("no_prompt", "nothing stands before its answer")
    return turns[:at], turns[at:], rejected
