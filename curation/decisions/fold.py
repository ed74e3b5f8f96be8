"""Folding events, one at a time, into what they say together.

The rules, which tests hold against a naive model:

- Of the events about one thing the latest that counts wins. One thing is: the verdict of an
  example, its edit, its label, its rating, each tag and each flag by itself. Notes add up.
- Every event is on when it arrives. An undo switches its targets off, a redo switches them on;
  switching an undo or redo itself switches its targets with it, so an undo of an undo is a redo.
  Switching to where something stands already does nothing.
- A batch as a target means the events of the batch that came before the undo or redo. A batch is a
  path: `import/click` is of the batch `import` too, and `click` still means it.
- Of several targets the newest is switched off first, and the oldest on: what one of them does to
  another is then undone before that other is.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import unquote

import orjson

from curation.decisions.event import IMPORT, SWITCHES, Event
from curation.decisions.state import State

_SINGLE = {
    "keep": "verdicts",
    "drop": "verdicts",
    "edit": "edits",
    "label": "labels",
    "rate": "ratings",
    "skip": "skips",
}
_NESTED = {"tag": "tags", "untag": "tags", "flag": "flags", "unflag": "flags"}
_EXAMPLE_TABLES = (*dict.fromkeys(_SINGLE.values()), *dict.fromkeys(_NESTED.values()), "notes")


def family(event: Event) -> tuple[str, ...] | None:
    """The thing an event is about, within its example; None where nothing can be overruled.

    Notes add up and skips bind nobody, so they never stand against each other.
    """
    if event.kind in _NESTED:
        return _NESTED[event.kind], event.value
    if event.kind in ("note", "skip", *SWITCHES):
        return None
    return (_SINGLE[event.kind],)


def _number(event: Event) -> int:
    """A number that stands for what an event says: sums of these tell sets of events apart."""
    said = [event.example_id, event.kind, event.value, event.annotator]
    text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())


class Fold:
    """Events so far, indexed, and the state they give; adding one costs what it touches.

    Not safe for several threads at once; the store holds a lock around it. States handed out are
    never written to again: a table is copied before it changes (copy on write).
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: list[Event] = []
        self._seqs: list[int] = []
        self._by_op: dict[str, Event] = {}
        self._batches: dict[str, list[str]] = {}
        self._by_example: dict[str, list[Event]] = {}
        self._by_actor: dict[str, list[Event]] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._tables: dict[str, dict[str, Any]] = {
            name: {} for name in (*_EXAMPLE_TABLES, "revisions")
        }
        self._off: set[str] = set()
        self._marks: dict[str, int] = {}
        self._shared: set[str] = set()
        self._state: State | None = None
        for event in events:
            self.add(event)

    @property
    def last(self) -> int:
        """The newest event's number; 0 while there is none."""
        return self._seqs[-1] if self._seqs else 0

    def __contains__(self, op_id: object) -> bool:
        return op_id in self._by_op

    def get(self, op_id: str) -> Event | None:
        """The event with that op_id."""
        return self._by_op.get(op_id)

    def upto(self, seq: int) -> list[Event]:
        """The events up to a number, oldest first."""
        return self.events[: bisect_right(self._seqs, seq)]

    def after(self, seq: int) -> list[Event]:
        """The events after a number, oldest first."""
        return self.events[bisect_right(self._seqs, seq) :]

    def about(self, example_id: str) -> list[Event]:
        """The events of one example, and each undo and redo that touched it, oldest first."""
        return list(self._by_example.get(example_id, ()))

    def add(self, event: Event) -> None:
        """Take in the next event; one that is in already is passed over."""
        if event.seq <= self.last:
            return
        self._state = None
        self.events.append(event)
        self._seqs.append(event.seq)
        touched = {event.example_id}
        if event.kind in SWITCHES:
            targets = self.named(event.value)  # before it is in itself: a target is always older
            self._targets[event.op_id] = targets
            switched = self._switch(targets, event.kind == "redo")
            touched |= switched
            for example in switched:
                self._tell_again(example)
        self._by_op[event.op_id] = event
        for name in _batch_names(event.batch):
            self._batches.setdefault(name, []).append(event.op_id)
        self._by_actor.setdefault(actor(event), []).append(event)
        revisions = self._table("revisions")
        for example in touched:
            self._by_example.setdefault(example, []).append(event)
            revisions[example] = event.seq
        if event.kind not in SWITCHES:
            self._say(event)

    def named(self, value: dict[str, str]) -> tuple[str, ...]:
        """The op_ids that {"op_id": …} or {"batch": …} stand for now."""
        if "batch" in value:
            return tuple(self._batches.get(value["batch"], ()))
        return (value["op_id"],) if value["op_id"] in self._by_op else ()

    def is_on(self, op_id: str) -> bool:
        """Whether an event is there and counts."""
        return op_id in self._by_op and op_id not in self._off

    def newest_first(self, annotator: str) -> Iterator[Event]:
        """What one person did, newest first: an import is done by who imported it."""
        return reversed(self._by_actor.get(annotator, []))

    def overrules(self, event: Event) -> bool:
        """Whether this takes the place of what somebody else said after its screen was drawn.

        It does not where it says the same, where that was one's own, seen in another tab, or part of
        the same act, and where nothing else stood there when it came than what was on the screen.
        """
        about = family(event)
        if about is None:
            return False
        told = [
            e
            for e in self._by_example.get(event.example_id, [])
            if e.seq < event.seq and not (event.batch and e.batch == event.batch)
        ]
        if all(e.annotator == event.annotator for e in told if family(e) == about):
            return False
        former = _last_word(told, about)
        if former is None or former.annotator == event.annotator:
            return False
        if (former.kind, former.value) == (event.kind, event.value):
            return False
        seen = _last_word([e for e in told if e.seq <= event.base_revision], about)
        return seen is None or seen.op_id != former.op_id

    def state(self) -> State:
        """What the events say now; the same object until the next event."""
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
        return self._tables[name]

    def _switch(self, ops: Sequence[str], on: bool) -> set[str]:
        """Switch events on or off, and what those in turn switch; returns the examples touched."""
        if "off" in self._shared:
            self._shared.discard("off")
            self._off = self._off.copy()
        touched = set()
        waiting = _stacked(ops, on)
        while waiting:
            op, wanted = waiting.pop()
            event = self._by_op[op]
            if (op not in self._off) == wanted:
                continue
            if wanted:
                self._off.discard(op)
            else:
                self._off.add(op)
            if event.kind in SWITCHES:
                turned = wanted == (event.kind == "redo")
                waiting += _stacked(self._targets[op], turned)
            else:
                touched.add(event.example_id)
        return touched

    def _mark(self, event: Event, change: int) -> None:
        """Note that an event begins or ceases to be the last word."""
        total = self._marks.get(event.kind, 0) + change * _number(event)
        self._marks[event.kind] = total % 2**256

    def _tell_again(self, example: str) -> None:
        """Make one example's entries anew from its events that count."""
        for name in _EXAMPLE_TABLES:
            if example in self._tables[name]:
                said = self._table(name).pop(example)
                if isinstance(said, Event):
                    self._mark(said, -1)
                else:
                    for event in said.values() if isinstance(said, dict) else said:
                        self._mark(event, -1)
        for event in self._by_example.get(example, ()):
            if event.kind not in SWITCHES and event.op_id not in self._off:
                self._say(event)

    def _say(self, event: Event) -> None:
        """Let an event speak after everything that was said of its example."""
        example = event.example_id
        if event.kind == "note":
            notes = self._table("notes")
            notes[example] = (*notes.get(example, ()), event)
            self._mark(event, 1)
        elif event.kind in _SINGLE:
            table = self._table(_SINGLE[event.kind])
            if example in table:
                self._mark(table[example], -1)
            table[example] = event
            self._mark(event, 1)
        else:
            self._say_nested(event, self._table(_NESTED[event.kind]))

    def _say_nested(self, event: Event, table: dict[str, Any]) -> None:
        # inner tables are replaced, never written to: states handed out share them
        inner = dict(table.get(event.example_id, {}))
        if (former := inner.pop(event.value, None)) is not None:
            self._mark(former, -1)
        if event.kind in ("tag", "flag"):
            inner[event.value] = event
            self._mark(event, 1)
        if inner:
            table[event.example_id] = inner
        else:
            table.pop(event.example_id, None)


