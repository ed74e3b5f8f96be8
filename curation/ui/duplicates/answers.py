"""Answers about pairs of copies as decisions, each for the pair that was painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.decisions import Decision
from curation.project import Project
from curation.ui.answers import Answer, Written, decision
from curation.ui.listing.answers import write as write_answers


def write(project: Project, answers: Sequence[Any]) -> Written:
    """Save answers about pairs; an undo without an op id takes back the person's last action."""
    return write_answers(project, answers, lambda: decision_of)


def decision_of(answer: Answer) -> Decision:
    """The decision of an answer about two copies, or about two that contradict each other.

    answer: see `listing.answers`, with {choice, left, right, conflict}. left, right: of copies that
    one stays for the group, of a contradiction the other is dropped. both: they are no duplicates.
    Raises ValueError for another choice.
    """
    sides = {"left": str(answer["left"]), "right": str(answer["right"])}
    choice = answer["choice"]
    if choice not in (*sides, "both"):
        raise ValueError(choice)
    if choice == "both":
        return decision(answer, sides["left"], "apart", sides["right"])
    other = "right" if choice == "left" else "left"
    example, kind = (sides[other], "drop") if answer["conflict"] else (sides[choice], "prefer")
    return decision(answer, example, kind, None)
