"""The answer of the page: is the choice better than chance?"""

from __future__ import annotations

import streamlit as st

from curation.looking.chance import Beside
from curation.ui import charts, tables
from curation.ui.select import figure
from curation.ui.select.scene import Scene
from curation.ui.tables import Column

MEASURES = (
    Column("measure", width=260),
    Column("verdict", width=190),
    Column("chosen", kind="number", width=80),
    Column("random_low", "random, least", kind="number", width=110),
    Column("random_high", "random, most", kind="number", width=110),
    Column("balanced_low", "balanced, least", kind="number", width=110),
    Column("balanced_high", "balanced, most", kind="number", width=110),
)
"""A measure of a choice beside those of random choices."""

CHARTS = {"displayModeBar": False}

DRAWN = ("select_random", "select_balanced")
"""Methods that are chance themselves."""


def sentence(beside: Beside, use: str) -> str:
    """Return in one sentence how a choice stands to chance."""
    better, worse = beside.counts("random")
    even_better, even_worse = beside.counts("balanced")
    text = (
        f"Of {len(beside.table)} measures, {better} are better than in all ten random choices and "
        f"{worse} worse; {even_better} are better than in all ten random balanced ones and "
        f"{even_worse} worse."
    )
    drawn = " This choice is drawn by chance itself: another seed gives other figures."
    return text + (drawn if use in DRAWN else "")


def draw(scene: Scene) -> None:
    """Draw the sentence, a band with a sign for each measure, and the numbers on demand."""
    choice, dataset = scene.choice, scene.dataset
    st.header("Is the choice better than chance?", anchor=False)
    if dataset.vectors is None:
        st.caption("This needs embeddings: add the step Embeddings to the recipe and run it.")
        return
    beside = scene.beside()
    text = sentence(beside, choice.report.use)
    worst = beside.counts("random")[1] > beside.counts("random")[0]
    st.markdown(f":material/trending_down: {text}" if worst else text)
    chart = figure.bands(beside.table)
    st.plotly_chart(chart, width="stretch", key="select-bands", alt=text, config=CHARTS)
    with st.container(horizontal=True):
        charts.number("Chosen", f"{len(choice.chosen):,}", f"of {len(choice.pool):,}")
        for title, (chosen, pool) in choice.medians(dataset.rows).items():
            charts.number(title, f"{chosen:.3g}", f"{pool:.3g} in the pool")
    with st.expander("The numbers", icon=":material/table_chart:"):
        tables.draw(beside.table, MEASURES)
        st.caption(
            "Least and greatest value of ten choices of the same size. Better or worse: beyond all "
            "ten. Coverage is of the pool"
            + (
                f", by a sample of {beside.covered:,} of its rows."
                if beside.covered < len(choice.pool)
                else "."
            )
        )


def draw_curves(scene: Scene) -> None:
    """Draw coverage and diversity over the number of chosen examples."""
    if scene.dataset.vectors is None or len(scene.choice.chosen) < 3:
        return
    st.header("How many do I need?", anchor=False)
    beside = scene.beside()
    st.caption(
        "Each line is one run, read by rank: the first k of this choice. "
        + (
            f"Coverage bends at {beside.knee:,}: so many reach {beside.share_at_knee:.0%} of the "
            f"coverage of all {len(scene.choice.chosen):,}."
            if beside.knee is not None
            else "Coverage rises evenly: no number is enough."
        )
    )
    places = st.columns(2, gap="large")
    for number, (place, (measure, table)) in enumerate(
        zip(places, beside.by_measure().items(), strict=True)
    ):
        with place:
            st.caption(f"**{measure}**")
            chart = figure.curve(table, beside.knee if number == 0 else None)
            last = table.iloc[-1]
            alt = (
                f"{measure} of all {last['size']:,.0f} chosen: {last['chosen']:.3g}; of as many at "
                f"random: {last['random_low']:.3g} to {last['random_high']:.3g}."
            )
            st.plotly_chart(
                chart, width="stretch", key=f"select-curve-{number}", alt=alt, config=CHARTS
            )
