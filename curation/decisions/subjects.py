"""Subjects of events: what overrules what, and by whom."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote, unquote

import orjson

from curation.decisions.answers import Outcome, reason_of, who_decided
from curation.decisions.event import (
    ANSWERING,
    IMPORT,
    QUESTIONS,
    RETURN,
    SUGGESTED,
    SWITCHES,
    Decision,
    Event,
    question_of,
)

SINGLE = {
    "keep": "verdicts",
    "drop": "verdicts",
    "edit": "edits",
    "label": "labels",
    "rate": "ratings",
    "skip": "skips",
    "prefer": "preferred",
    "guideline": "guidelines",
}
"""Kind → the table that holds one event of an example."""

NESTED = {
    "tag": "tags",
    "untag": "tags",
    "flag": "flags",
    "unflag": "flags",
    "apart": "apart",
    "answer": "answers",
    "settle": "settled",
    "suggested": "suggested",
    "gold": "gold",
    "check": "checks",
}
"""Kind → the table that holds several events of an example, by `inner_key`."""

TABLES = {question: SINGLE[kind] for kind, question in QUESTIONS.items()}
"""Question → the table of a state that holds its answers; other questions share one table."""

EXAMPLE_TABLES = (*dict.fromkeys(SINGLE.values()), *dict.fromkeys(NESTED.values()), "notes")


def subject_of(event: Event) -> tuple[str, ...] | None:
    """Return the subject of an event within its example; None where nothing can be overruled.

    Notes, skips, suggestions, undo and redo overrule nothing.
    """
    if event.kind in ("note", "skip", "suggested", *SWITCHES):
        return None
    if event.kind in NESTED:
        return NESTED[event.kind], inner_key(event)
    return (SINGLE[event.kind],)


def inner_key(event: Event) -> str:
    """Return the key of an event within its example in a nested table."""
    if event.kind in ("settle", "gold"):
        return str(event.value["question"])
    if event.kind == "check":  # no question's name has a blank
        return f"{event.value['question']} {event.annotator}"
    if event.kind == "suggested":
        return event.op_id.removesuffix(SUGGESTED)
    return question_of(event) or str(event.value)


def content_number(event: Event, notes: Iterable[Event]) -> int:
    """Return a hash of an event's content as a number; the sum identifies a set of events.

    notes: those of the event's example that count. The reason of a verdict, edit or label is among
    them; it is part of the content, because results show it.
    """
    content = [event.example_id, event.kind, event.value, who_decided(event)]
    if isinstance(event, Outcome):
        content.append(event.policy)
    if event.kind in ANSWERING and (reason := reason_of(event, notes)):
        content.append({"reason": reason})
    return number_of(content)


def number_of(content: list[Any]) -> int:
    """Return a hash of JSON values as a number."""
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())


def overruled(
    events: Sequence[Event], undone: AbstractSet[str], policy: str = "latest"
) -> dict[str, Event]:
    """Map op_id → the event that overruled it, for one example's events, oldest first.

    undone: op_ids of the events that are off; they overrule nothing. policy: whose answer
    counts; under all but latest an answer is overruled only by its own author's next one.
    """
    newest: dict[tuple[str, ...] | None, Event] = {}
    result: dict[str, Event] = {}
    for event in events:
        subject = subject_of(event)
        if subject is None or event.op_id in undone:
            continue
        if policy != "latest" and question_of(event):
            subject = (*subject, event.annotator)
        if subject in newest:
            result[newest[subject].op_id] = event
        newest[subject] = event
    return result


def others_of(opinions: Iterable[Event], event: Event) -> Iterator[Event]:
    """Yield an example's opinions without this person's former answer to the event's question."""
    question = question_of(event)
    for opinion in opinions:
        if opinion.annotator != event.annotator or question_of(opinion) != question:
            yield opinion


def actor(event: Decision) -> str:
    """Return who wrote an event: the importer of an imported one, otherwise its annotator."""
    kind, _, rest = event.batch.partition(":")
    return unquote(rest.partition(":")[0]) if kind == IMPORT and rest else event.annotator


def import_batch(annotator: str) -> str:
    """Return a new batch for an import by somebody, whom `actor` reads from it."""
    return f"{IMPORT}:{quote(annotator, safe='', errors='replace')}:{uuid.uuid4().hex[:12]}"


def act_of(event: Event) -> str:
    """Return the act that an event belongs to: the first part of its batch's path."""
    return event.batch.partition("/")[0]


def returns(event: Event) -> bool:
    """Return whether an event belongs to a return to a moment."""
    return event.batch.startswith(f"{RETURN}:")


def batch_names(batch: str) -> set[str]:
    """Return the batches that an event belongs to: every part of its batch's path."""
    parts = batch.split("/") if batch else []
    ends = range(len(parts) + 1)
    return {"/".join(parts[a:b]) for a in ends for b in ends if a < b}
