"""Differences between the database and the journal: the events that each lacks.

Guarantee: an event that is whole in one copy gets into the other, under its own number where that
number is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from curation.decisions.event import Event
from curation.decisions.fold import Fold
from curation.decisions.journal import Journal, read


def disagreement(journal: Journal, database: Fold) -> tuple[list[Event], list[Event]]:
    """Return the events that the database lacks, and the events that the journal lacks."""
    written = journal.end()
    if written is None or place(database.get(written.op_id)) == place(written):
        return [], database.after(written.seq if written else 0)
    lines = read(journal.path).events
    adopted = adopt([e for e in latest(lines) if e.op_id not in database], database.last)
    in_journal = {(e.op_id, e.seq) for e in lines}
    events = [*database.events, *adopted]
    owed = [e for e in events if (e.op_id, e.seq) not in in_journal]
    if events and place(owed[-1] if owed else written) != place(events[-1]):
        owed.append(events[-1])  # both copies are compared by their last event
    return adopted, owed


def latest(lines: Sequence[Event]) -> list[Event]:
    """Return each event of a journal once, as in its last line, ordered by number."""
    return sorted({event.op_id: event for event in lines}.values(), key=lambda e: e.seq)


def adopt(events: Sequence[Event], last: int) -> list[Event]:
    """Return events to add after number `last`, with new numbers where theirs are taken.

    The event in the database keeps a number that two events have.
    """
    kept = [e for e in events if e.seq > last]
    highest = kept[-1].seq if kept else last
    moved = [e for e in events if e.seq <= last]
    return [*kept, *(replace(e, seq=highest + n) for n, e in enumerate(moved, 1))]


def place(event: Event | None) -> tuple[int, str]:
    """Return number and op_id of an event, by which the ends of both copies are compared."""
    return (0, "") if event is None else (event.seq, event.op_id)
