"""Suggestions on a page of cards: which a card shows, and what is written beside an answer to one.

A card that is held back is sent without its suggestions, so nothing in the browser holds them. What an
answer stood beside is written when it is saved, because suggestions may be made anew at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curation.decisions import Decision, State
from curation.decisions.checks import own_checks
from curation.decisions.event import SUGGESTED, SUGGESTION, question_of
from curation.errors import CurationError
from curation.project import Project
from curation.questions import Question, read_questions
from curation.review import read_review
from curation.suggestions import Suggestion, Suggestions, Table, content_of
from curation.ui.answers import UNREADABLE

SHOWN = ("question", "value", "source", "score")
"""Fields of a suggestion that the browser gets, and sends back with an answer."""


class Offers:
    """The suggestions of a project, as a page of cards offers them at this moment.

    fault: why they cannot be read, a sentence; a card is then shown without any.
    """

    def __init__(self, project: Project) -> None:
        self.fault = ""
        self.review = read_review(project.path)
        try:
            self.table = Suggestions(project.path).table()
        except CurationError as error:
            self.table, self.fault = Table(), str(error)
        self._project = project

    def on(
        self,
        card: Mapping[str, Any],
        questions: Mapping[str, Question],
        people: State | None,
        annotator: str,
    ) -> dict[str, Any]:
        """Return what a card shows a person: suggestions, but to questions that they answered, and content.

        An example that is too long to be sent whole has none.
        """
        if not self.table:
            return {"suggestions": []}
        example, content = card["id"], content_of(card["messages"], card["rejected"])
        own, shown = _own(people, example, annotator), list[dict[str, Any]]()
        if not self.review.is_held_back(example):
            shown = [
                {name: getattr(one, name) for name in SHOWN}
                for one in self.table.about(example, content, questions)
                if one.question not in own
            ]
        return {"content": content, "suggestions": shown}

    def beside(
        self, answer: Mapping[str, Any], decisions: Sequence[Decision], people: State | None
    ) -> list[Decision]:
        """Return an event for each of an answer's decisions that stood beside a suggestion.

        Of a card that was held back the suggestion is the one that it would have shown. An answer
        that changes the person's own former one stands beside the former one's suggestion. A
        suggestion that cannot be written down, as from a file of somebody else, costs no answer: it
        is left out.
        """
        if not (self.table or answer.get("suggested") or (people and people.suggested)):
            return []
        events = []
        for decision in decisions:
            try:
                if (question := question_of(decision)) and (
                    value := self._value(answer, decision, question, people)
                ):
                    op_id = f"{decision.op_id}{SUGGESTED}"
                    event = replace(decision, kind="suggested", value=value, op_id=op_id)
                    event.check()
                    events.append(event)
            except (CurationError, *UNREADABLE):
                continue
        return events

    def _value(
        self,
        answer: Mapping[str, Any],
        decision: Decision,
        question: str,
        people: State | None,
    ) -> dict[str, Any] | None:
        example = decision.example_id
        for painted in answer.get("suggested") or ():
            if painted["question"] == question:
                return {**{name: painted[name] for name in SHOWN}, "shown": True}
        own = _own(people, example, decision.annotator)
        if question in own:
            former = people.suggested.get(example, {}).get(own[question]) if people else None
            return None if former is None else {n: former.value[n] for n in SUGGESTION}
        if not self.review.is_held_back(example):
            return None
        for one in self._hidden(answer, example, own):
            if one.question == question:
                return {**{name: getattr(one, name) for name in SHOWN}, "shown": False}
        return None

    def _hidden(
        self, answer: Mapping[str, Any], example: str, own: Mapping[str, str]
    ) -> Iterator[Suggestion]:
        """Yield the suggestions that a card would have painted, were they not held back.

        Those to a question about a drop are painted where accepting the card would drop it, as `kind`
        of suggested.js says.
        """
        questions = {one.name: one for one in read_questions(self._project.path)}
        content = str(answer.get("content") or "")
        every = self.table.about(example, content, questions)
        values = {one.question: one.value for one in every if one.question not in own}
        drops = not answer.get("kept", True) and "label" not in values
        if verdict := values.get("verdict"):
            drops = verdict == "drop"
        for one in every:
            lead = questions.get(one.question)
            if drops or lead is None or lead.when != "drop":
                yield one


def _own(people: State | None, example: str, annotator: str) -> dict[str, str]:
    """Return the questions that a person answered, with the op_id of the answer."""
    opinions = people.opinions.get(example, ()) if people else ()
    own = {question_of(e): e.op_id for e in opinions if e.annotator == annotator}
    return own | {q: e.op_id for q, e in own_checks(people, example, annotator).items()}
