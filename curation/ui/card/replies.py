"""What the server answers a page of cards: what is saved, and which examples come next.

A page sends one request at a time: its unsaved answers, the card on its screen and those it holds.
The reply depends on nothing else that is remembered here, so any request may be lost, repeated, or
overtaken by a newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pandas as pd

from curation.dataset import ATTENTION, Dataset, Message, dump_messages
from curation.decisions import Event, State
from curation.decisions.event import SWITCHES
from curation.decisions.fold import actor
from curation.errors import CurationError
from curation.looking.queues import FIRST, QUEUES, Reservations, queue, upcoming
from curation.project import Project, View
from curation.report import PEOPLE
from curation.ui.card.answers import write

AHEAD = 40
"""Cards that a page holds, so that a key never waits for the server."""

MOST_TEXT = 4_000_000
"""Characters that one reply carries; fewer cards come when they are long, but always one."""

LONGEST = 2_000_000
"""Characters of one example that are sent; of a longer one the rest is named, not shown."""

FACTS = ("split", "language", "topic", "group")
"""Columns that a card shows beside the verdict, where they are there."""


@dataclass
class Place:
    """Where a page is: the project with its name in the address, what it shows, and who is there.

    seen: people's decisions that the view was made with.
    """

    project: Project
    address: str
    view: View
    seen: State | None
    held: Reservations
    annotator: str
    session: str


def reply(place: Place, request: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer to a page's request; without one, a greeting that makes the page send one."""
    greeting = {
        "project": place.address,
        "annotator": place.annotator,
        "session": place.session,
        "queues": [[name, *words] for name, words in QUEUES.items()],
    }
    if not request:
        return greeting
    if request.get("project") != place.address:
        return {**greeting, "trouble": "This page shows another project by now; reload it."}
    answer = {**greeting, "to": request.get("sent", 0)}
    try:
        written = write(place.project, request.get("answers") or [])
        answer |= {
            "saved": written.saved,
            "refused": written.refused,
            "trouble": written.trouble,
            "notices": written.notices,
        }
        answer |= _next(place, request)
        gone = _gone(place, request.get("answers") or [], written.saved)
        return {**answer, "notices": [*written.notices, *gone]}
    except CurationError as error:
        return {**answer, "trouble": str(error)}


def _next(place: Place, request: Mapping[str, Any]) -> dict[str, Any]:
    """The queue from where the page is: its order, its size, and the cards that are not there yet."""
    people = place.project.people()
    dataset = _up_to_date(place, people)
    rows = dataset.rows
    name = str(request.get("queue") or FIRST)
    name = name if name in QUEUES else FIRST
    at, page = str(request.get("at") or ""), str(request.get("page") or "")
    have = {str(k): v for k, v in dict(request.get("have") or {}).items()}
    screens, following = place.held.of_others(page)
    positions = queue(rows, people, name, following)
    order, elsewhere = upcoming(rows, positions, name, at, screens, AHEAD)
    place.held.reserve(page, [at or (order[0] if order else ""), *order])
    revisions = {} if people is None else people.revisions
    wanted = [*([at] if at in rows.index else []), *order]
    stale = [i for i in wanted if have.get(i) != revisions.get(i, 0)]
    labels = _labels(rows, people)
    return {
        "queue": name,
        "at": at,
        "gone": bool(at) and at not in rows.index,
        "order": order,
        "elsewhere": elsewhere,
        "left": len(positions),
        "counts": {n: len(queue(rows, people, n)) for n in QUEUES if n != name}
        | {name: len(positions)},
        "cards": cards(dataset, people, stale),
        "labels": labels,
        "tags": _tags(people),
        "undo": last_action(place.project, people, place.annotator),
    }


def _gone(
    place: Place, answers: Iterable[Mapping[str, Any]], saved: Iterable[str]
) -> list[tuple[str, str]]:
    """A notice for each example that an answer was saved about and that the data has not."""
    kept = set(saved)
    about = (str(a["example"]) for a in answers if isinstance(a, Mapping) and a.get("op") in kept)
    text = "This example is not in the data any more; the answer is kept."
    shown = place.view.dataset.rows.index
    missing = [example for example in dict.fromkeys(about) if example not in shown]
    known = place.project.examples.rows.index if missing else shown
    return [(example, text) for example in missing if example not in known]


def _up_to_date(place: Place, people: State | None) -> Dataset:
    """The rows as the page was drawn with them; drawn anew where a decision was taken back since.

    What was decided since is laid over each card, but what was taken back is in these rows.
    """
    before, now = place.seen or State(), people or State()
    tables = ("verdicts", "edits", "labels")
    if any(getattr(before, name).keys() - getattr(now, name).keys() for name in tables):
        place.seen, place.view = people, place.project.view()
    return place.view.dataset


