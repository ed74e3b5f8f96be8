"""The panel of gold items on the Team page, for those who lead: how often each person answers them right."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation import gold, roles
from curation.decisions import State
from curation.gold import Answer
from curation.looking.checks import by_person, by_question
from curation.project import Project, View
from curation.review import read_review
from curation.text.counted import counted
from curation.ui import answer_file, form, state, tables
from curation.ui.actions import NAMELESS
from curation.ui.tables import Column

PERSON, QUESTION = Column("who", "person"), Column("question")
SHARE = (
    Column("answers", "answers to gold items", "count"),
    Column("right", kind="count"),
    Column("share", "share right", "percent"),
    Column("low", "from", "percent", help="Lower bound of the 95 % interval"),
    Column("high", "to", "percent", help="Upper bound of the 95 % interval"),
)


def draw(project: Project, view: View, people: State | None) -> None:
    """Draw the panel for an owner of the project, and nothing for anybody else."""
    if roles.role(project.path) != roles.OWNER:
        return
    people = people or State()
    with st.expander("Gold items", icon=":material/verified:"):
        number, share = len(people.gold), read_review(project.path).gold
        if number:
            items = counted(number, "gold item")
            st.markdown(
                f"{items}. They are {share:.0%} of each person's cards, while some are left. "
                "Nothing on the card tells which, and the answers decide nothing."
            )
            table = by_person(people)
            if len(table):
                tables.draw(table, (PERSON, *SHARE), key="gold-people", tallest=280)
            else:
                st.caption("Nobody has answered one yet.")
            if len(questions := by_question(people)) > 1:
                tables.draw(questions, (QUESTION, *SHARE), key="gold-questions", tallest=280)
            _kept(project, view, people)
        else:
            st.caption(
                "No gold items yet. Their right answer is known, so they tell how often each person is "
                "right. Make them of settled answers, or of a file."
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            waiting = len(gold.settled(people))
            st.button(
                f"Make {counted(waiting, 'settled answer')} gold"
                if waiting
                else "Make settled answers gold",
                key="gold-settled",
                icon=":material/verified:",
                disabled=not waiting or not state.annotator(),
                help=NAMELESS if not state.annotator() else "Settle answers under Disagreements.",
                on_click=_make,
                args=(project,),
            )
            answer_file.button(project, "gold")
            form.share(
                project,
                "gold",
                "Gold items among a person's cards, in per cent",
                title="Share",
                icon=":material/percent:",
                about="With 5, one card of twenty is a gold item, at places that nobody can foresee.",
                saved="Saved. Queues on all pages follow at once.",
            )
        if answer_file.is_open(project, "gold"):
            _from_file(project, view, people)


def _kept(project: Project, view: View, people: State) -> None:
    """Draw how many gold items go into a delivery that are known to be for dropping, and a cure."""
    examples = gold.kept_to_drop(people, view.dataset)
    if not examples:
        return
    st.warning(gold.kept_sentence(len(examples), len(people.gold)), icon=":material/warning:")
    st.button(
        "Settle them as known",
        key="gold-known",
        icon=":material/gavel:",
        disabled=not state.annotator(),
        help=NAMELESS if not state.annotator() else "They are dropped. You can undo this.",
        on_click=_settle,
        args=(project, examples),
    )


def _settle(project: Project, examples: list[str]) -> None:
    with state.flashing_errors():
        state.present(project)
        number = gold.settle(project, examples, state.annotator())
        state.flash(
            f"{counted(number, 'gold item is', 'gold items are')} settled as known, and dropped"
        )


def _from_file(project: Project, view: View, people: State) -> None:
    """Draw the upload of right answers, which shows what of it fits and saves it by one button."""
    with st.container(border=True):
        result = answer_file.chosen(project, view, "gold")
        if result is None:
            return
        fresh = gold.of_suggestions(result.rows, people)
        if len(fresh) < len(result.rows):
            st.caption(f"{len(result.rows) - len(fresh):,} of them are gold already.")
        st.button(
            f"Make {counted(len(fresh), 'answer')} gold",
            type="primary",
            key="gold-attach",
            disabled=not fresh or not state.annotator(),
            help=NAMELESS if not state.annotator() else None,
            on_click=_make,
            args=(project, fresh),
        )


def _make(project: Project, answers: Sequence[Answer] | None = None) -> None:
    """Make gold items as a callback. answers: of a file; without them, all that are settled."""
    with state.flashing_errors():
        state.present(project)
        chosen = gold.settled(project.people()) if answers is None else answers
        number = gold.make(project, chosen, state.annotator())
        answer_file.close(project, "gold")
        state.flash(f"{counted(number, 'answer is', 'answers are')} gold now")
