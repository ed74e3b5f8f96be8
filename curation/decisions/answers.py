"""Answers to the questions about an example: who gave them, in words, and how unlike they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from curation.decisions.event import QUESTIONS, REASON, Event, answer_text, question_of

SETTLED = "settled"
"""The policy of an outcome that somebody settled."""

MOST_NAMES = 3
"""Names that a reason lists."""

WORDS = {"label": "labelled ", "rating": "rated "}
"""Question → the word before its answer."""

FIXED = tuple(dict.fromkeys(QUESTIONS.values()))
"""The questions of every project."""


@dataclass(frozen=True, slots=True)
class Outcome(Event):
    """An answer that several events gave together, or that somebody settled.

    It has the fields of the newest of these events. because: these events, oldest first. answers:
    number of people who answered the question. policy: the policy that counted them, or SETTLED.
    """

    because: tuple[Event, ...] = ()
    answers: int = 0
    policy: str = ""


def is_settled(event: Event) -> bool:
    """Return whether an answer counts because somebody settled it."""
    return isinstance(event, Outcome) and event.policy == SETTLED


def behind(event: Event) -> tuple[Event, ...]:
    """Return the events that gave an outcome, oldest first; of another event, itself."""
    return event.because if isinstance(event, Outcome) else (event,)


def reason_of(event: Event, notes: Iterable[Event]) -> str:
    """Return the reason that its person gave for a decision; empty without one.

    notes: those of the event's example. Of an outcome, the reasons of the events behind it are joined.
    """
    decided = {f"{e.op_id}{REASON}": e.seq for e in behind(event)}
    reasons = (str(n.value) for n in notes if n.seq > decided.get(n.op_id, n.seq))
    return " · ".join(dict.fromkeys(reasons))


def value_of(event: Event) -> Any:
    """Return a person's answer to a question; keep or drop for a verdict."""
    if question_of(event) == "verdict":
        return event.kind
    return event.value["value"] if event.kind == "answer" else event.value


def answer_of(event: Event) -> str:
    """Return a person's answer to a question as text; equal numbers are equal texts."""
    return answer_text(value_of(event))


def asked_words(event: Event) -> str:
    """Return the question and the answer of an event whose value holds both, as text."""
    return f"{event.value['question']}: {answer_text(event.value['value'])}"


def who_decided(event: Event) -> str:
    """Return the names behind an event, with their number where a policy counted them."""
    if not isinstance(event, Outcome) or is_settled(event):
        return event.annotator
    names = sorted({e.annotator or "somebody without a name" for e in event.because})
    shown, rest = names[:MOST_NAMES], len(names) - MOST_NAMES
    if rest > 0:
        shown.append(f"{rest:,} other{'s' if rest > 1 else ''}")
    text = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
    how = f"{len(event.because):,} of {event.answers:,}"
    if event.policy == "median":
        how = f"the median of {event.answers:,}"
    elif event.policy == "dawid-skene":
        how += ", the likeliest"
    return f"{text} ({how})"


def in_words(event: Event) -> str:
    """Return an answer as a reason: "dropped by Ann", "labelled sport by Ann and Bob (2 of 3)"."""
    who, question, answer = who_decided(event), question_of(event), answer_of(event)
    name = "" if question in FIXED else f"{question}: "
    if is_settled(event):
        return f"{name}settled as {answer} by {who}"
    if question == "verdict":
        return f"{'kept' if answer == 'keep' else 'dropped'} by {who}"
    return f"{WORDS.get(question, name)}{answer} by {who}"


def disagreement_of(opinions: Iterable[Event]) -> float | None:
    """Return the share of unequal pairs among verdicts, labels and ratings; None without a pair.

    Answers without a name are left out: nobody knows whether one person gave them all. Answers to
    the lead's questions are left out too, as a free text is unlike every other.
    """
    counts: dict[str, dict[str, int]] = {}
    for event in opinions:
        question = question_of(event)
        if event.annotator and question in FIXED:
            answers, answer = counts.setdefault(question, {}), answer_of(event)
            answers[answer] = answers.get(answer, 0) + 1
    people = [sum(answers.values()) for answers in counts.values()]
    pairs = sum(n * (n - 1) for n in people)
    equal = sum(n * (n - 1) for answers in counts.values() for n in answers.values())
    return (pairs - equal) / pairs if pairs else None