def _labels(rows: pd.DataFrame, people: State | None) -> list[str]:
    """Every label that is in use, in alphabetical order."""
    given = set() if people is None else {str(e.value) for e in people.labels.values()}
    return sorted(given | {str(label) for label in rows["label"].dropna().unique()})


def _tags(people: State | None) -> list[str]:
    return sorted({t for tags in people.tags.values() for t in tags}) if people else []


def last_action(project: Project, people: State | None, annotator: str) -> dict[str, Any] | None:
    """What an undo would take back first: its target, its example, and how many examples it is."""
    if people is None or not annotator:
        return None
    newest: Event | None = None
    batch, examples = "", set[str]()
    for event in reversed(project.decisions.events()):
        if newest is None:
            counts = event.kind not in SWITCHES and event.op_id not in people.undone
            if counts and actor(event) == annotator:
                newest, batch = event, event.batch.partition("/")[0]  # of an import, all of it
        elif not batch or event.batch.partition("/")[0] != batch:
            break
        if newest is not None:
            examples.add(event.example_id)
    if newest is None:
        return None
    return {
        "target": {"batch": batch} if batch else {"op_id": newest.op_id},
        "example": newest.example_id,
        "kind": newest.kind,
        "count": len(examples),
    }


def cards(dataset: Dataset, people: State | None, ids: Iterable[str]) -> list[dict[str, Any]]:
    """What the page needs to show each example, as far as MOST_TEXT allows; text only."""
    titles = {report.name: report.title for report in dataset.steps}
    made: list[dict[str, Any]] = []
    room = MOST_TEXT
    for example in ids:
        card = card_of(dataset, people, titles, example)
        room -= len(card["messages"]) + len(card["tools"]) + len(card["rejected"])
        if room < 0 and made:
            break
        made.append(card)
    return made


def card_of(
    dataset: Dataset, people: State | None, titles: Mapping[str, str], example: str
) -> dict[str, Any]:
    """One example with what machines and people said of it."""
    row = dataset.row(example)
    known = (people or State()).of(example)
    messages = str(row["messages"]) if known.edit is None else _turns(known.edit)
    cut = max(0, len(messages) - LONGEST)
    return {
        "id": example,
        "revision": known.revision,
        "messages": messages if not cut else _shortened(messages),
        "cut": cut,
        "tools": _text(row.get("tools"))[:LONGEST],
        "rejected": _text(row.get("rejected"))[:LONGEST],
        "source": f"{row['source']}, row {row['source_row']:,}",
        "fate": _fate(row, known.verdict, titles),
        "reason": _reason(dataset, row),
        "label": str(known.label.value) if known.label else _text(row["label"]),
        "facts": [[name, _text(row.get(name))] for name in FACTS if _text(row.get(name))],
        "attention": [
            ATTENTION.get(code, code) for code in _text(row["attention"]).split(",") if code
        ],
        "edited": known.edit.annotator if known.edit else "",
        "rating": known.rating.value if known.rating else None,
        "tags": list(known.tags),
        "flags": list(known.flags),
        "notes": [[note.annotator, str(note.value)] for note in known.notes],
    }


def _turns(edit: Event) -> str:
    more = ("role", "content")
    return dump_messages(
        Message(t["role"], t.get("content"), {k: v for k, v in t.items() if k not in more})
        for t in edit.value
    )


def _shortened(messages: str) -> str:
    """The turns of a huge example, each with as much of its text as there is room for."""
    turns = orjson.loads(messages)
    most = LONGEST // max(1, len(turns))
    texts = [{"role": t["role"], "content": (t["content"] or "")[:most]} for t in turns]
    return orjson.dumps(texts).decode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _fate(row: pd.Series, verdict: Event | None, titles: Mapping[str, str]) -> dict[str, Any]:
    """Kept or dropped, by which step or person."""
    if verdict is not None:
        return {"kept": verdict.kind == "keep", "by": verdict.annotator, "person": True}
    dropped = row["dropped_by"]
    if not isinstance(dropped, str) or dropped == PEOPLE:
        return {"kept": True, "by": "", "person": False}
    return {"kept": False, "by": titles.get(dropped, dropped), "person": False}


def _reason(dataset: Dataset, row: pd.Series) -> str:
    """Why the machine dropped an example, in a sentence; empty for one that is kept."""
    if not isinstance(row["dropped_by"], str) or row["dropped_by"] == PEOPLE:
        return ""
    events = [e for e in dataset.explain(str(row.name)) if e["what"] == "dropped" and e["text"]]
    return str(events[-1]["text"]) if events else ""
