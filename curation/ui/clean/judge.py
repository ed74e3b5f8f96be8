"""Rows that a filter dropped, for a person who says whether it was right, and how often it is."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset, load_messages
from curation.looking.precision import Precision, Way, estimate, rows_to_judge, ways
from curation.project import Project
from curation.report import StepReport
from curation.ui import actions, state, tables
from curation.ui.actions import Act
from curation.ui.tables import Column
from curation.ui.text import markdown

WAYS: dict[Way, str] = {
    "nearest": "Dropped, nearest to the threshold",
    "random": "Dropped, drawn by chance",
    "inside": "Kept, just inside",
}

HELP = (
    "Rows near the threshold show where it should lie. Only rows drawn by chance speak for all that "
    "is dropped, so only they count for the estimate."
)

RIGHT = Act("Right to drop", ":material/close:", kind="drop", done="Right to drop:")
WRONG = Act("Wrong to drop", ":material/check:", kind="keep", done="Wrong to drop, so kept:")
OUT = Act("Should go too", ":material/close:", kind="drop", done="Dropped:")
STAY = Act("Right to keep", ":material/check:", kind="keep", done="Right to keep:")

SIGNS = {"keep": "✓", "drop": "✕", "": ""}

LISTED = (
    Column("judged", width=60),
    Column("reason", "why", width=170),
    Column("prompt", kind="excerpt", width=190),
    Column("response", kind="excerpt", width=190),
)


@st.fragment
def draw(project: Project, dataset: Dataset, report: StepReport) -> None:
    """Draw rows to judge, one of them open, and the estimate; only this part runs again."""
    state.present(project)
    people, offered = project.people(), ways(report)
    st.header("Is it right?", anchor=False)
    st.markdown(sentence(estimate(dataset, report, people)))
    chosen = offered[0]
    if len(offered) > 1:
        picked = st.segmented_control(
            "Rows",
            offered,
            default=chosen,
            key=f"judge-{report.name}",
            required=True,
            format_func=lambda manner: WAYS[manner],
            label_visibility="collapsed",
            help=HELP,
        )
        chosen = next(manner for manner in offered if manner == picked)
    rows = rows_to_judge(dataset, report, people, chosen)
    if rows.empty:
        st.caption("There is no such row to judge.")
        return
    rows = rows.assign(judged=rows["verdict"].map(SIGNS))
    last = 0 if people is None else people.last  # a new key: after a verdict the next one opens
    key = f"judge-{report.name}-{chosen}-{last}"
    clicked = tables.draw(rows, LISTED, key=key, tallest=215, pick=True)
    waiting = rows.index[rows["verdict"] == ""]
    example = clicked or str(next(iter(waiting), rows.index[0]))
    _draw_buttons(project, example, chosen)
    for text, _ in state.flashes():  # a message stands beside the button that made it
        st.caption(markdown(text))
    with st.container(border=True):
        st.caption(f"{example} · {markdown(rows.at[example, 'reason'])}")
        for message in load_messages(str(dataset.rows.at[example, "messages"])):
            st.caption(markdown(message.role))
            st.text(message.content or "")


def _draw_buttons(project: Project, example: str, manner: Way) -> None:
    """Draw both verdicts about an example; each carries its id, so that a late click hits no other."""
    acts = (WRONG, RIGHT) if manner != "inside" else (STAY, OUT)
    with st.container(horizontal=True, vertical_alignment="center"):
        for act, letter in zip(acts, ("K", "D"), strict=True):
            st.button(
                act.label,
                icon=act.icon,
                key=f"judge-{act.kind}-{example}",
                shortcut=letter,
                disabled=not state.annotator(),
                on_click=actions.decide,
                args=(
                    project,
                    act,
                    (example,),
                    None,
                    actions.new_op(),
                    actions.newest_decision(project),
                ),
            )
        name = "" if state.annotator() else f"{actions.NAMELESS} "
        st.caption(f"{name}A verdict counts elsewhere from the next run on.")


def sentence(now: Precision) -> str:
    """The estimate in words, with its number of rows and its interval."""
    if not now.dropped:
        return "It drops nothing, so there is nothing to judge."
    if now.share is None:
        return (
            f"Nobody has judged the **{now.dropped:,}** dropped rows yet. Judge those drawn by chance "
            "to estimate how often it is right."
        )
    interval = f"95 % interval {now.low:.0%} to {now.high:.0%}"
    exact = "all of them were judged" if now.judged == now.dropped else interval
    return (
        f"Right about **{now.right:,} of {now.judged:,}** drawn by chance out of {now.dropped:,} "
        f"dropped: precision **{now.share:.0%}**, {exact}."
    )
