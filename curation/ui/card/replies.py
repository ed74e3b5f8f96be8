"""Replies of the server to a page of cards: which answers are saved and which examples come next.

A page sends one request at a time: its unsaved answers, the card on its screen and those it holds.
The reply depends on nothing else that is remembered here, so a request may be lost, repeated, or
overtaken by a newer one. The price is that each request names every card that the page holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pandas as pd

from curation import roles
from curation.dataset import ATTENTION, Dataset, Message, dump_messages
from curation.decisions import Event, State
from curation.decisions.checks import as_answer, own_checks
from curation.decisions.subjects import returns
from curation.decisions.switches import last_done
from curation.errors import CurationError
from curation.guidelines import mark_of, shown_guidelines
from curation.looking.checks import EVERYBODY, with_checks
from curation.looking.queues import (
    EVERYTHING,
    REVIEW,
    Board,
    Look,
    changes_in,
    following,
    ids_of,
)
from curation.project import Project, View
from curation.questions import Question, is_turned, read_questions
from curation.report import PEOPLE
from curation.review import Review
from curation.ui.card.answers import write
from curation.ui.card.shared import FACTS, as_made, is_edited, own, unanswered
from curation.ui.card.suggested import Offers
from curation.ui.card.waiting import Queues

AHEAD = 40
"""Cards that a page holds; a key does not wait for the server."""

MOST_TEXT = 4_000_000
"""Characters in one reply; long cards make fewer cards, but always one."""

LONGEST = 2_000_000
"""Characters of one example that are sent; the page shows how many more there are."""


@dataclass
class Place:
    """A page of cards: its project with the name in the address, its view, and its annotator.

    source: where people's decisions were read from.
    """

    project: Project
    address: str
    view: View
    board: Board
    annotator: str
    session: str
    source: object = None


def reply(place: Place, request: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer to a page's request; without one, a greeting that makes the page send one."""
    queues = Queues(place.project.path)
    greeting = {
        "project": place.address,
        "annotator": place.annotator,
        "owned": roles.is_enforced(),
        "session": place.session,
        "queues": queues.titles,
    }
    if not request:
        return greeting
    if request.get("project") != place.address:
        return {**greeting, "trouble": "This page shows another project by now; reload it."}
    answer = {**greeting, "to": request.get("sent", 0)}
    try:
        offers = Offers(place.project)
        written = write(place.project, request.get("answers") or [], offers)
        answer |= {
            "saved": written.saved,
            "refused": written.refused,
            "trouble": written.trouble,
            "notices": written.notices,
        }
        answer |= _next(place, request, queues, offers)
        notices = _missing(place, request.get("answers") or [], written.saved)
        return {**answer, "notices": [*written.notices, *notices]}
    except CurationError as error:
        return {**answer, "trouble": str(error)}


def _next(
    place: Place, request: Mapping[str, Any], queues: Queues, offers: Offers
) -> dict[str, Any]:
    """The queue from the page's card on: its order, its size, and the cards that the page has not."""
    people = place.project.people()
    dataset = _up_to_date(place, people)
    rows = dataset.rows
    name = queues.named(str(request.get("queue") or ""))
    current, page = str(request.get("at") or ""), str(request.get("page") or "")
    have = {str(k): v for k, v in dict(request.get("have") or {}).items()}
    review = offers.review
    changes = None if people is None else changes_in(place.project.decisions)
    saved = queues.saved(dataset, people, name, offers.table)
    look = place.board.look(rows, people, name, place.annotator, review, changes, saved=saved.among)
    again = name == REVIEW or (name in saved.among and saved.among[name].decided)
    shown = current if current in rows.index else ""
    order = _leased(place, look, people, name, shown, page, review, again)
    revisions = {} if people is None else people.revisions
    needed = [*([current] if current in rows.index else []), *order]
    stale = [i for i in needed if have.get(i) != revisions.get(i, 0)]
    labels = place.project.examples.rows["label"]
    shared = {i: labels.get(i) for i in unanswered(people, stale, place.annotator, review)}
    questions = read_questions(place.project.path)
    return {
        "queue": name,
        "at": current,
        "gone": bool(current) and current not in rows.index,
        "order": order,
        "elsewhere": 0 if order else _others(look, rows, current),
        "left": look.counts[name],
        "counts": look.counts,
        "remark": " ".join(filter(None, (saved.remark, offers.fault))),
        "fault": saved.fault,
        "cards": cards(dataset, people, stale, place.annotator, questions, shared, offers),
        **asking(place.project, people, questions, request.get("guidelines")),
        "suggesting": bool(offers.table),
        "labels": look.labels,
        "tags": look.tags,
        "undo": last_action(place.project, people, place.annotator),
    }


