"""Examples with different answers: those that wait for somebody who settles them, and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from curation.decisions import answers
from curation.decisions.event import Event, question_of
from curation.decisions.state import State
from curation.looking.agreement import Agreement

DIGITS = tuple("123456789")
"""Keys that choose an answer."""


def disputes(result: Agreement, people: State, index: pd.Index) -> tuple[list[str], int]:
    """Return the examples with different answers to a question that wait, and how many are settled.

    index: ids of the examples that the project has.
    """
    ids = [str(i) for i in result.disagreements.index if i in index]
    waiting = [i for i in ids if result.question not in people.settled.get(i, ())]
    return waiting, len(ids) - len(waiting)


def choices(people: State, example_id: str, question: str) -> list[dict[str, Any]]:
    """Return the answers to a question, the most frequent first: answer, key, people and their names.

    key: the digit that chooses it: of numbers the number itself, otherwise its place; "" for none.
    """
    names: dict[str, list[str]] = {}
    given = _answers(people, example_id, question)
    numeric = all(isinstance(answers.value_of(event), int | float) for event in given)
    for event in given:
        names.setdefault(answers.answer_of(event), []).append(
            event.annotator or "somebody without a name"
        )
    ordered = sorted(names, key=lambda answer: (-len(names[answer]), answer))
    keys = ordered if numeric else [str(place) for place in range(1, len(ordered) + 1)]
    return [
        {
            "answer": answer,
            "key": key if key in DIGITS else "",
            "people": len(names[answer]),
            "names": sorted(names[answer]),
        }
        for answer, key in zip(ordered, keys, strict=True)
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
