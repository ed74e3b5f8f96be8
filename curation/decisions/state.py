"""What all events together say now, and its summaries and tables.

A State is a pure function of the events up to a number; `curation.decisions.fold` makes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import orjson
import pandas as pd

from curation.decisions.event import Event
from curation.report import PEOPLE_COLUMNS

FRAME_COLUMNS = (*PEOPLE_COLUMNS, "label", "edited", "decided_at")


@dataclass(frozen=True)
class Summary:
    """What was said of one example; revision is its newest event's number."""

    revision: int
    verdict: Event | None
    label: Event | None
    edit: Event | None
    rating: Event | None
    tags: tuple[str, ...]
    flags: tuple[str, ...]
    notes: tuple[Event, ...]
    skip: Event | None = None

    def summary(self) -> list[str]:
        """A line for people about each thing that was said."""
        lines = []
        if self.verdict:
            lines.append(_verdict_reason(self.verdict))
        if self.label:
            lines.append(_label_reason(self.label))
        if self.edit:
            lines.append(f"edited by {self.edit.annotator}")
        if self.rating:
            lines.append(f"rated {self.rating.value} by {self.rating.annotator}")
        lines += [f"tagged {', '.join(self.tags)}"] if self.tags else []
        lines += [f"in review: {', '.join(self.flags)}"] if self.flags else []
        return lines + [f"{note.annotator}: {note.value}" for note in self.notes]