def _leased(
    place: Place,
    look: Look,
    people: State | None,
    name: str,
    current: str,
    page: str,
    review: Review,
    again: bool,
) -> list[str]:
    """The next examples, leased to the page with the one on its screen; gold items stand among them.

    What was skipped comes after all others, gold items too.

    The queue `everything` goes on from there, and only the screen is leased. again: whether answered
    examples are leased too.
    """
    rows, who = place.view.dataset.rows, place.annotator
    take = place.project.decisions.leases.take
    if name == EVERYTHING:
        order = following(rows, current, AHEAD)
        screen = current or next(iter(order), "")
        take(page, who, (), 0, overlap=review.people_for, screen=screen, waiting=0, again=True)
        return order
    begun = look.passed + bool(current)
    left = [i for i in look.gold if i != current]

    def mixed(chosen: list[str]) -> list[str]:
        more = len(chosen) + bool(current) < len(look.positions)
        return with_checks(chosen, left, look.late, who, begun, review.gold, more)

    return take(
        page,
        who,
        ids_of(rows, look.positions),
        AHEAD,
        overlap=lambda i: EVERYBODY if people and i in people.gold else review.people_for(i),
        screen=current,
        waiting=len(look.positions) + (current in look.gold),
        again=again,
        mixed=mixed,
    )


def _others(look: Look, rows: pd.DataFrame, current: str) -> int:
    """The number of waiting examples that are on other people's pages, where none is free."""
    waiting = set(ids_of(rows, look.positions))
    return len(waiting - {current})


def _missing(
    place: Place, answers: Iterable[Mapping[str, Any]], saved: Iterable[str]
) -> list[tuple[str, str]]:
    """A notice for each example of a saved answer that is not in the data."""
    kept = set(saved)
    about = (str(a["example"]) for a in answers if isinstance(a, Mapping) and a.get("op") in kept)
    text = "This example is not in the data any more; the answer is kept."
    shown = place.view.dataset.rows.index
    missing = [example for example in dict.fromkeys(about) if example not in shown]
    imported = place.project.examples.rows.index if missing else shown
    return [(example, text) for example in missing if example not in imported]


def _up_to_date(place: Place, people: State | None) -> Dataset:
    """The rows of the page's view, which is made again after a decision was undone.

    New decisions are laid over each card, but an undone decision is still in these rows.
    """
    if people is None:
        return place.view.dataset
    source, newest = place.board.losses(people, place.project.decisions)
    if newest > place.view.last or place.source not in (None, source):
        place.view = place.project.view()
    place.source = source
    return place.view.dataset


def last_action(project: Project, people: State | None, annotator: str) -> dict[str, Any] | None:
    """The action that an undo takes back first: its target, its example, its number of examples."""
    if people is None or not annotator:
        return None
    read = project.decisions.read
    if (target := read(lambda fold: last_done(fold, annotator), anew=False)) is None:
        return None
    act = read(lambda fold: [e for op in fold.op_ids_of(target) if (e := fold.get(op))], anew=False)
    first = as_answer(act[0])  # a reason comes after its decision
    return {
        "target": target,
        "example": act[-1].example_id,
        "kind": "return" if returns(first) else first.kind,
        "count": len({event.example_id for event in act}),
    }


