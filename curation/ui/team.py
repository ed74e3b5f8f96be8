"""The Team page's parts: people, pairs, values, time, and examples with different answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.agreement import FEWEST, QUESTIONS, Agreement, confusion, written
from curation.looking.agreements import agreements
from curation.looking.teamwork import by_person, by_value
from curation.project import Project, View
from curation.questions import Question
from curation.ui import actions, cards, charts, tables
from curation.ui.actions import DROP, EDIT, KEEP
from curation.ui.tables import Column
from curation.ui.text import markdown

PERSON = (
    Column("who", "person"),
    Column("examples", kind="count"),
    Column("share", "share of all", "progress"),
    Column("answers", kind="count"),
    Column("pace", "answers a working day", "number", digits=0),
    Column("newest", "newest answer"),
)
VALUE = (
    Column("who", "person"),
    Column("value", "answer"),
    Column("answers", kind="count"),
    Column("share", "share of the person's", "progress"),
)
INTERVAL = (
    Column("low", "from", "number", digits=2, help="Lower bound of the 95 % interval"),
    Column("high", "to", "number", digits=2, help="Upper bound of the 95 % interval"),
    Column("why", "note", width="large"),
)
PAIR = (
    Column("first", "person"),
    Column("second", "other person"),
    Column("examples", "shared", "count"),
    Column("same", "same answer", "progress"),
    Column("kappa", "Cohen's kappa", "number", digits=2),
    *INTERVAL,
)
PERIOD = (
    Column("period", "week or month from"),
    Column("examples", "shared", "count"),
    Column("same", "same answer", "progress"),
    Column("alpha", "Krippendorff's alpha", "number", digits=2),
    *INTERVAL,
)
CLASS = (
    Column("value", "answer"),
    Column("answers", kind="count"),
    Column("same", "others gave it too", "progress"),
)


@dataclass(frozen=True)
class Scene:
    """The values that the parts of the page draw."""

    project: Project
    view: View
    opinions: pd.DataFrame
    agreement: Agreement

    @property
    def question(self) -> str:
        """The question that the page is about."""
        return self.agreement.question


@st.cache_resource(max_entries=4, show_spinner="Measuring agreement …")
def measured(
    path: str, last: int, questions: tuple[Question, ...], _people: Any
) -> tuple[pd.DataFrame, list[Agreement]]:
    """The opinions of a project after its event `last`, and the agreement on each answered question."""
    opinions = _people.opinions_frame()
    return opinions, agreements(opinions, questions)


def draw_numbers(opinions: pd.DataFrame, results: list[Agreement], total: int) -> None:
    """Draw how far people are, and their agreement on each question."""
    with st.container(horizontal=True):
        answered = opinions["example"].nunique()
        people = opinions["who"].nunique()
        charts.number(
            "Examples answered",
            f"{answered:,} of {total:,}",
            f"by {people:,} {'person' if people == 1 else 'people'}",
            height="stretch",
        )
        for result in results:
            charts.number(
                f"Agreement on {_named(result)}",
                f"{result.alpha.value:.2f}" if result.alpha.is_given else "not yet",
                f"95 %: {result.alpha.low:.2f} to {result.alpha.high:.2f}"
                if not result.alpha.why
                else f"{result.shared:,} shared examples",
                height="stretch",
                help="Krippendorff's alpha: 1 where all answers are the same, 0 where they are as "
                f"alike as chance makes them. It needs {FEWEST} examples with two answers.",
            )


def _named(result: Agreement) -> str:
    """The answers to a question, as "verdicts"; a question of the lead's by its name."""
    return f"{result.question}s" if result.question in QUESTIONS else result.question


def draw_people(scene: Scene) -> None:
    """Draw progress and pace of each person, and what each answered."""
    tables.draw(by_person(scene.opinions, len(scene.view.dataset)), PERSON, key="team-people")
    st.caption(f"What each answered, of the {_named(scene.agreement)}")
    tables.draw(by_value(scene.opinions, scene.question), VALUE, key="team-values")


def draw_pairs(scene: Scene) -> None:
    """Draw each two people's agreement, and what one answered where the other answered something."""
    pairs = scene.agreement.pairs
    if pairs.empty:
        st.caption("No two people have answered about the same example yet.")
        return
    picked = tables.draw(pairs, PAIR, key=f"team-pairs-{scene.question}", pick=True, tallest=280)
    first, second = (str(pairs.loc[int(picked or 0), name]) for name in ("first", "second"))
    st.caption(
        f"Rows: answers of {markdown(first, 60)}. Columns: answers of {markdown(second, 60)}. "
        "Pick another pair in the table above."
    )
    if scene.agreement.kind == "spans":
        return
    kind = scene.agreement.kind
    counts = confusion(scene.opinions, scene.question, first, second, kind)
    tables.matrix(counts, key=f"team-matrix-{scene.question}-{picked}")


def draw_values(scene: Scene) -> None:
    """Draw how often others gave the same value, the hardest first."""
    classes = scene.agreement.classes
    if classes.empty:
        st.caption("No two people have answered about the same example yet.")
        return
    st.caption("Of the others' answers about the same examples, the share that is the same.")
    tables.draw(classes, CLASS, key=f"team-classes-{scene.question}")


def draw_time(scene: Scene) -> None:
    """Draw agreement by week or month of an example's newest answer."""
    if scene.agreement.periods.empty:
        st.caption("No two people have answered about the same example yet.")
        return
    tables.draw(scene.agreement.periods, PERIOD, key=f"team-time-{scene.question}")


def draw_disagreements(scene: Scene) -> None:
    """Draw the examples with different answers; the chosen one is read and decided about."""
    different = scene.agreement.disagreements
    if different.empty:
        st.success("No example has different answers.", icon=":material/check:")
        return
    rows = scene.view.dataset.rows
    present = different.index[different.index.isin(rows.index)]
    part = rows.loc[present].assign(answers=different.loc[present, "answers"])
    picked = tables.examples(
        part,
        f"team-different-{scene.question}",
        before=(Column("answers", width=240),),
        tallest=280,
    )
    if picked:
        draw_example(scene, picked)


def draw_example(scene: Scene, example_id: str) -> None:
    """Draw an example under the answers to it, and the buttons of an own decision."""
    rows = scene.opinions[
        (scene.opinions["example"] == example_id) & (scene.opinions["question"] == scene.question)
    ]
    with st.container(border=True):
        with st.container(horizontal=True):
            for who, value in zip(rows["who"], rows["value"], strict=True):
                st.markdown(f"**{markdown(who, 60)}**  \n{markdown(value, 80)}")
        cards.conversation(scene.view.dataset.row(example_id)["messages"], "")
        st.caption("The newest decision of anybody is the one that counts.")
        actions.for_one(scene.project, (KEEP, DROP, EDIT), example_id, "team")


PARTS: dict[str, Callable[[Scene], None]] = {
    "People": draw_people,
    "Pairs": draw_pairs,
    "Hardest answers": draw_values,
    "Over time": draw_time,
    "Disagreements": draw_disagreements,
}


def sentence(result: Agreement) -> str:
    """The numbers of a question in a sentence, escaped for Markdown."""
    text = markdown(result.sentence(), 400)
    more = f" Fleiss's kappa is {written(result.fleiss)}." if result.fleiss.is_given else ""
    return text + more
