"""A selection's result: counts, coverage compared with chance, topics, and reasons."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.looking.chance import Beside, beside_chance
from curation.looking.choice import Choice, shares
from curation.project import Project, View
from curation.ui import charts, tables
from curation.ui.tables import Column

MEASURES = (
    Column("measure", width=230),
    Column("verdict", width=150),
    Column("chosen", kind="number", width=75),
    Column("random_low", "random, least", kind="number", width=100),
    Column("random_high", "random, most", kind="number", width=100),
    Column("balanced_low", "balanced, least", kind="number", width=100),
    Column("balanced_high", "balanced, most", kind="number", width=100),
)
"""A measure of a choice beside those of random choices."""

CHOSEN = (
    Column("reason", "why"),
    Column("prompt", kind="excerpt"),
    Column("response", kind="excerpt"),
)
"""An example that was chosen."""

FIRST = 200
"""Chosen examples that are listed."""


def draw(project: Project, view: View) -> None:
    """Draw the chosen rows by topic, and their coverage compared with chance."""
    dataset, choice = view.dataset, Choice.of(view.dataset)
    if choice is None:
        st.caption("Choose a method and run it to see what it chooses.")
        return
    with st.container(horizontal=True):
        charts.number("Chosen", f"{len(choice.chosen):,}", f"of {len(choice.pool):,}")
        for title, (chosen, pool) in choice.medians(dataset.rows).items():
            charts.number(title, f"{chosen:.3g}", f"{pool:.3g} in the pool")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Coverage compared with random choices", anchor=False)
        if dataset.vectors is None:
            st.caption("Coverage needs embeddings.")
        else:
            fingerprint = f"{view.fingerprint}-{choice.report.fingerprint}"
            _draw_measures(_measured(str(project.path), fingerprint, dataset, choice))
    with right:
        if "topic" in dataset.rows:
            st.subheader("Topics: share of the chosen and of the pool", anchor=False)
            charts.shares(shares(dataset, choice, "topic"), key="select-topics")
    st.subheader("The first chosen examples, with reasons", anchor=False)
    tables.draw(choice.reasons(dataset.rows).head(FIRST), CHOSEN, tallest=300)


@st.cache_data(max_entries=16, show_spinner="Comparing with random choices …")
def _measured(path: str, fingerprint: str, _dataset: Dataset, _choice: Choice) -> Beside:
    """The choice beside random ones of the same budget."""
    return beside_chance(_dataset, _choice)


def _draw_measures(beside: Beside) -> None:
    """Draw measures of the choice beside those of random choices."""
    if beside.worse:
        st.warning(
            f"Worse than all ten random choices by: {'; '.join(beside.worse)}.",
            icon=":material/trending_down:",
        )
    tables.draw(beside.table, MEASURES)
    st.caption(
        "Least and greatest value of ten random choices of the same size, and of ten that are "
        "balanced. Between them, the method is not better than chance."
    )
