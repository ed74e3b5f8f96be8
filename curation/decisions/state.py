"""The state that events give: the latest decisions on each example, with summaries and tables.

Guarantee: a State is a pure function of the events up to a number. `curation.decisions.fold` makes
it.
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

from curation.decisions.answers import answer_of, in_words, reason_of, value_of
from curation.decisions.event import Event, answer_text, is_reason, question_of
from curation.decisions.subjects import TABLES, content_number
from curation.report import ANSWERS, PEOPLE_COLUMNS

FRAME_COLUMNS = (*PEOPLE_COLUMNS, "label", "edited")


@dataclass(frozen=True)
class Summary:
    """The decisions on one example that count; revision is the number of its newest event."""

    revision: int
    verdict: Event | None
    label: Event | None
    edit: Event | None
    rating: Event | None
    tags: tuple[str, ...]
    flags: tuple[str, ...]
    notes: tuple[Event, ...]
    skip: Event | None = None
    preferred: Event | None = None
    apart: tuple[Event, ...] = ()
    answers: tuple[Event, ...] = ()
    unsettled: tuple[str, ...] = ()

    def summary(self) -> list[str]:
        """Return a line for people about each decision."""
        lines = [in_words(event) for event in (self.verdict, self.label) if event]
        if self.edit:
            lines.append(f"edited by {self.edit.annotator}")
        lines += [in_words(event) for event in (self.rating, *self.answers) if event]
        lines += [f"no {question} counts: the answers are a tie" for question in self.unsettled]
        lines += [f"tagged {', '.join(self.tags)}"] if self.tags else []
        lines += [f"in review: {', '.join(self.flags)}"] if self.flags else []
        lines += [f"stays for its copies by {self.preferred.annotator}"] if self.preferred else []
        lines += [f"no duplicate of {e.value} by {e.annotator}" for e in self.apart]
        return lines + [f"{note.annotator}: {note.value}" for note in self.notes]


@dataclass(frozen=True)
class State:
    """The decisions on each example that count, without undone ones. Nobody may change a State,
    and the order of a table means nothing.

    verdicts, edits, labels, ratings, skips, preferred: example → event. tags, flags, apart: example →
    value → event. answers, settled: example → question → event. suggested: example →
    op_id of an answer → the event with the suggestion beside it. gold: example → question → the event
    with its right answer. checks: gold item → question and person → answer. guidelines: one entry, whose event
    holds the text. notes: example → events, oldest first. opinions: example → each person's own latest answers, as
    `curation.decisions.fold` says, oldest first. answered: example → the people who answered it, the
    earliest first. revisions: example → number of its newest event, undo and
    redo included. undone: op_ids of the events that are off. marks: kind → sum of the hashes of its
    decisions that count, with their reasons, equal in any order. last: number of the newest event.
    disagreement: example → share of unequal pairs of answers, where two people or more answered. policy: whose answer
    counts, as `curation.decisions.consensus` says. unsettled: example → questions whose answers are a
    tie.
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
    preferred: Mapping[str, Event] = field(default_factory=dict)
    apart: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    guidelines: Mapping[str, Event] = field(default_factory=dict)
    settled: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    opinions: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    suggested: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    gold: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    answered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disagreement: Mapping[str, float] = field(default_factory=dict)
    unsettled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    undone: AbstractSet[str] = frozenset()
    marks: Mapping[str, int] = field(default_factory=dict)
    policy: str = "latest"

    def of(self, example_id: str) -> Summary:
        """Return the summary of one example."""
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
            self.preferred.get(example_id),
            tuple(by[value] for by in (self.apart.get(example_id, {}),) for value in sorted(by)),
            tuple(by[name] for by in (self.answers.get(example_id, {}),) for name in sorted(by)),
            self.unsettled.get(example_id, ()),
        )

    def reason(self, event: Event | None) -> str:
        """Return the reason that its person gave for a decision; empty without one."""
        if event is None or event.example_id not in self.notes:
            return ""
        return reason_of(event, self.notes[event.example_id])

    def reasons(self, example_id: str) -> str:
        """Return the reasons of an example's verdict, edit and label, joined."""
        tables = (self.verdicts, self.edits, self.labels)
        reasons = (self.reason(table.get(example_id)) for table in tables)
        return " · ".join(dict.fromkeys(reason for reason in reasons if reason))

    def answers_to(self, question: str) -> Mapping[str, Event]:
        """Map example → the answer to a question that counts."""
        if question in TABLES:
            table: Mapping[str, Event] = getattr(self, TABLES[question])
            return table
        return {i: by[question] for i, by in self.answers.items() if question in by}

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """The names of the lead's questions that have an answer, in alphabetical order."""
        return tuple(sorted({name for answers in self.answers.values() for name in answers}))

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The names of the columns of `frame` that hold answers to the lead's questions."""
        return tuple(f"{ANSWERS}{name}" for name in self.questions)

    def frame(self, columns: Sequence[str] = FRAME_COLUMNS) -> pd.DataFrame:
        """Return one row per example with a decision other than a skip, indexed by id.

        Columns: verdict, tags and flags (each joined by commas), rating_by_people, notes without
        reasons, reason_by_people, edited_by, decided_by and decided_at (of the newest event that
        counts, UTC seconds), label, edited (bool). A column of
        `answer_columns` holds numbers where all its answers are, otherwise texts.
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
            "notes": (
                "str",
                lambda i: " · ".join(n.value for n in self.notes.get(i, ()) if not is_reason(n)),
            ),
            "reason_by_people": ("str", self.reasons),
            "edited_by": ("str", lambda i: e.annotator if (e := self.edits.get(i)) else ""),
            "decided_by": ("str", lambda i: newest[i].annotator),
            "label": ("str", lambda i: e.value if (e := self.labels.get(i)) else ""),
            "edited": ("bool", lambda i: i in self.edits),
            "decided_at": ("float64", lambda i: newest[i].time),
        }
        for name in self.questions:
            makers[f"{ANSWERS}{name}"] = self._answer_maker(name)
        index = pd.Index(ids, name="id", dtype="str")
        return pd.DataFrame(
            {
                name: pd.Series([make(i) for i in ids], index=index, dtype=dtype)
                for name, (dtype, make) in ((name, makers[name]) for name in columns)
            },
            index=index,
        )

    def _answer_maker(self, question: str) -> tuple[str, Callable[[str], Any]]:
        """Return the type of a question's column, and its value for an example."""
        values = {i: value_of(event) for i, event in self.answers_to(question).items()}
        if all(isinstance(value, int | float) for value in values.values()):
            return "float64", values.get
        return "str", lambda i: answer_text(values[i]) if i in values else ""

    def opinions_frame(self) -> pd.DataFrame:
        """Return one row per answer of a person: example, question, who, value, when (UTC seconds).

        Question is verdict, label, rating or the name of one of the lead's. Value is text: keep or
        drop, the label, the number, or `curation.decisions.event.answer_text`.
        Of several answers of one person to one question, the latest that counts is listed. Rows are
        ordered by example, question and person.
        """
        rows = sorted(
            (example, question_of(e), e.annotator, answer_of(e), e.time)
            for example, events in self.opinions.items()
            for e in events
        )
        columns = dict.fromkeys(("example", "question", "who", "value"), "str")
        return pd.DataFrame(rows, columns=[*columns, "when"]).astype(columns | {"when": "float64"})

    def edits_frame(self) -> pd.DataFrame:
        """Return edited or labelled examples by id: messages, label (missing: unchanged), reason."""
        return self._edits_frame.copy()

    def verdicts_frame(self) -> pd.DataFrame:
        """Return kept or dropped examples by id: keep, reason."""
        return self._verdicts_frame.copy()

    def fingerprint(self, kinds: Iterable[str] = ("keep", "drop", "edit", "label")) -> str:
        """Return a hash of the decisions of those kinds that count, equal in any order.

        It covers kind, value (an edit's whole text), the people behind it and reason, because results show these.
        It does not cover numbers, times and overruled decisions. It is empty where none counts, so that a
        project without decisions and one whose decisions were undone are alike.
        """
        marks = [
            (kind, hex(mark)) for kind in sorted({*kinds}) if (mark := self.marks.get(kind, 0))
        ]
        return hashlib.blake2b(orjson.dumps(marks), digest_size=16).hexdigest() if marks else ""

    def changed_examples(self, former: State | None, kinds: Iterable[str]) -> set[str]:
        """Return the examples whose verdict, edit, label or tags differ from an earlier state.

        kinds: kinds of decisions to compare, with their reasons. A decision that was undone again makes no difference.
        """
        before, counting = former or State(), frozenset(kinds)
        touched = {i for i, newest in self.revisions.items() if newest > before.last}
        if {self.policy, before.policy} != {"latest"}:
            # an answer may count or not without an event
            for name in ("verdicts", "labels", "answers"):
                now, then = getattr(self, name), getattr(before, name)
                touched |= {i for i in {*now, *then} if now.get(i) is not then.get(i)}
        return {
            i
            for i in touched
            if self._counting_events(i, counting) != before._counting_events(i, counting)
        }

    def _counting_events(self, example: str, kinds: AbstractSet[str]) -> list[int]:
        single = (self.verdicts, self.edits, self.labels, self.preferred)
        events = [e for table in single if (e := table.get(example))]
        for table in (self.tags, self.apart, self.answers):
            values = table.get(example, {})
            events += [values[value] for value in sorted(values)]
        notes = self.notes.get(example, ())
        return [content_number(e, notes) for e in events if e.kind in kinds]

    @cached_property
    def _newest(self) -> dict[str, Event]:
        """Map example → the newest event that counts, without skips."""
        single = (self.verdicts, self.edits, self.labels, self.ratings)
        events: Iterable[tuple[str, Event]] = chain(
            *(table.items() for table in single),
            (
                (i, e)
                for table in (self.tags, self.flags, self.answers)
                for i, by in table.items()
                for e in by.values()
            ),
            ((i, notes[-1]) for i, notes in self.notes.items()),
        )
        newest: dict[str, Event] = {}
        for example, event in events:
            former = newest.get(example)
            if former is None or former.seq < event.seq:
                newest[example] = event
        return newest

    @cached_property
    def _edits_frame(self) -> pd.DataFrame:
        ids = sorted({*self.edits, *self.labels})
        edits, labels = [self.edits.get(i) for i in ids], [self.labels.get(i) for i in ids]
        columns = {
            "messages": [_messages(e) if e else None for e in edits],
            "label": [e.value if e else None for e in labels],
            "reason": [
                ", ".join(
                    ([self._because(f"edited by {edit.annotator}", edit)] if edit else [])
                    + ([self._because(in_words(label), label)] if label else [])
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
        events = [self.verdicts[i] for i in ids]
        reasons = [self._because(in_words(event), event) for event in events]
        keep = pd.Series([e.kind == "keep" for e in events], index=index, dtype="bool")
        reason = pd.Series(reasons, index=index, dtype="str")
        return pd.DataFrame({"keep": keep, "reason": reason}, index=index)

    def _because(self, text: str, event: Event) -> str:
        """Return a text about a decision, with the decision's reason where there is one."""
        reason = self.reason(event)
        return f"{text}: {reason}" if reason else text


def _messages(edit: Event) -> str:
    """Return the canonical JSON of an edit's turns: role, content, then the other keys in order."""
    turns = [
        {
            "role": turn["role"],
            "content": turn.get("content"),
            **{k: turn[k] for k in sorted(turn) if k not in ("role", "content")},
        }
        for turn in edit.value
    ]
    return orjson.dumps(turns).decode()
