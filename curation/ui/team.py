"""The Team page's parts: people, pairs, values, time, and examples with different answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.agreement import FEWEST, QUESTIONS, Agreement, confusion, written
from curation.looking.agreements import agreements
from curation.looking.disputes import changed_opinions, counts
from curation.looking.teamwork import by_person, by_value
from curation.project import Project, View
from curation.questions import Question, read_questions
from curation.review import CONSENSUS, change_review, read_review
from curation.text.counted import counted
from curation.ui import charts, settle, state, tables
from curation.ui.slots import widget_value
from curation.ui.tables import Column
from curation.ui.text import markdown

PERSON = (
    Column("who", "person"),
    Column("examples", kind="count"),
    Column("share", "share of all", "progress"),
    Column("answers", kind="count"),
    Column("pace", "answers a working day", "number", digits=0),
    Column("newest", "newest answer"),
    Column(
        "right",
        "right, estimated",
        "percent",
        help="How often the person gives the likeliest answer, by a model of Dawid and Skene that "
        "knows nothing but the answers to shared examples.",
    ),
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


@dataclass(frozen=True)
class Measured:
    """The opinions of a project and the agreement on each answered question, measured at one moment.

    source: the opinions of the state that they were read from. questions: those of the lead.
    """

    source: Mapping[str, Any]
    questions: tuple[Question, ...]
    opinions: pd.DataFrame
    results: list[Agreement]


LATE = 0.01
"""Share of the answered examples whose answers may have changed since the agreement was measured."""


def measured(path: str, people: Any, questions: tuple[Question, ...]) -> tuple[Measured, int]:
    """The newest measurement, and the number of examples whose answers changed since.

    It is measured anew when more than LATE of the examples changed, so that an answer does not cost
    everybody's page seconds.
    """
    remembered = state.newest(path, "agreement")
    former: Measured | None = remembered.get("measured")
    if former and former.questions == questions:
        changed = changed_opinions(former.source, people.opinions)
        if changed <= LATE * len(people.opinions):
            return former, changed
    with st.spinner("Measuring agreement …"):
        opinions = people.opinions_frame()
        results = agreements(opinions, questions)
        newest = Measured(people.opinions, questions, opinions, results)
    remembered["measured"] = newest
    return newest, 0


def draw_numbers(
    opinions: pd.DataFrame, results: list[Agreement], index: pd.Index, people: Any
) -> None:
    """Draw how far people are, what waits to be settled, and the agreement on each question."""
    with charts.numbers("team"):
        answered = opinions["example"].nunique()
        count = opinions["who"].where(opinions["who"] != "").nunique()
        charts.number(
            "Examples answered",
            f"{answered:,} of {len(index):,}",
            f"by {counted(count, 'person', 'people')}",
            height="stretch",
        )
        waiting, settled = counts(results, people, index)
        charts.number(
            "Different answers",
            f"{waiting:,} unsettled",
            f"{settled:,} settled",
            height="stretch",
            help="An example counts once for each question that people answered differently. Show "
            "“Disagreements” to settle them.",
        )
        for result in results:
            charts.number(
                f"Agreement on {_named(result)}",
                f"{result.alpha.value:.2f}" if result.alpha.is_given else "not yet",
                f"95 %: {result.alpha.low:.2f} to {result.alpha.high:.2f}"
                if not result.alpha.why
                else counted(result.shared, "shared example"),
                height="stretch",
                help="Krippendorff's alpha: 1 where all answers are the same, 0 where they are as "
                f"alike as chance makes them. It needs {FEWEST} examples with two answers.",
            )


def _named(result: Agreement) -> str:
    """The answers to a question, as "verdicts"; a question of the lead's by its name."""
    return f"{result.question}s" if result.question in QUESTIONS else result.question


def draw_people(scene: Scene) -> None:
    """Draw progress and pace of each person, and what each answered."""
    table = by_person(scene.opinions, len(scene.view.dataset))
    model = scene.project.counted.models(scene.project.last_decision()).get(scene.question)
    if model is not None:
        table["right"] = table["who"].map(model.accuracy())
    tables.draw(table, PERSON, key="team-people")
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
    leads = {question.name: question for question in read_questions(scene.project.path)}
    question = leads.get(scene.question, scene.question)
    counts = confusion(scene.opinions, question, first, second)
    tables.matrix(counts, corner=scene.question, key=f"team-matrix-{scene.question}-{picked}")


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
    """Draw the examples with different answers, one at a time, to be settled by keys."""
    settle.draw(scene.project, scene.view, scene.agreement)


DISAGREEMENTS = "Disagreements"

PARTS: dict[str, Callable[[Scene], None]] = {
    "People": draw_people,
    "Pairs": draw_pairs,
    "Hardest answers": draw_values,
    "Over time": draw_time,
    DISAGREEMENTS: draw_disagreements,
}


def draw_policy(project: Project, place: Any) -> None:
    """Draw the choice of whose answer counts, which the recipe uses."""
    policies = list(CONSENSUS)
    place.selectbox(
        "Whose answer counts",
        policies,
        index=policies.index(read_review(project.path).consensus),
        format_func=POLICIES.__getitem__,
        key=f"team-policy-{project.path}",
        help=" ".join([*CONSENSUS.values(), "What somebody settled counts before all others."]),
        disabled=not state.owns(project),
        on_change=_choose_policy,
        args=(project,),
        width=220,
    )


POLICIES = {"latest": "The latest", "majority": "The majority's", "dawid-skene": "The likeliest"}
"""Policy → its name in the choice."""


def _choose_policy(project: Project) -> None:
    policy = str(widget_value(f"team-policy-{project.path}"))
    with state.flashing_errors():
        change_review(project.path, consensus=policy)
        state.flash(f"{CONSENSUS[policy]} Run the recipe to use it.")


def sentence(result: Agreement) -> str:
    """The numbers of a question in a sentence, escaped for Markdown."""
    text = markdown(result.sentence(), 400)
    more = f" Fleiss's kappa is {written(result.fleiss)}." if result.fleiss.is_given else ""
    return text + more
