"""What the database and the journal lack of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from curation.decisions.event import Event
from curation.decisions.fold import Fold
from curation.decisions.journal import Journal, read


def disagreement(journal: Journal, database: Fold) -> tuple[list[Event], list[Event]]:
    """Events to take in from the journal, and lines to add to it; database: the events it has."""
    written = journal.end()
    if written is None or place(database.get(written.op_id)) == place(written):
        return [], database.after(written.seq if written else 0)
    lines = read(journal.path).events
    adopted = adopt([e for e in latest(lines) if e.op_id not in database], database.last)
    known = {(e.op_id, e.seq) for e in lines}
    events = [*database.events, *adopted]
    owed = [e for e in events if (e.op_id, e.seq) not in known]
    if events and place(owed[-1] if owed else written) != place(events[-1]):
        owed.append(events[-1])  # the last line is what both copies are compared by
    return adopted, owed


def latest(lines: Sequence[Event]) -> list[Event]:
    """Each event of a journal once, as its last line has it, by number."""
    return sorted({event.op_id: event for event in lines}.values(), key=lambda e: e.seq)


def adopt(events: Sequence[Event], last: int) -> list[Event]:
    """Events to follow number `last`: with their own numbers where these are free, else new ones.

    A number that two events claim stays with the one that is in the database.
    """
    kept = [e for e in events if e.seq > last]
    at = kept[-1].seq if kept else last
    moved = [e for e in events if e.seq <= last]
    return [*kept, *(replace(e, seq=at + n) for n, e in enumerate(moved, 1))]


def place(event: Event | None) -> tuple[int, str]:
    """Number and op_id of an event, by which the ends of both copies are compared."""
    return (0, "") if event is None else (event.seq, event.op_id)
