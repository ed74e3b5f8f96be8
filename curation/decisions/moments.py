"""Moments of the past: the changes since one, and the act that returns to it.

A return is one act of undos and redos with one batch. It switches off what counts now and did not
count then, and switches on what counted then. One undo of the batch gives back the state before.
Nothing is removed. Accepted cost: one event for each act that is switched.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curation.decisions.event import RETURN, SWITCHES, Decision, Event, beside, is_reason
from curation.decisions.fold import Fold
from curation.decisions.outcome import Appended
from curation.decisions.state import State
from curation.decisions.store import DecisionStore
from curation.decisions.subjects import act_of
from curation.errors import CurationError

TABLES = (
    "verdicts",
    "edits",
    "labels",
    "ratings",
    "tags",
    "flags",
    "notes",
    "preferred",
    "apart",
    "answers",
    "settled",
    "unsettled",
    "opinions",
    "gold",
    "checks",
)
"""Tables of a state that show on an example."""

STAYING = (*SWITCHES, "guideline")
"""Kinds of events that a return leaves as they are; guidelines are about the project."""


@dataclass(frozen=True)
class Changes:
    """The way from now back to the moment after event `seq`.

    last: number of the newest event. off: events that count now and did not then. on: events that
    counted then and do not now. Both are ordered by number. examples: ids whose decisions differ,
    those decided last first.
    """

    seq: int
    last: int
    off: tuple[Event, ...]
    on: tuple[Event, ...]
    examples: tuple[str, ...]

    def by_person(self) -> dict[str, int]:
        """Return how many decisions of each person would count no more, the most first.

        A decision and what is written beside it are one.
        """
        people = (event.annotator for event in self.off if not beside(event))
        return dict(Counter(people).most_common())

    def sentence(self) -> str:
        """Return the effect of the return in a sentence."""
        parts = [f"{number:,} of {who or 'nobody'}" for who, number in self.by_person().items()]
        text = f"Decisions that count no more: {', '.join(parts) or 'none'}."
        return text + (f" Decisions that count again: {len(self.on):,}." if self.on else "")


def changes_since(
    store: DecisionStore, seq: int, counted: Callable[[int], State | None] | None = None
) -> Changes:
    """Return the changes between the moment after event `seq` and now.

    counted: returns the decisions that count after an event, as `Project.people`; examples differ by
    these. Without, the latest answer to each question counts. Raises CurationError when there is no
    such event or the database cannot be read.
    """
    now = store.state()
    if not 0 <= seq <= now.last:
        raise CurationError(
            f"There is no event {seq:,}; the newest has the number {now.last:,}. "
            "0 is the moment before the first."
        )
    then = store.state(seq)
    switched = then.undone ^ now.undone
    earlier = store.read(
        lambda fold: [e for op in switched if (e := fold.get(op)) and e.seq <= seq]
    )
    kept = sorted((e for e in earlier if e.kind not in STAYING), key=lambda event: event.seq)
    later = [e for e in store.events(since=seq, until=now.last) if e.kind not in STAYING]
    off = [event for event in (*kept, *later) if event.op_id not in now.undone]
    on = [event for event in kept if event.op_id in now.undone]
    if counted:
        then, now = counted(seq) or State(), counted(now.last) or State()
    touched = {event.example_id for event in (*on, *off)}
    if now.policy == "dawid-skene":  # an answer may count or not without an event about its example
        touched |= {i for t in TABLES for i in {*getattr(then, t), *getattr(now, t)}}
    examples = sorted(
        (
            i
            for i in touched
            if any(getattr(then, t).get(i) != getattr(now, t).get(i) for t in TABLES)
        ),
        key=lambda i: now.revisions[i],
        reverse=True,
    )
    return Changes(seq, now.last, tuple(off), tuple(on), tuple(examples))


def moment_words(state: State) -> dict[str, int]:
    """Return the numbers of examples by what was decided about them, as kept and labelled.

    answered: about a question of the lead's.
    """
    kept = sum(event.kind == "keep" for event in state.verdicts.values())
    return {
        "kept": kept,
        "dropped": len(state.verdicts) - kept,
        "labelled": len(state.labels),
        "edited": len(state.edits),
        "rated": len(state.ratings),
        "answered": len(state.answers),
        "settled": len(state.settled),
        "tagged": len(state.tags),
        "noted": sum(not all(map(is_reason, notes)) for notes in state.notes.values()),
    }


def moment_at(events: Sequence[Event], time: float) -> int:
    """Return the number of the newest event recorded up to a time (UTC seconds); 0 for none."""
    return max((event.seq for event in events if event.recorded <= time), default=0)


def return_to(
    store: DecisionStore, changes: Changes, annotator: str, op: str | None = None
) -> Appended:
    """Make the state as it was at a moment, as one act of `annotator`.

    op: id of the act; a second one with the same id adds nothing. Raises CurationError when somebody
    decided since the changes were listed.
    """
    if not annotator.strip():
        raise CurationError("A return carries a name: say whose act it is.")
    batch = f"{RETURN}:{changes.seq}:{op or uuid.uuid4().hex}"

    def decide(fold: Fold) -> list[Decision]:
        if fold.op_ids_of({"batch": batch}):
            return []
        if fold.last != changes.last:
            raise CurationError(
                "Somebody decided since this list was made. Nothing was changed; look again."
            )
        return list(_switches(fold, changes, annotator.strip(), batch))

    return store.append_by(decide)


def _switches(fold: Fold, changes: Changes, annotator: str, batch: str) -> Iterator[Decision]:
    """Yield an undo or redo for each act, or for each event of an act that is switched in part."""
    for kind, events in (("undo", changes.off), ("redo", changes.on)):
        tops = [act_of(event) for event in events]
        sizes = Counter(tops)
        whole = {b for b, n in sizes.items() if b and n == len(fold.op_ids_of({"batch": b}))}
        for event, top in zip(events, tops, strict=True):
            if top in whole and sizes.pop(top, 0):
                value = {"batch": top}
            elif top in whole:
                continue
            else:
                value = {"op_id": event.op_id}
            yield Decision(event.example_id, kind, value, annotator, batch=batch)
