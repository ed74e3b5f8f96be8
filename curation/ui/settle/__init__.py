"""Examples with different answers, one at a time, and the keys that settle them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from curation.dataset import load_messages
from curation.decisions import State
from curation.looking.agreement import Agreement
from curation.looking.disputes import card_keys, choices, disputes
from curation.looking.queues import changes_in
from curation.project import Project, View
from curation.questions import Question, read_questions
from curation.ui import state
from curation.ui.listing import Listing
from curation.ui.settle import answers

LISTING = Listing("settle", Path(__file__).parent, ahead=8, may=state.owns)

LONGEST = 200_000
"""Characters of a turn that are sent."""

EMPTY = "Nobody has different answers, or all of them are settled."


@st.fragment
def draw(project: Project, view: View, result: Agreement) -> None:
    """Save what the browser sent, and draw the examples from the one that it is at."""
    state.present(project)
    written = answers.write(project, LISTING.answers(project))
    people = project.people() or State()
    waiting, settled = disputes(result, people, view.dataset.rows.index)
    if not state.annotator():
        st.caption("Type your name on the left first. Decisions are saved under a name.")
    elif not state.owns(project):
        st.caption(":material/lock: Only owners of the project settle answers.")
    names = st.toggle(
        "Names",
        value=True,
        key="settle-names",
        persist_state="session",
        help="Without names nobody is believed for being somebody.",
    )
    questions = {question.name: question for question in read_questions(project.path)}
    lead, labels = questions.get(result.question), list[str]()
    if result.question == "label" and not questions:  # else digits answer the questions
        changes = changes_in(project.decisions)
        labels = state.board(str(project.path)).labels(view.dataset.rows, people, changes)
    LISTING.draw(
        project,
        f"{project.path} {result.question}",
        len(waiting),
        lambda place: _item(view, people, waiting[place], result.question, names, lead, labels),
        written,
        place=waiting.index(written.back) if written.back in waiting else None,
        revision=people.last,
        empty=EMPTY,
        settled=settled,
        question=result.question,
        title=lead.title if lead else "",
        names=names,
    )


def _item(
    view: View,
    people: State,
    example: str,
    question: str,
    names: bool,
    lead: Question | None,
    labels: Sequence[str],
) -> dict[str, Any]:
    row = view.dataset.rows.loc[example]
    turns = load_messages(str(row["messages"]))
    given = choices(people, example, question, card_keys(question, lead, labels, example))
    return {
        "id": example,
        "source": str(row["source"]),
        "turns": [[turn.role, (turn.content or "")[:LONGEST]] for turn in turns],
        "choices": given if names else [{**choice, "names": []} for choice in given],
    }
