"""Settled answers as decisions, each for the example that was painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from curation.decisions import Decision, State
from curation.errors import CurationError
from curation.looking.disputes import value_of
from curation.project import Project
from curation.ui.answers import Answer, Written, decision
from curation.ui.listing.answers import write as write_answers


def write(project: Project, answers: Sequence[Any]) -> Written:
    """Save settled answers; an undo without an op id takes back the person's newest settled answer."""

    def reader() -> Callable[[Answer], Decision]:
        people = project.people() or State()
        return lambda answer: decision_of(people, answer)

    return write_answers(project, answers, reader, "settle")


def decision_of(people: State, answer: Answer) -> Decision:
    """The decision that settles an example; raises CurationError for an answer that nobody gave.

    answer: see `listing.answers`; item is the example, and answer the text of what counts for question.
    """
    example, question, text = (str(answer[name]) for name in ("item", "question", "answer"))
    try:
        value = value_of(people, example, question, text)
    except KeyError:
        message = "Nobody gives this answer any more; look at the example again."
        raise CurationError(message) from None
    return decision(answer, example, "settle", {"question": question, "value": value})