def asking(
    project: Project, people: State | None, questions: Iterable[Question], known_mark: Any
) -> dict[str, Any]:
    """Return the lead's questions, and the guidelines unless the page has this version of them.

    A version that the log does not have yet is appended to it before a card shows it.
    """
    text = shown_guidelines(project.path, project.decisions, people)
    mark = mark_of(text) if text else ""
    return {
        "questions": [asdict(q) | {"title": q.words} for q in questions],
        "guidelines": {"mark": mark, **({"text": text} if mark != known_mark else {})},
    }


def cards(
    dataset: Dataset,
    people: State | None,
    ids: Iterable[str],
    annotator: str,
    questions: Iterable[Question],
    shared: Mapping[str, Any],
    offers: Offers | None = None,
) -> list[dict[str, Any]]:
    """The data with which the page shows each example, up to MOST_TEXT characters; text only.

    shared: example → its imported label, where nothing is shown of what other people did.
    """
    titles = {report.name: report.title for report in dataset.steps}
    by_name = {question.name: question for question in questions}
    sent: list[dict[str, Any]] = []
    room = MOST_TEXT
    for example in ids:
        card = card_of(dataset, people, titles, example, annotator, by_name, shared)
        if offers is not None:
            card |= offers.on(card, by_name, people, annotator)
        room -= len(card["messages"]) + len(card["tools"]) + len(card["rejected"])
        if room < 0 and sent:
            break
        sent.append(card)
    return sent


def card_of(
    dataset: Dataset,
    people: State | None,
    titles: Mapping[str, str],
    example: str,
    annotator: str,
    questions: Mapping[str, Question],
    shared: Mapping[str, Any],
) -> dict[str, Any]:
    """One example with what the recipe, people and the annotator made of it; see `cards`."""
    row = dataset.row(example)
    decided = (people or State()).of(example)
    if example in shared:
        row = as_made(dataset, example, shared[example])
        decided = own(decided, people or State(), example, annotator)
    messages = str(row["messages"]) if decided.edit is None else _turns(decided.edit)
    cut = max(0, len(messages) - LONGEST)
    return {
        "id": example,
        "revision": decided.revision,
        "messages": messages if not cut else _shortened(messages),
        "cut": cut,
        "tools": _text(row.get("tools"))[:LONGEST],
        "rejected": _text(row.get("rejected"))[:LONGEST],
        "turned": is_turned(example),
        "source": f"{row['source']}, row {row['source_row']:,}",
        "fate": _fate(row, decided.verdict, titles),
        "reason": ""
        if example in shared and is_edited(dataset, example)
        else _reason(dataset, row),
        "label": str(decided.label.value) if decided.label else _text(row["label"]),
        "facts": [[name, _text(row.get(name))] for name in FACTS if _text(row.get(name))],
        "attention": [
            ATTENTION.get(code, code) for code in _text(row["attention"]).split(",") if code
        ],
        "edited": decided.edit.annotator if decided.edit else "",
        "answers": _answers(people, example, annotator, questions),
        "rating": decided.rating.value if decided.rating else None,
        "tags": list(decided.tags),
        "flags": list(decided.flags),
        "notes": [[note.annotator, str(note.value)] for note in decided.notes],
    }


def _answers(
    people: State | None, example: str, annotator: str, questions: Mapping[str, Question]
) -> dict[str, Any]:
    """A person's own answers that fit the lead's questions; those of others would sway them."""
    opinions = people.opinions.get(example, ()) if people else ()
    events = [*opinions, *own_checks(people, example, annotator).values()]
    own = [e.value for e in events if e.kind == "answer" and e.annotator == annotator]
    values = {value["question"]: value["value"] for value in own}
    return {n: v for n, v in values.items() if n in questions and questions[n].is_fit(v)}


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
    step = row["dropped_by"]
    if not isinstance(step, str) or step == PEOPLE:
        return ""
    events = [
        e for e in dataset.explain(str(row.name)) if e["step"] == step and e["what"] == "dropped"
    ]
    return str(events[-1]["text"]) if events else ""
