"""Answers of a page of cards as decisions, each for the example that was painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from curation.decisions import Appended, Decision
from curation.decisions.checks import with_checks
from curation.decisions.event import ANSWERING, with_reason
from curation.decisions.receipt import meanwhile
from curation.errors import CurationError
from curation.looking.queues import REVIEW
from curation.project import Project
from curation.questions import Question, read_questions
from curation.review import read_review
from curation.ui.answers import Answer, Notices, Read, Written
from curation.ui.answers import decision as of_painted
from curation.ui.answers import write as write_answers
from curation.ui.card.suggested import Offers

ALSO = {"label": "label", "rating": "rate"}
"""Question → the kind of its decision, of those that another decision may bring along."""

ALONG = ":1"
"""Ending of the op_id of a second decision that an answer makes."""


def write(project: Project, answers: Sequence[Any], offers: Offers | None = None) -> Written:
    """Append the answers of a page of cards; see `curation.ui.answers`.

    An answer is {op, example, revision, kind, value, by, time, queue}, with content, kept and
    suggested, of the card that was painted, where there are suggestions; see `Offers`.
    """

    def reader() -> Read:
        questions, people = _questions(project, answers), project.people()

        def read(answer: Answer) -> list[Decision]:
            decisions = decisions_of(answer)
            check_answers(questions, decisions)
            beside = offers.beside(answer, decisions, people) if offers else []
            return [*with_checks(decisions, people), *beside]

        return read

    return write_answers(project, answers, reader, lambda outcome: _notices(project, outcome))


def decisions_of(answer: Mapping[str, Any]) -> list[Decision]:
    """The decisions that an answer stands for, its own first; raises CurationError for none.

    A reason, where the answer has one, becomes a note beside the decision; answers to other questions
    that were given with it become decisions too.
    """
    example, kind = str(answer["example"]), str(answer["kind"])
    value = edited(answer["value"]) if kind == "edit" else answer.get("value")
    own = of_painted(answer, example, kind, value)
    decisions = with_reason(own, str(answer.get("reason") or ""))
    for name, value in dict(answer.get("answers") or {}).items():
        fields: dict[str, Any] = {"kind": ALSO.get(name, "answer"), "value": value}
        if name not in ALSO:
            fields["value"] = {"question": name, "value": value}
        fields["op_id"] = f"{own.op_id}:answer:{name}"
        decisions.append(Decision(**{n: getattr(own, n) for n in Decision.__slots__} | fields))
    if answer.get("queue") == REVIEW and kind in ANSWERING:
        unflag = {"kind": "unflag", "value": REVIEW, "op_id": f"{own.op_id}{ALONG}"}
        decisions.append(Decision(**{n: getattr(own, n) for n in Decision.__slots__} | unflag))
    for decision in decisions:
        decision.check()
    return decisions


def _questions(project: Project, answers: Sequence[Any]) -> dict[str, Question]:
    """The lead's questions by name, where an answer may need them."""
    kinds = [a for a in answers if isinstance(a, Mapping)]
    if not any(a.get("kind") == "answer" or a.get("answers") for a in kinds):
        return {}
    return {question.name: question for question in read_questions(project.path)}


def check_answers(questions: Mapping[str, Question], decisions: Sequence[Decision]) -> None:
    """Raise CurationError for an answer that does not fit its question.

    An answer to a question that was removed meanwhile is kept.
    """
    for decision in decisions:
        if decision.kind == "answer" and decision.value["question"] in questions:
            questions[decision.value["question"]].check(decision.value["value"])


def edited(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The turns after an edit: those that were on screen, with the changed texts.

    value: messages, the canonical text that was on screen, and texts, a list of (turn, key, text).
    """
    turns: list[dict[str, Any]] = orjson.loads(value["messages"])
    for number, key, text in value["texts"]:
        if key not in ("content", "reasoning_content") or not isinstance(text, str):
            raise CurationError("An edit may change the texts of turns only.")
        turns[number][key] = text
    return turns


def _notices(project: Project, outcome: Appended) -> Notices:
    """Return a sentence for each decision of somebody else that was overruled without being seen."""
    review = read_review(project.path)
    own = [
        event
        for event in outcome.conflicts
        if (event.kind != "unflag" or not event.op_id.endswith(ALONG))
        and review.people_for(event.example_id) == 1  # else another answer is what is wanted
    ]
    return [(e.example_id, text) for e, text in meanwhile(project.decisions, own)]
