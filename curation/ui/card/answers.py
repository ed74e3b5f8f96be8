"""Saves the answers of a page: each once, in order, for the example it was given to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from curation import roles
from curation.decisions import Decision
from curation.decisions.checks import with_checks
from curation.decisions.event import ANSWERING, SWITCHES, with_reason
from curation.decisions.receipt import meanwhile
from curation.errors import CurationError
from curation.looking.queues import REVIEW
from curation.project import Project
from curation.questions import Question, read_questions
from curation.review import read_review
from curation.ui.card.suggested import Offers

ALSO = {"label": "label", "rating": "rate"}
"""Question → the kind of its decision, of those that another decision may bring along."""

ALONG = ":1"
"""Ending of the op_id of a second decision that an answer makes."""


@dataclass
class Written:
    """Outcome of saving a list of answers.

    saved: op_ids on disk. refused: op_id → reason why it can never be saved. trouble: reason why
    the others could not be saved now. notices: (example, sentence) for the person who answered.
    """

    saved: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    notices: list[tuple[str, str]] = field(default_factory=list)


def write(project: Project, answers: Sequence[Any], offers: Offers | None = None) -> Written:
    """Append a page's answers in their order and return which are on disk.

    An answer is {op, example, revision, kind, value, by, time, queue}, with content, kept and
    suggested, of the card that was painted, where there are suggestions; see `Offers`. An answer that is sent again
    adds nothing. An answer that makes no decision is refused and the next ones are saved. After an
    answer that could not be saved no other is tried, so the order stays.
    """
    done = Written()
    waiting: list[tuple[str, list[Decision]]] = []
    try:
        if answers:
            roles.need(project.path, roles.ANNOTATOR)  # else they wait in the browser
        questions = _questions(project, answers)
        people = project.people() if answers else None  # a database that is away refuses no answer
        for answer in answers:
            op = str(answer.get("op", "")) if isinstance(answer, Mapping) else ""
            try:
                decisions = decisions_of(answer)
                check_answers(questions, decisions)
                beside = offers.beside(answer, decisions) if offers else []
                decisions = [*with_checks(decisions, people), *beside]
            except CurationError as error:
                done.refused[op] = str(error)
                continue
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                done.refused[op] = "This answer cannot be read."
                continue
            if decisions[0].kind in SWITCHES:
                _append(project, waiting, done)
                waiting = []
                _switch(project, decisions[0])
                done.saved.append(op)
            else:
                waiting.append((op, decisions))
        _append(project, waiting, done)
    except CurationError as error:
        done.trouble = str(error)
    return done


def decisions_of(answer: Mapping[str, Any]) -> list[Decision]:
    """The decisions that an answer stands for, its own first; raises CurationError for none.

    A reason, where the answer has one, becomes a note beside the decision; answers to other questions
    that were given with it become decisions too.
    """
    op, example, kind = str(answer["op"]), str(answer["example"]), str(answer["kind"])
    if not str(answer.get("by") or "").strip():
        raise CurationError("This answer has no name; type your name first.")
    roles.need_name(str(answer["by"]).strip())
    own = Decision(
        example_id=example,
        kind=kind,
        value=edited(answer["value"]) if kind == "edit" else answer.get("value"),
        annotator=str(answer["by"]).strip(),
        content_hash=example.split("-")[0],
        base_revision=int(answer["revision"]),
        op_id=op,
        batch=op if kind not in SWITCHES else "",
        time=float(answer["time"]),
    )
    decisions = with_reason(own, str(answer.get("reason") or ""))
    for name, value in dict(answer.get("answers") or {}).items():
        fields: dict[str, Any] = {"kind": ALSO.get(name, "answer"), "value": value}
        if name not in ALSO:
            fields["value"] = {"question": name, "value": value}
        fields["op_id"] = f"{op}:answer:{name}"
        decisions.append(Decision(**{n: getattr(own, n) for n in Decision.__slots__} | fields))
    if answer.get("queue") == REVIEW and kind in ANSWERING:
        unflag = {"kind": "unflag", "value": REVIEW, "op_id": f"{op}{ALONG}"}
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


def _append(project: Project, waiting: list[tuple[str, list[Decision]]], done: Written) -> None:
    if not waiting:
        return
    outcome = project.decisions.append([d for _, decisions in waiting for d in decisions])
    done.saved += [op for op, _ in waiting]
    review = read_review(project.path)
    own = [
        event
        for event in outcome.conflicts
        if (event.kind != "unflag" or not event.op_id.endswith(ALONG))
        and review.people_for(event.example_id) == 1  # else another answer is what is wanted
    ]
    done.notices += [(e.example_id, text) for e, text in meanwhile(project.decisions, own)]


def _switch(project: Project, decision: Decision) -> None:
    """Undo or redo the action that the answer names."""
    change = project.decisions.undo if decision.kind == "undo" else project.decisions.redo
    change(decision.annotator, own_op_id=decision.op_id, **decision.value)
