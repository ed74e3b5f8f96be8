"""The panel of gold items on the Team page, for those who lead: how often each person answers them right."""

from __future__ import annotations

import streamlit as st

from curation import gold, roles
from curation.decisions import State
from curation.looking.checks import by_person
from curation.project import Project, View
from curation.review import change_review, read_review
from curation.text.counted import counted
from curation.ui import state, tables
from curation.ui.actions import NAMELESS
from curation.ui.slots import widget_value
from curation.ui.tables import Column

PERSON = (
    Column("who", "person"),
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
                tables.draw(table, PERSON, key="gold-people", tallest=280)
            else:
                st.caption("Nobody has answered one yet.")
            _kept(project, view, people)
        else:
            st.caption(
                "No gold items yet. Their right answer is known, so they tell how often each person is "
                "right. Make them of settled answers here, or of a file by `curate gold --from FILE`."
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
            _share(project, share)


def _kept(project: Project, view: View, people: State) -> None:
    """Draw how many gold items go into a delivery that are known to be for dropping, and a cure."""
    examples = gold.kept_to_drop(people, view.dataset.kept.index)
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


def _make(project: Project) -> None:
    with state.flashing_errors():
        state.present(project)
        number = gold.make(project, gold.settled(project.people()), state.annotator())
        state.flash(f"{counted(number, 'answer is', 'answers are')} gold now")


def _share(project: Project, share: float) -> None:
    """Draw the share of the cards that are gold items."""
    with st.popover("Share", icon=":material/percent:"), st.form("gold", border=False):
        st.number_input(
            "Gold items among a person's cards, in per cent",
            0,
            100,
            value=round(share * 100),
            key="gold-share",
            help="With 5, one card of twenty is a gold item, at places that nobody can foresee.",
        )
        st.form_submit_button("Save", type="primary", on_click=_save, args=(project,))


def _save(project: Project) -> None:
    with state.flashing_errors():
        percent = widget_value("gold-share")
        if percent != round(read_review(project.path).gold * 100):
            change_review(project.path, gold=percent / 100)
        state.flash("Saved. Queues on all pages follow at once.")
