"""What all events together say now: a pure function of the events up to a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pandas as pd

from curation.cache import key
from curation.decisions.event import Event

_FAMILY = {
    "keep": "verdict",
    "drop": "verdict",
    "tag": "tags",
    "untag": "tags",
    "flag": "flags",
    "unflag": "flags",
}


def family(kind: str) -> str:
    """The thing a kind of decision is about; of two events about one thing the later counts."""
    return _FAMILY.get(kind, kind)


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

    def summary(self) -> list[str]:
        """A line for people about each thing that was said."""
        lines = []
        if self.verdict:
            lines.append(
                f"{'kept' if self.verdict.kind == 'keep' else 'dropped'} by {self.verdict.annotator}"
            )
        if self.label:
            lines.append(f"labelled {self.label.value} by {self.label.annotator}")
        if self.edit:
            lines.append(f"edited by {self.edit.annotator}")
        lines += [f"tagged {', '.join(self.tags)}"] if self.tags else []
        lines += [f"in review: {', '.join(self.flags)}"] if self.flags else []
        return lines + [f"{note.annotator}: {note.value}" for note in self.notes]


@dataclass(frozen=True)
class State:
    """The newest word on each example; undone events do not count.

    verdicts, edits, labels, ratings: example → event. tags, flags: example → value → event.
    notes: example → events. skips: examples that somebody skipped. last: the newest event's number.
    """

    last: int = 0
    verdicts: dict[str, Event] = field(default_factory=dict)
    edits: dict[str, Event] = field(default_factory=dict)
    labels: dict[str, Event] = field(default_factory=dict)
    ratings: dict[str, Event] = field(default_factory=dict)
    tags: dict[str, dict[str, Event]] = field(default_factory=dict)
    flags: dict[str, dict[str, Event]] = field(default_factory=dict)
    notes: dict[str, list[Event]] = field(default_factory=dict)
    skips: dict[str, Event] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    undone: frozenset[str] = frozenset()

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
        )

    def frame(self) -> pd.DataFrame:
        """One row per example that somebody touched, indexed by id.

        Columns verdict, label, tags, rating, note, flags, edited, annotator, decided_at.
        """
        ids = sorted(
            {
                *self.verdicts,
                *self.edits,
                *self.labels,
                *self.ratings,
                *self.tags,
                *self.flags,
                *self.notes,
            }
        )
        rows = []
        for i in ids:
            events = [
                e
                for e in (
                    self.verdicts.get(i),
                    self.labels.get(i),
                    self.edits.get(i),
                    self.ratings.get(i),
                )
                if e
            ]
            events += [
                *self.tags.get(i, {}).values(),
                *self.flags.get(i, {}).values(),
                *self.notes.get(i, []),
            ]
            newest = max(events, key=lambda e: e.seq)
            verdict, label, rating = self.verdicts.get(i), self.labels.get(i), self.ratings.get(i)
            rows.append(
                {
                    "verdict": verdict.kind if verdict else "",
                    "label": label.value if label else "",
                    "tags": ",".join(sorted(self.tags.get(i, {}))),
                    "rating": float(rating.value) if rating else None,
                    "note": " · ".join(n.value for n in self.notes.get(i, [])),
                    "flags": ",".join(sorted(self.flags.get(i, {}))),
                    "edited": i in self.edits,
                    "annotator": newest.annotator,
                    "decided_at": newest.time,
                }
            )
        columns = [
            "verdict",
            "label",
            "tags",
            "rating",
            "note",
            "flags",
            "edited",
            "annotator",
            "decided_at",
        ]
        frame = pd.DataFrame(rows, index=pd.Index(ids, name="id", dtype="str"), columns=columns)
        text = ["verdict", "label", "tags", "note", "flags", "annotator"]
        return frame.astype(dict.fromkeys(text, "str")).astype(
            {"rating": "float64", "edited": bool, "decided_at": "float64"}
        )

    def edits_frame(self) -> pd.DataFrame:
        """Edited or labelled examples, by id: messages and label (missing: not touched), reason."""
        rows: dict[str, dict[str, str | None]] = {}
        for i, event in self.edits.items():
            messages = orjson.dumps([_canonical(turn) for turn in event.value]).decode()
            rows[i] = {
                "messages": messages,
                "label": None,
                "reason": f"edited by {event.annotator}",
            }
        for i, event in self.labels.items():
            row = rows.setdefault(i, {"messages": None, "label": None, "reason": None})
            said = f"labelled {event.value} by {event.annotator}"
            row.update(
                label=event.value, reason=f"{row['reason']}, {said}" if row["reason"] else said
            )
        frame = pd.DataFrame.from_dict(
            rows, orient="index", columns=["messages", "label", "reason"], dtype="str"
        )
        return frame.rename_axis("id").sort_index()

    def verdicts_frame(self) -> pd.DataFrame:
        """Kept or dropped examples, by id: keep, reason."""
        ids = sorted(self.verdicts)
        said = [self.verdicts[i] for i in ids]
        return pd.DataFrame(
            {
                "keep": pd.Series([e.kind == "keep" for e in said], dtype=bool),
                "reason": pd.Series(
                    [f"{'kept' if e.kind == 'keep' else 'dropped'} by {e.annotator}" for e in said],
                    dtype="str",
                ),
            }
        ).set_axis(pd.Index(ids, name="id", dtype="str"))

    def fingerprint(self, kinds: Iterable[str] = ("keep", "drop", "edit", "label")) -> str:
        """Equal for equal effective decisions of those kinds, however they came about."""
        wanted = set(kinds)
        said = [
            [i, e.kind, e.value, e.annotator]
            for table in (self.verdicts, self.edits, self.labels, self.ratings)
            for i, e in sorted(table.items())
            if e.kind in wanted
        ]
        return key(said)

    def by_annotator(self) -> dict[str, int]:
        """How many effective decisions each person made."""
        tables = (self.verdicts, self.edits, self.labels, self.ratings)
        return dict(Counter(e.annotator for table in tables for e in table.values()))


def _canonical(turn: dict[str, Any]) -> dict[str, Any]:
    rest = {k: turn[k] for k in sorted(turn) if k not in ("role", "content")}
    return {"role": turn["role"], "content": turn.get("content"), **rest}


def fold(events: Iterable[Event]) -> State:
    """The state after all the events, in their order.

    An undo names an event or a batch; events are taken back and, by redo, put forward again, before
    the rest is read in order.
    """
    listed = list(events)
    undone = _undone(listed)
    state = State(last=listed[-1].seq if listed else 0, undone=frozenset(undone))
    for event in listed:
        state.revisions[event.example_id] = event.seq
        if event.op_id not in undone:
            _say(state, event)
    return replace(state)


def _undone(events: list[Event]) -> set[str]:
    batches: dict[str, list[str]] = {}
    undone: set[str] = set()
    for event in events:
        if event.kind not in ("undo", "redo"):
            if event.batch:
                batches.setdefault(event.batch, []).append(event.op_id)
            continue
        target = event.value or {}
        ops = (
            batches.get(target.get("batch", ""), [])
            if "batch" in target
            else [target.get("op_id", "")]
        )
        undone = undone | set(ops) if event.kind == "undo" else undone - set(ops)
    return undone


def _say(state: State, event: Event) -> None:
    i = event.example_id
    tables = {
        "keep": state.verdicts,
        "drop": state.verdicts,
        "edit": state.edits,
        "label": state.labels,
        "rate": state.ratings,
        "skip": state.skips,
    }
    if event.kind in tables:
        tables[event.kind][i] = event
    elif event.kind in ("tag", "flag"):
        (state.tags if event.kind == "tag" else state.flags).setdefault(i, {})[event.value] = event
    elif event.kind in ("untag", "unflag"):
        table = state.tags if event.kind == "untag" else state.flags
        table.get(i, {}).pop(event.value, None)
        if not table.get(i, True):
            del table[i]
    elif event.kind == "note":
        state.notes.setdefault(i, []).append(event)
