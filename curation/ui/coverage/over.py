"""Topics with a larger share of the dataset than of the reference set, and budgets that cut them."""

from __future__ import annotations

import streamlit as st

from curation.looking.coverage import Compared
from curation.looking.gaps import Excess, over_represented
from curation.looking.quotas import of_cuts
from curation.project import Project
from curation.ui import quotas, tables
from curation.ui.tables import Column

OVER = (
    Column("topic"),
    Column("here", "rows in dataset", "count"),
    Column("share_here", "share in dataset", "percent", digits=2),
    Column("share_reference", "share in reference set", "percent", digits=2),
    Column("ratio", kind="number", digits=1),
    Column("keep", kind="count"),
    Column("cut", kind="count"),
    Column(
        "beyond_chance",
        kind="check",
        help="True also for the upper end of the 95 % interval of the share in the reference set.",
    ),
)


def draw(project: Project, compared: Compared) -> None:
    """Draw topics with a larger share than in the reference set, and how many rows to cut."""
    if not compared.about["topics"]:
        st.caption("This needs topics: add the step Topics to the recipe and run it.")
        return
    left, right = st.columns([3, 3], vertical_alignment="center", gap="large")
    multiple = left.slider(
        "Cut to this many times a topic's share of the reference set",
        1.0,
        10.0,
        2.0,
        step=0.5,
        key="coverage-multiple",
    )
    untouched = right.toggle(
        "Also cut topics that the reference set does not have",
        key="coverage-untouched",
        help="Most datasets have more topics than one reference set, so these stay by default.",
    )
    over = over_represented(compared, multiple, untouched)
    if over.empty:
        st.success("No topic has a larger share than that.", icon=":material/check:")
        return
    excess = Excess.of(compared, over)
    st.caption(
        f"{len(excess.touched):,} topics have more than {multiple:g} times their share in the "
        f"reference set, {excess.beyond_chance:,} of them beyond chance. It does not have "
        f"{len(excess.never):,} topics. These cuts leave {excess.left:,} of {excess.total:,} rows."
    )
    if st.button(
        f"Send the budgets to Select: cut {excess.cut:,}",
        key="coverage-hand",
        icon=":material/checklist:",
        disabled=not excess.cut,
    ):
        quotas.HANDED.set(project, of_cuts(compared, over))
        st.switch_page("pages/deliver/select.py")
    st.caption(
        "A budget limits the number of rows of a topic; it does not say which. Compare again after "
        "the selection: it may leave out rows that are near the reference set."
    )
    untouched_columns = [c for c in OVER if c.name not in ("share_reference", "ratio")]
    for part, title, columns in (
        (excess.touched, "A larger share than in the reference set", OVER),
        (excess.never, "Not in the reference set", untouched_columns),
    ):
        if len(part):
            st.caption(f"**{title}**")
            tables.draw(part, columns, tallest=320)
