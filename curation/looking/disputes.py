"""Examples with different answers: those that wait for somebody who settles them, and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from curation.decisions import answers
from curation.decisions.event import Event, question_of
from curation.decisions.state import State
from curation.looking.agreement import Agreement
from curation.questions import Question

DIGITS = tuple("123456789")
"""Digits that choose an answer."""


def disputes(result: Agreement, people: State, index: pd.Index) -> tuple[list[str], int]:
    """Return the examples with different answers to a question that wait, and how many are settled.

    index: ids of the examples that the project has.
    """
    ids = [str(i) for i in result.disagreements.index if i in index]
    waiting = [i for i in ids if result.question not in people.settled.get(i, ())]
    return waiting, len(ids) - len(waiting)


def card_keys(
    question: str, lead: Question | None, labels: Sequence[str], example_id: str
) -> Mapping[str, str] | None:
    """Return the key that gives each answer to a question on the card; None where answers have none.

    lead: the question where it is the lead's. labels: those that digits give on the card, in order; of
    more than there are digits none has a key, so that no digit has two meanings.
    """
    if question == "verdict":
        return {"keep": "K", "drop": "D"}
    if question == "label" and 0 < len(labels) <= len(DIGITS):
        return dict(zip(labels, DIGITS, strict=False))
    return lead.keys(example_id) if lead else None


def choices(
    people: State, example_id: str, question: str, keys: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the answers to a question, the most frequent first: answer, key, people and their names.

    keys: as of `card_keys`. key: that of the card; where answers have none there, the digit of a number
    is the number itself, and of another answer its place; "" for none.
    """
    names: dict[str, list[str]] = {}
    given = _answers(people, example_id, question)
    for event in given:
        names.setdefault(answers.answer_of(event), []).append(
            event.annotator or "somebody without a name"
        )
    ordered = sorted(names, key=lambda answer: (-len(names[answer]), answer))
    if keys is None:
        numeric = all(isinstance(answers.value_of(event), int | float) for event in given)
        signs = ordered if numeric else [str(place) for place in range(1, len(ordered) + 1)]
        keys = {a: sign for a, sign in zip(ordered, signs, strict=True) if sign in DIGITS}
    return [
        {
            "answer": answer,
            "key": keys.get(answer, ""),
            "people": len(names[answer]),
            "names": sorted(names[answer]),
        }
        for answer in ordered
    ]


def value_of(people: State, example_id: str, question: str, answer: str) -> Any:
    """Return the value of an answer that is given as text; raises KeyError where nobody gave it."""
    for event in _answers(people, example_id, question):
        if answers.answer_of(event) == answer:
            return answers.value_of(event)
    raise KeyError(answer)


def counts(results: Iterable[Agreement], people: State, index: pd.Index) -> tuple[int, int]:
    """Return how many different answers wait, and how many are settled, over several questions.

    An example counts once for each question that people answered differently; see `disputes`.
    """
    each = [disputes(result, people, index) for result in results]
    return sum(len(waiting) for waiting, _ in each), sum(settled for _, settled in each)


def changed_opinions(
    former: Mapping[str, tuple[Event, ...]], now: Mapping[str, tuple[Event, ...]]
) -> int:
    """Return the number of examples whose answers differ between two states."""
    if former is now:
        return 0
    more = sum(former.get(example) is not events for example, events in now.items())
    return more + sum(example not in now for example in former)


def _answers(people: State, example_id: str, question: str) -> list[Event]:
    opinions = people.opinions.get(example_id, ())
    return [event for event in opinions if question_of(event) == question]
