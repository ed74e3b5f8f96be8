"""Suggestions beside people's answers: whether they were shown, and accepted."""

from __future__ import annotations

from collections.abc import Iterable

from curation.decisions.answers import answer_of, behind
from curation.decisions.event import SUGGESTED, Event, answer_text
from curation.decisions.state import State


def beside_answer(people: State, answer: Event) -> Event | None:
    """Return the event with the suggestion beside an answer; None where there was none."""
    by_answer = people.suggested.get(answer.example_id)
    if not by_answer:
        return None
    return next((by_answer[e.op_id] for e in behind(answer) if e.op_id in by_answer), None)


def offers(events: Iterable[Event]) -> dict[str, Event]:
    """Map the op_id of each answer → the event with the suggestion beside it."""
    return {e.op_id.removesuffix(SUGGESTED): e for e in events if e.kind == "suggested"}


def is_accepted(answer: Event, suggestion: Event) -> bool:
    """Return whether an answer is the suggested one, whoever saw it."""
    return answer_of(answer) == answer_text(suggestion.value["value"])


def suggestion_words(answer: Event, suggestion: Event | None) -> str:
    """Return what became of a suggestion that was shown, in words; empty for one that was not."""
    if suggestion is None or not suggestion.value["shown"]:
        return ""
    source = suggestion.value["source"]
    if is_accepted(answer, suggestion):
        return f"suggested by {source}, accepted"
    return f"suggested by {source}: {answer_text(suggestion.value['value'])}, changed"
