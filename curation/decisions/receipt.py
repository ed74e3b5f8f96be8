"""Sentences about decisions: the lines of a row's receipt, and those on conflicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curation.decisions.answers import asked_words, behind
from curation.decisions.checks import as_answer
from curation.decisions.event import REASON, SWITCHES, Event, beside, is_reason, question_of
from curation.decisions.state import State
from curation.decisions.store import DecisionStore
from curation.decisions.subjects import batch_names, overruled, subject_of
from curation.decisions.suggested import offers, suggestion_words


def decision_lines(store: DecisionStore, people: State, example_id: str) -> list[dict[str, Any]]:
    """Return a line for each decision about one example up to a state, oldest first.

    The reason of a decision and the suggestion that it stood beside are in the decision's own line.
    Gold items are left out, and a check reads as any other answer: those who are checked read receipts too.

    Raises CurationError when the database cannot be read.
    """
    events = store.events(example_id=example_id, until=people.last)
    later = overruled(events, people.undone, people.policy)
    present = {event.op_id for event in events}
    reasons = {e.op_id.removesuffix(REASON): e for e in events if is_reason(e)}
    offered = offers(events)
    offering = {event.op_id for answer, event in offered.items() if answer in present}
    lines = []
    for event in events:
        if is_reason(event) and event.op_id.removesuffix(REASON) in present:
            continue
        if event.kind == "gold":
            continue
        if event.op_id in offering:
            continue
        why, by = fate(event, people, later)
        undone = event.op_id in people.undone
        note = reasons.get(event.op_id)
        reason = "" if note is None else str(note.value)
        answer = as_answer(event)
        suggestion = offered.get(event.op_id)
        words = suggestion_words(answer, suggestion)
        lost = "taken back" if undone else why
        lines.append(
            {
                "step": "decision",
                "title": "Decision",
                "what": answer.kind,
                "text": ", ".join(t for t in (_in_words(answer, events), words, reason, lost) if t),
                "annotator": event.annotator,
                "time": event.time,
                "value": answer.value,
                "reason": reason,
                "suggestion": suggestion.value if suggestion else None,
                "undone": undone,
                "overruled_by": by,
            }
        )
    return lines


def fate(event: Event, people: State, later: Mapping[str, Event]) -> tuple[str, str]:
    """Return why an event that is on does not count, in words, and who is the cause; else "" and "".

    An event counts that is behind the winner of its subject. people: the decisions that count.
    later: of `overruled`, for the event's example.
    """
    subject, question = subject_of(event), question_of(event)
    if subject is None:
        return "", ""
    winner: Any = getattr(people, subject[0]).get(event.example_id)
    if len(subject) > 1 and winner is not None:
        winner = winner.get(subject[1])
    if winner is not None and any(e.op_id == event.op_id for e in behind(winner)):
        return "", ""
    if question and (final := people.settled.get(event.example_id, {}).get(question)):
        return f"settled by {final.annotator}", final.annotator
    if over := later.get(event.op_id):
        return f"overruled by {over.annotator}", over.annotator
    if question in people.unsettled.get(event.example_id, ()):
        return "the answers are a tie", ""
    return "another answer counts" if question else "", ""


def _in_words(event: Event, past: Sequence[Event]) -> str:
    """Return a decision's value in a few words. past: the events of its example, oldest first."""
    value = event.value
    if event.kind in SWITCHES:
        return "; ".join(
            f"{e.kind} {_in_words(e, past)}".strip()
            for e in map(as_answer, past)
            if e.seq < event.seq and _names(value, e) and not _unlisted(e)
        )
    if event.kind in ("answer", "settle"):
        return asked_words(event)
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} turns"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _names(target: Mapping[str, str], event: Event) -> bool:
    """Return whether the value of an undo or redo names an event."""
    if "op_id" in target:
        return target["op_id"] == event.op_id
    return target["batch"] in batch_names(event.batch)


def _unlisted(event: Event) -> bool:
    """Return whether a receipt has no line for an event of an act: it says more, or makes a gold item."""
    return beside(event) or event.kind == "gold"


def meanwhile(store: DecisionStore, conflicts: Iterable[Event]) -> list[tuple[Event, str]]:
    """Return a sentence about each new event that overruled one of somebody else.

    conflicts: those of an append's outcome. Raises CurationError when the database cannot be read.
    """
    pairs = store.read(lambda fold: [(event, fold.overrules(event)) for event in conflicts])
    names = ((event, former.annotator if former else "") for event, former in pairs)
    return [
        (
            event,
            f"{name or 'somebody else'} decided this example meanwhile; both decisions are kept.",
        )
        for event, name in names
    ]
