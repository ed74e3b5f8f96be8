"""Gold items: examples with an answer that is known to be right, and people's answers to them.

An answer that a gold item gets on a card is a check: an event of a kind of its own, which decides
nothing about the example and is compared with nobody's answers. Tags, notes, flags and edits are
what they are elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from curation.decisions.event import Decision, Event, question_of
from curation.decisions.state import State


def is_check(people: State | None, example: str, annotator: str) -> bool:
    """Return whether an answer of a person about an example is a check.

    Who set the right answer knows it, and who had answered the example before is not checked.
    """
    if people is None or not (gold := people.gold.get(example)):
        return False
    setters = {event.annotator for event in gold.values()}
    return annotator not in setters and annotator not in people.answered.get(example, ())


def own_checks(people: State | None, example: str, annotator: str) -> dict[str, Event]:
    """Return a person's answers to a gold item, by question, as the answers that they stand for."""
    checks = people.checks.get(example, {}).values() if people else ()
    return {e.value["question"]: e.settles() for e in checks if e.annotator == annotator}


def as_answer(event: Event) -> Event:
    """Return a check as the answer that it stands for, and any other event as it is."""
    return event.settles() if event.kind == "check" else event


def with_checks(decisions: Sequence[Decision], people: State | None) -> list[Decision]:
    """Return the decisions of a card, with the answers to gold items as checks."""
    return [
        _as_check(decision)
        if question_of(decision) and is_check(people, decision.example_id, decision.annotator)
        else decision
        for decision in decisions
    ]


def _as_check(decision: Decision) -> Decision:
    question, value = question_of(decision), decision.value
    if question == "verdict":
        value = decision.kind
    elif decision.kind == "answer":
        value = value["value"]
    return replace(decision, kind="check", value={"question": question, "value": value})
