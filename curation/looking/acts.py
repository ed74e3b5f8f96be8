"""Acts: the events of one click or one import, which follow each other, and the words for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from curation.decisions.answers import asked_words
from curation.decisions.event import Event
from curation.decisions.subjects import act_of
from curation.text.counted import counted
from curation.text.folding import one_line

EXCERPT = 80
"""Characters of a note or a label that an act's words hold."""

DONE = {
    "keep": "kept",
    "drop": "dropped",
    "edit": "edited",
    "label": "labelled",
    "tag": "tagged",
    "untag": "took a tag from",
    "rate": "rated",
    "note": "noted",
    "flag": "sent to review",
    "unflag": "took from review",
    "skip": "skipped",
    "apart": "called no duplicate",
    "prefer": "chose among copies",
    "answer": "answered about",
    "settle": "settled",
    "gold": "made a gold item of",
    "check": "answered about",
    "suggested": "answered beside a suggestion",
    "guideline": "changed the guidelines",
    "undo": "undid",
    "redo": "did again",
}
"""Kind → the verb of a sentence about it."""


def grouped(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the acts of a list of events, newest first; each act's events are oldest first."""
    end = len(events)
    while end:
        start = end - 1
        if top := act_of(events[start]):
            while start and act_of(events[start - 1]) == top:
                start -= 1
        yield list(events[start:end])
        end = start


def short(value: Any) -> str:
    """Return a value as one line of at most EXCERPT characters."""
    return one_line(str(value), EXCERPT)


def many(events: Sequence[Event]) -> str:
    """Return what several events did, in words: a number for each kind."""
    parts = []
    for kind, number in Counter(event.kind for event in events).most_common():
        mine = [event for event in events if event.kind == kind]
        examples = len({event.example_id for event in mine})
        values = {short(e.value) for e in mine if kind in ("label", "tag", "untag", "rate")}
        values |= {short(asked_words(e)) for e in mine if kind == "settle"}
        of = f" “{values.pop()}”" if len(values) == 1 else ""
        if number == examples:
            parts.append(f"{DONE.get(kind, kind)} {counted(examples, 'example')}{of}")
        else:
            parts.append(f"{DONE.get(kind, kind)} {number:,} times")
    return ", ".join(parts)
