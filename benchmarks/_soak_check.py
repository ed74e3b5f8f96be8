"""Comparison of a project's decisions with the outboxes of the people who made them.

The expected state comes from the outboxes alone: it is worked out in plain dictionaries, without
the store's own rules.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from benchmarks._soak_people import Outbox
from benchmarks._soak_server import OVERLAP
from curation import Project
from curation.decisions import Event, State, journal
from curation.decisions import check as check_copies
from curation.ui.card.answers import decisions_of

TABLES = {
    "verdicts": ("keep", "drop"),
    "labels": ("label",),
    "edits": ("edit",),
    "ratings": ("rate",),
    "skips": ("skip",),
}
QUESTIONS = {"keep": "verdict", "drop": "verdict", "label": "label", "rate": "rating"}


@dataclass
class Result:
    """Counts of a run, and a sentence for each thing that is wrong.

    acknowledged: answers that the server acknowledged. lost: acknowledged ones that database or
    journal lacks. doubled: decisions that stand more than once in either, or that nobody made.
    """

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Result) -> Result:
        return Result(
            self.acknowledged + other.acknowledged,
            self.lost + other.lost,
            self.doubled + other.doubled,
            [*self.wrong, *other.wrong],
        )


def examine(project: Project, boxes: Sequence[Outbox]) -> Result:
    """Compare database, journal and state of a project with the outboxes."""
    store = project.decisions
    events = store.events()
    assert store.journal is not None
    written = journal.read(store.journal).events
    result = Result(acknowledged=sum(len(box.acknowledged) for box in boxes))
    made_ops = {op for box in boxes for answer in box.answers for op in ops_of(answer)}
    for name, copy in (("database", events), ("journal", written)):
        counts = Counter(event.op_id for event in copy)
        lost = [op for box in boxes for op in box.acknowledged if op not in counts]
        extra = [op for op, n in counts.items() if n > 1 or op not in made_ops]
        result.lost += len(lost)
        result.doubled += len(extra)
        result.wrong += [f"{name}: {op} is lost" for op in lost]
        result.wrong += [f"{name}: {op} stands {counts[op]} times" for op in extra]
        result.wrong += [f"{name}: {text}" for text in _halves(boxes, counts)]
    if [e.seq for e in events] != list(range(1, len(events) + 1)):
        result.wrong.append("the numbers of the events have gaps")
    result.wrong += _disorder(boxes, events)
    saved_ops = {event.op_id for event in events}
    result.wrong += [f"{f.code}: {f}" for f in check_copies(store)]
    holders = Counter(lease.example_id for lease in store.leases.live())
    result.wrong += [f"{i} is leased to {n} pages" for i, n in holders.items() if n > OVERLAP]
    result.wrong += differences(store.state(), [_of_open_tabs(box, saved_ops) for box in boxes])
    for box in boxes:
        result.wrong += [f"{box.name}: {op} was refused: {why}" for op, why in box.refused.items()]
        if box.unsaved:
            result.wrong.append(f"{box.name}: {len(box.unsaved)} answers were never taken")
        if len(set(box.acknowledged)) != len(box.acknowledged):
            result.wrong.append(f"{box.name}: an answer was acknowledged twice")
    return result


def ops_of(answer: dict[str, Any]) -> list[str]:
    """Return the op_ids of the decisions that an answer makes."""
    return [decision.op_id for decision in decisions_of(answer)]


def _of_open_tabs(box: Outbox, saved_ops: Set[str]) -> Outbox:
    """Return an outbox without the answers of a closed tab that the server did not save."""
    lost_tab = box.abandoned - saved_ops
    return replace(box, answers=[a for a in box.answers if a["op"] not in lost_tab])


def _halves(boxes: Sequence[Outbox], counts: Counter[str]) -> list[str]:
    """Return a sentence for each answer of several decisions of which only some were saved."""
    acts = (ops_of(answer) for box in boxes for answer in box.answers)
    return [f"{act[0]} was saved in part" for act in acts if len({op in counts for op in act}) > 1]


def _disorder(boxes: Sequence[Outbox], events: Sequence[Event]) -> list[str]:
    """Return a sentence for each person whose decisions are not in the order of their answers."""
    numbers = {event.op_id: event.seq for event in events}
    wrong = []
    for box in boxes:
        order = [numbers[a["op"]] for a in box.answers if a["op"] in numbers]
        if order != sorted(order):
            wrong.append(f"{box.name}: the order of the decisions is not that of the answers")
    return wrong


def differences(state: State, boxes: Sequence[Outbox]) -> list[str]:
    """Return a sentence for each person for whom the state is not what they answered."""
    wrong = []
    for box in boxes:
        if box.unsaved:
            continue
        mine = expected(box)
        for name, values in mine.items():
            actual = _actual(state, box.name, name)
            if actual != values:
                keys = sorted(k for k in {*actual, *values} if actual.get(k) != values.get(k))
                wrong.append(
                    f"{box.name}: {name} of {len(keys)} examples differ, as of {keys[0]}: "
                    f"{actual.get(keys[0])!r} instead of {values.get(keys[0])!r}"
                )
    return wrong


def expected(box: Outbox) -> dict[str, dict[Any, Any]]:
    """Work out a person's part of the state from their answers.

    Tables hold the examples that nobody else answered; opinions hold all of theirs.
    """
    off: set[str] = set()
    for answer in box.answers:
        if answer["kind"] == "undo":
            off.add(answer["value"]["batch"])
        elif answer["kind"] == "redo":
            off.discard(answer["value"]["batch"])
    counting = [a for a in box.answers if a["op"] not in off and a["kind"] not in ("undo", "redo")]
    own = [a for a in counting if a["example"].startswith(f"{box.name}.")]
    tables: dict[str, dict[Any, Any]] = {
        name: {a["example"]: (a["kind"], _value(a)) for a in own if a["kind"] in kinds}
        for name, kinds in TABLES.items()
    }
    tagged = {(a["example"], a["value"]): a["kind"] for a in own if a["kind"] in ("tag", "untag")}
    tables["tags"] = {key: True for key, kind in tagged.items() if kind == "tag"}
    tables["notes"] = {}
    for answer in own:
        if note := answer["value"] if answer["kind"] == "note" else answer.get("reason"):
            tables["notes"].setdefault(answer["example"], []).append(note)
    tables["opinions"] = {
        (a["example"], QUESTIONS[a["kind"]]): (a["kind"], a["value"])
        for a in counting
        if a["kind"] in QUESTIONS
    }
    return tables


def _value(answer: dict[str, Any]) -> Any:
    if answer["kind"] != "edit":
        return answer["value"]
    turns = orjson.loads(answer["value"]["messages"])
    for number, key, text in answer["value"]["texts"]:
        turns[number][key] = text
    return turns


def _actual(state: State, name: str, table: str) -> dict[Any, Any]:
    """Return a person's part of a table of the state, in the form of `expected`."""
    values = getattr(state, table)
    own = {i: value for i, value in values.items() if i.startswith(f"{name}.")}
    if table == "tags":
        return {(i, tag): True for i, tags in own.items() for tag in tags}
    if table == "notes":
        return {i: [note.value for note in notes] for i, notes in own.items()}
    if table == "opinions":
        return {
            (i, QUESTIONS[e.kind]): (e.kind, e.value)
            for i, events in values.items()
            for e in events
            if e.annotator == name
        }
    return {i: (e.kind, e.value) for i, e in own.items()}


def doctor(folder: Path) -> list[str]:
    """Run `curate doctor` on a project; return its lines where it finds a fault."""
    words = [sys.executable, "-m", "curation", "doctor", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).strip().split("\n")
