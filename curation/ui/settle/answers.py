"""Settled answers as decisions, each for the example that was painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.decisions import Decision, State
from curation.looking.disputes import value_of
from curation.project import Project
from curation.ui.listing.answers import Answer, Refused, Written, decision
from curation.ui.listing.answers import write as write_answers


def write(project: Project, answers: Sequence[Any]) -> Written:
    """Save settled answers; an undo without an op id takes back the person's newest settled answer."""
    return write_answers(project, answers, decision_of, "settle")


def decision_of(project: Project, answer: Answer) -> Decision:
    """The decision that settles an example; raises Refused for an answer that nobody gave.

    answer: see `listing.answers`; item is the example, and answer the text of what counts for question.
    """
    example, question, text = (str(answer[name]) for name in ("item", "question", "answer"))
    try:
        value = value_of(project.people() or State(), example, question, text)
    except KeyError:
        message = "Nobody gives this answer any more; look at the example again."
        raise Refused(message) from None
    return decision(answer, example, "settle", {"question": question, "value": value})