@dataclass(frozen=True)
class State:
    """The newest word on each example; undone events do not count. Never to be written to.

    verdicts, edits, labels, ratings, skips: example → event. tags, flags: example → value → event.
    notes: example → events, oldest first. revisions: example → number of the newest event about it,
    undoing included. undone: op_ids of the events that do not count. marks: kind → a number that
    stands for all that is said in decisions of that kind, whatever their order. last: the newest
    event's number.
    """

    last: int = 0
    verdicts: Mapping[str, Event] = field(default_factory=dict)
    edits: Mapping[str, Event] = field(default_factory=dict)
    labels: Mapping[str, Event] = field(default_factory=dict)
    ratings: Mapping[str, Event] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    notes: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    skips: Mapping[str, Event] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    undone: AbstractSet[str] = frozenset()
    marks: Mapping[str, int] = field(default_factory=dict)

    def of(self, example_id: str) -> Summary:
        """All that was said of one example."""
        return Summary(
            self.revisions.get(example_id, 0),
            self.verdicts.get(example_id),
            self.labels.get(example_id),
            self.edits.get(example_id),
            self.ratings.get(example_id),
            tuple(sorted(self.tags.get(example_id, ()))),
            tuple(sorted(self.flags.get(example_id, ()))),
            tuple(self.notes.get(example_id, ())),
            self.skips.get(example_id),
        )

    def frame(self, columns: Sequence[str] = FRAME_COLUMNS) -> pd.DataFrame:
        """One row per example that somebody touched, indexed by id; a skip alone is no touch.

        Columns verdict, tags and flags (each joined by commas), rating_by_people, notes, decided_by
        (of the newest event that counts), label, edited (bool), decided_at (UTC seconds).
        """
        newest = self._newest
        ids = sorted(newest)
        makers: dict[str, tuple[str, Callable[[str], Any]]] = {
            "verdict": ("str", lambda i: e.kind if (e := self.verdicts.get(i)) else ""),
            "tags": ("str", lambda i: ",".join(sorted(self.tags.get(i, ())))),
            "flags": ("str", lambda i: ",".join(sorted(self.flags.get(i, ())))),
            "rating_by_people": (
                "float64",
                lambda i: float(e.value) if (e := self.ratings.get(i)) else None,
            ),
            "notes": ("str", lambda i: " · ".join(n.value for n in self.notes.get(i, ()))),
            "decided_by": ("str", lambda i: newest[i].annotator),
            "label": ("str", lambda i: e.value if (e := self.labels.get(i)) else ""),
            "edited": ("bool", lambda i: i in self.edits),
            "decided_at": ("float64", lambda i: newest[i].time),
        }
        index = pd.Index(ids, name="id", dtype="str")
        return pd.DataFrame(
            {
                name: pd.Series([make(i) for i in ids], index=index, dtype=dtype)
                for name, (dtype, make) in ((name, makers[name]) for name in columns)
            },
            index=index,
        )

    def edits_frame(self) -> pd.DataFrame:
        """Edited or labelled examples, by id: messages and label (missing: not touched), reason."""
        return self._edits_frame.copy()

    def verdicts_frame(self) -> pd.DataFrame:
        """Kept or dropped examples, by id: keep, reason."""
        return self._verdicts_frame.copy()

    def fingerprint(self, kinds: Iterable[str] = ("keep", "drop", "edit", "label")) -> str:
        """Equal for equal effective decisions of those kinds, however they came about.

        Kind, value (an edit's whole text) and annotator count, for these show in results; numbers
        and times do not. Of several decisions about one thing only the one that wins counts.
        """
        said = [(k, hex(mark)) for k in sorted(set(kinds)) if (mark := self.marks.get(k, 0))]
        return hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest()

    def differing(self, former: State | None, kinds: Iterable[str]) -> set[str]:
        """Examples of which verdict, edit, label or tags are not those of an earlier state of this.

        kinds: of the decisions that matter. What was decided and undone in between is no difference.
        """
        before, wanted = former or State(), frozenset(kinds)
        touched = (i for i, newest in self.revisions.items() if newest > before.last)
        return {i for i in touched if self._said(i, wanted) != before._said(i, wanted)}

    def _said(self, example: str, kinds: AbstractSet[str]) -> list[tuple[str, bytes, str]]:
        single = (self.verdicts, self.edits, self.labels)
        events = [e for table in single if (e := table.get(example))]
        tags = self.tags.get(example, {})
        return [
            (e.kind, orjson.dumps(e.value), e.annotator)
            for e in [*events, *(tags[tag] for tag in sorted(tags))]
            if e.kind in kinds
        ]

    @cached_property
    def _newest(self) -> dict[str, Event]:
        """Example → the newest event that counts, skips left out."""
        single = (self.verdicts, self.edits, self.labels, self.ratings)
        events: Iterable[tuple[str, Event]] = chain(
            *(table.items() for table in single),
            ((i, e) for t in (self.tags, self.flags) for i, by in t.items() for e in by.values()),
            ((i, notes[-1]) for i, notes in self.notes.items()),
        )
        found: dict[str, Event] = {}
        for example, event in events:
            known = found.get(example)
            if known is None or known.seq < event.seq:
                found[example] = event
        return found

    @cached_property
    def _edits_frame(self) -> pd.DataFrame:
        ids = sorted({*self.edits, *self.labels})
        edits, labels = [self.edits.get(i) for i in ids], [self.labels.get(i) for i in ids]
        columns = {
            "messages": [_messages(e) if e else None for e in edits],
            "label": [e.value if e else None for e in labels],
            "reason": [
                ", ".join(
                    ([f"edited by {edit.annotator}"] if edit else [])
                    + ([_label_reason(label)] if label else [])
                )
                for edit, label in zip(edits, labels, strict=True)
            ],
        }
        index = pd.Index(ids, name="id", dtype="str")
        return pd.DataFrame(
            {k: pd.Series(v, index=index, dtype="str") for k, v in columns.items()}, index=index
        )

    @cached_property
    def _verdicts_frame(self) -> pd.DataFrame:
        ids = sorted(self.verdicts)
        index = pd.Index(ids, name="id", dtype="str")
        keeps, reasons = [], []
        texts: dict[tuple[str, str], str] = {}  # a few, of many events
        for event in map(self.verdicts.__getitem__, ids):
            said = event.kind, event.annotator
            if said not in texts:
                texts[said] = _verdict_reason(event)
            keeps.append(event.kind == "keep")
            reasons.append(texts[said])
        keep = pd.Series(keeps, index=index, dtype="bool")
        reason = pd.Series(reasons, index=index, dtype="str")
        return pd.DataFrame({"keep": keep, "reason": reason}, index=index)


def _verdict_reason(event: Event) -> str:
    return f"{'kept' if event.kind == 'keep' else 'dropped'} by {event.annotator}"


def _label_reason(event: Event) -> str:
    return f"labelled {event.value} by {event.annotator}"


def _messages(edit: Event) -> str:
    """The canonical text of an edit's turns: role, content, then the other keys in order."""
    turns = [
        {
            "role": turn["role"],
            "content": turn.get("content"),
            **{k: turn[k] for k in sorted(turn) if k not in ("role", "content")},
        }
        for turn in edit.value
    ]
    return orjson.dumps(turns).decode()