def overruled(events: Sequence[Event], undone: AbstractSet[str]) -> dict[str, Event]:
    """Of one example's events, oldest first: op_id → the event that took its place.

    undone: op_ids of the events that do not count; they overrule nothing.
    """
    newest: dict[tuple[str, ...], Event] = {}
    result: dict[str, Event] = {}
    for event in events:
        about = family(event)
        if about is None or event.op_id in undone:
            continue
        if about in newest:
            result[newest[about].op_id] = event
        newest[about] = event
    return result


def actor(event: Event) -> str:
    """Who did it: the importer of what came in by a file, otherwise who said it."""
    kind, _, rest = event.batch.partition(":")
    return unquote(rest.partition(":")[0]) if kind == IMPORT and rest else event.annotator


def _batch_names(batch: str) -> set[str]:
    """The batches that an event of a batch belongs to: every part of its path."""
    parts = batch.split("/") if batch else []
    ends = range(len(parts) + 1)
    return {"/".join(parts[a:b]) for a in ends for b in ends if a < b}


def _stacked(ops: Sequence[str], on: bool) -> list[tuple[str, bool]]:
    """Events to switch, the first to be switched on top."""
    return [(op, on) for op in (reversed(ops) if on else ops)]


def _last_word(events: Sequence[Event], about: tuple[str, ...]) -> Event | None:
    """The newest of one example's events about one thing that counts, after all of these."""
    known = Fold(events)
    said = (e for e in reversed(events) if family(e) == about)
    return next((e for e in said if known.is_on(e.op_id)), None)


def fold(events: Iterable[Event]) -> State:
    """The state after all the events, in their order."""
    return Fold(events).state()
