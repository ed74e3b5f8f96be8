"""Folding of events, one at a time, into the state that they give.

The rules, which tests compare with a naive model:

- The latest event that is on wins, among the events with one subject. Subjects are the verdict of an
  example, its edit, its label, its rating, each question of the lead's, each tag, each flag, each
  example that it is apart from, that it is preferred, and each question that was
  settled; and the project's guidelines. Notes add up.
- A person's opinion on a question (verdict, label, rating or one of the lead's) is their own latest
  answer that is on, whatever others answered since.
- The people who answered an example are those with a verdict, label or edit of their own that is on.
- Every event is on when it arrives. An undo switches its targets off, a redo switches them on.
  Switching an undo or redo switches its targets too, so an undo of an undo is a redo. Switching on
  an event that is on changes nothing.
- A batch as a target means the events of the batch that came before the undo or redo. A batch is a
  path: `import/click` belongs to the batches `import` and `click`.
- The newest of several targets is switched off first, and the oldest is switched on first. So an
  undo among the targets is switched before the event that it switches.

Accepted cost: all events of a project are held in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from curation.decisions.answers import disagreement_of
from curation.decisions.event import ANSWERING, REASON, SWITCHES, Event, is_reason, question_of
from curation.decisions.state import State
from curation.decisions.subjects import (
    EXAMPLE_TABLES,
    NESTED,
    SINGLE,
    actor,
    batch_names,
    content_number,
    inner_key,
    number_of,
    others_of,
    subject_of,
)
from curation.decisions.table import Table


class Fold:
    """The events so far, indexed, and their state; `add` costs only the examples it touches.

    Not safe for several threads; the store holds a lock around it. A state that was returned never
    changes: a table is copied before it is changed (copy on write).
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: list[Event] = []
        self._seqs: list[int] = []
        self._by_op: dict[str, Event] = {}
        self._batches: dict[str, list[str]] = {}
        self._by_example: dict[str, list[Event]] = {}
        self._by_actor: dict[str, list[Event]] = {}
        self._names: set[str] = set()
        self._targets: dict[str, tuple[str, ...]] = {}
        self._tables: dict[str, Any] = {  # name → table
            name: Table()
            for name in (*EXAMPLE_TABLES, "opinions", "answered", "disagreement", "revisions")
        }
        self._off: set[str] = set()
        self._switched: dict[int, set[str]] = {}
        self._marks: dict[str, int] = {}
        self._shared: set[str] = set()
        self._state: State | None = None
        for event in events:
            self.add(event)

    @property
    def last(self) -> int:
        """The number of the newest event; 0 while there is none."""
        return self._seqs[-1] if self._seqs else 0

    def __contains__(self, op_id: object) -> bool:
        return op_id in self._by_op

    def get(self, op_id: str) -> Event | None:
        """Return the event with that op_id."""
        return self._by_op.get(op_id)

    def upto(self, seq: int) -> list[Event]:
        """Return the events up to a number, oldest first."""
        return self.events[: bisect_right(self._seqs, seq)]

    def after(self, seq: int) -> list[Event]:
        """Return the events after a number, oldest first."""
        return self.events[bisect_right(self._seqs, seq) :]

    def changes(self, seq: int, former: object) -> tuple[Fold, set[str] | None]:
        """Return this fold, and the examples that the events after a number touched.

        They are None, for any example, where `former` is another fold: a repair came between.
        """
        return self, self.touched(seq) if former is self else None

    def events_of(self, example_id: str) -> list[Event]:
        """Return the events of one example, with each undo and redo that touched it, oldest first."""
        return list(self._by_example.get(example_id, ()))

    def touched(self, seq: int) -> set[str]:
        """Return the examples that the events after a number touched."""
        later = self.after(seq)
        switched = (self._switched[e.seq] for e in later if e.kind in SWITCHES)
        return {e.example_id for e in later}.union(*switched)

    def add(self, event: Event) -> None:
        """Add the next event; an event that is already there is ignored."""
        if event.seq <= self.last:
            return
        self._state = None
        self.events.append(event)
        self._seqs.append(event.seq)
        touched = {event.example_id}
        if event.kind in SWITCHES:
            # looked up before the event itself is added: a target is always older
            targets = self.op_ids_of(event.value)
            self._targets[event.op_id] = targets
            switched = self._switch(targets, event.kind == "redo")
            touched |= switched
            self._switched[event.seq] = switched
            for example in switched:
                self._recompute(example)
        self._by_op[event.op_id] = event
        for name in batch_names(event.batch):
            self._batches.setdefault(name, []).append(event.op_id)
        if event.kind != "guideline":  # an undo of the newest act leaves the guidelines alone
            self._by_actor.setdefault(actor(event), []).append(event)
        self._names.add(event.annotator)
        revisions = self._table("revisions")
        for example in touched:
            self._by_example.setdefault(example, []).append(event)
            revisions[example] = event.seq
        if event.kind not in SWITCHES:
            self._apply(event)

    def op_ids_of(self, value: dict[str, str]) -> tuple[str, ...]:
        """Return the op_ids that {"op_id": …} or {"batch": …} means now."""
        if "batch" in value:
            return tuple(self._batches.get(value["batch"], ()))
        return (value["op_id"],) if value["op_id"] in self._by_op else ()

    def targets(self, op_id: str) -> tuple[str, ...]:
        """Return the op_ids that an undo or redo named when it was made; none for other events."""
        return self._targets.get(op_id, ())

    def reached(self, op_id: str) -> set[str]:
        """Return the op_ids of the events that an undo or redo switches, also through others."""
        reached, waiting = set[str](), [op_id]
        while waiting:
            targets = [op for op in self.targets(waiting.pop()) if op not in reached]
            reached.update(targets)
            waiting += targets
        return reached

    def is_on(self, op_id: str) -> bool:
        """Return whether an event exists and is on."""
        return op_id in self._by_op and op_id not in self._off

    def people(self) -> set[str]:
        """Return the names under which somebody decided or imported something."""
        return self._names | self._by_actor.keys()

    def newest_first(self, annotator: str) -> Iterator[Event]:
        """Yield the events of one person, newest first; imported events are of who imported them."""
        return reversed(self._by_actor.get(annotator, []))

    def overrules(self, event: Event) -> Event | None:
        """Return the decision of somebody else that an event replaces and that was not on the screen.

        There is none when both decide the same, when the same person or the same act made the former
        one, and when the former one was on the screen.
        """
        subject = subject_of(event)
        if subject is None:
            return None
        earlier = [
            e
            for e in self._by_example.get(event.example_id, [])
            if e.seq < event.seq and not (event.batch and e.batch == event.batch)
        ]
        if all(e.annotator == event.annotator for e in earlier if subject_of(e) == subject):
            return None
        former = _winning_event(earlier, subject)
        if former is None or former.annotator == event.annotator:
            return None
        if (former.kind, former.value) == (event.kind, event.value):
            return None
        on_screen = _winning_event([e for e in earlier if e.seq <= event.base_revision], subject)
        return former if on_screen is None or on_screen.op_id != former.op_id else None

    def state(self) -> State:
        """Return the state now; the same object until the next event."""
        if self._state is None:
            self._shared.update((*self._tables, "off"))
            self._state = State(
                last=self.last,
                undone=self._off,
                marks=self._marks.copy(),
                **self._tables,
            )
        return self._state

    def _table(self, name: str) -> dict[str, Any]:
        if name in self._shared:
            self._shared.discard(name)
            self._tables[name] = self._tables[name].copy()
        table: dict[str, Any] = self._tables[name]
        return table

    def _switch(self, ops: Sequence[str], on: bool) -> set[str]:
        """Switch events on or off, with the targets of those; return the examples touched."""
        if "off" in self._shared:
            self._shared.discard("off")
            self._off = self._off.copy()
        touched = set()
        waiting = _stacked(ops, on)
        while waiting:
            op, turn_on = waiting.pop()
            event = self._by_op[op]
            if (op not in self._off) == turn_on:
                continue
            if turn_on:
                self._off.discard(op)
            else:
                self._off.add(op)
            if event.kind in SWITCHES:
                turned = turn_on == (event.kind == "redo")
                waiting += _stacked(self._targets[op], turned)
            else:
                touched.add(event.example_id)
        return touched

    def _mark(self, event: Event, change: int) -> None:
        """Add an event to its kind's mark, or take it out: change is 1 or -1."""
        notes = self._tables["notes"].get(event.example_id, ())
        self._shift(event.kind, change * content_number(event, notes))

    def _shift(self, kind: str, number: int) -> None:
        mark = (self._marks.pop(kind, 0) + number) % 2**256
        if mark:
            self._marks[kind] = mark

    def _reasoned(self, event: Event) -> Event | None:
        """Return the verdict, edit or label that counts and has its reason in a note; None without."""
        decision = self._by_op.get(event.op_id.removesuffix(REASON)) if is_reason(event) else None
        if decision is None or decision.kind not in ANSWERING:
            return None
        counting: Event | None = self._tables[SINGLE[decision.kind]].get(event.example_id)
        return decision if decision is counting else None

    def _recompute(self, example: str) -> None:
        """Compute one example's entries again from its events that are on."""
        for name in EXAMPLE_TABLES:
            if example in self._tables[name]:
                entry = self._table(name).pop(example)
                if isinstance(entry, Event):
                    self._mark(entry, -1)
                else:
                    for event in entry.values() if isinstance(entry, dict) else entry:
                        self._mark(event, -1)
        for name in ("opinions", "answered"):
            self._table(name).pop(example, None)
        self._weigh(example, ())
        for event in self._by_example.get(example, ()):
            if event.kind not in SWITCHES and event.op_id not in self._off:
                self._apply(event)

    def _apply(self, event: Event) -> None:
        """Enter an event into the tables, as the latest of its example."""
        example = event.example_id
        if question_of(event):
            opinions = self._table("opinions")
            former = opinions.get(example)
            opinions[example] = (event,) if former is None else (*others_of(former, event), event)
            if former is not None:
                self._weigh(example, opinions[example])
        if event.kind in ANSWERING:
            answered = self._table("answered")
            names = answered.get(example, ())
            answered[example] = names if event.annotator in names else (*names, event.annotator)
        if event.kind == "note":
            if (reasoned := self._reasoned(event)) is not None:
                self._mark(reasoned, -1)
            notes = self._table("notes")
            notes[example] = (*notes.get(example, ()), event)
            for entry in filter(None, (event, reasoned)):
                self._mark(entry, 1)
        elif event.kind in SINGLE:
            table = self._table(SINGLE[event.kind])
            if example in table:
                self._mark(table[example], -1)
            table[example] = event
            self._mark(event, 1)
        else:
            self._apply_nested(event, self._table(NESTED[event.kind]))

    def _weigh(self, example: str, opinions: Sequence[Event]) -> None:
        """Enter how unlike the answers to an example are, where two people or more answered."""
        former, now = self._tables["disagreement"].get(example), disagreement_of(opinions)
        if former == now:
            return
        table = self._table("disagreement")
        if former is not None:
            del table[example]
            self._shift("disagreement", -number_of([example, former]))
        if now is not None:
            table[example] = now
            self._shift("disagreement", number_of([example, now]))

    def _apply_nested(self, event: Event, table: dict[str, Any]) -> None:
        # inner tables are replaced, never changed: states that were returned share them
        inner, key = dict(table.get(event.example_id, {})), inner_key(event)
        if (former := inner.pop(key, None)) is not None:
            self._mark(former, -1)
        if event.kind not in ("untag", "unflag"):
            inner[key] = event
            self._mark(event, 1)
        if inner:
            table[event.example_id] = inner
        else:
            table.pop(event.example_id, None)


def _stacked(ops: Sequence[str], on: bool) -> list[tuple[str, bool]]:
    """Return a stack of events to switch; the first one to switch is on top."""
    return [(op, on) for op in (reversed(ops) if on else ops)]


def _winning_event(events: Sequence[Event], subject: tuple[str, ...]) -> Event | None:
    """Return the newest event with a subject that is on after all of one example's events."""
    after_all = Fold(events)
    candidates = (e for e in reversed(events) if subject_of(e) == subject)
    return next((e for e in candidates if after_all.is_on(e.op_id)), None)


def fold(events: Iterable[Event]) -> State:
    """Return the state after all the events, in their order."""
    return Fold(events).state()
