"""The share of the reference set within reach, the threshold, and the compared rows."""

from __future__ import annotations

import streamlit as st

from curation.looking import coverage
from curation.looking.coverage import Compared
from curation.reference_sets import ReferenceSet
from curation.ui import charts


def draw(compared: Compared, reach: float, gaps: int) -> None:
    """Draw the shares within reach by stage, the number of gaps, and the loss by the selection."""
    within, total = compared.within(reach), len(compared.rows)
    chance = compared.by_chance(reach)
    with st.container(horizontal=True):
        charts.number(
            "Within reach",
            f"{within:.1%}",
            f"random: {chance[0]:.1%} to {chance[1]:.1%}"
            if chance
            else f"{compared.count_within(reach):,} of {total:,}",
        )
        for stage in compared.stages[:-1]:
            title = coverage.STAGES[stage].capitalize()
            share = f"{compared.within(reach, stage):.1%}"
            if points := compared.points_since(reach, stage):
                # Red where it fell, green where it rose.
                st.metric(title, share, f"{points:+.1f} points since", border=True)
            else:
                charts.number(title, share, "nothing lost since")
        missing = f"{compared.count_missing(reach):,} rows out of reach"
        charts.number("Gaps", f"{gaps:,}", missing)
    st.caption(basis(compared))
    if (lost := compared.lost_by_choice(reach)) >= 0.01:
        st.warning(
            f"The selection takes {lost * 100:.1f} points of the reference set out of reach: its "
            "budget or its quotas leave out rows that are near the reference set.",
            icon=":material/trending_down:",
        )


def draw_reach(compared: Compared, reference: ReferenceSet) -> float:
    """Draw the slider of the threshold above the histogram of similarities."""
    usual = compared.about["reach"]
    reach = st.slider(
        "Within reach from a similarity of",
        0.2,
        0.95,
        min(0.95, max(0.2, float(usual))),
        step=0.01,
        key=f"coverage-reach-{reference.slug}",
        help=f"The default is {usual:.2f}: three of four of your examples have another of yours at "
        "least as near.",
    )
    charts.histogram(
        compared.rows[compared.last],
        "similarity to the nearest example",
        [reach],
        height=130,
        key="coverage-histogram",
    )
    return float(reach)


def basis(compared: Compared) -> str:
    """The compared sides and rows, in a sentence."""
    of, n, embedded = compared.about["of"], compared.about["rows"], compared.about["stages"]
    without = n - embedded["before"]
    left_out = f"; {without:,} rows were dropped before embedding and do not count"
    sides = "prompt and response" if of == "both" else of
    return f"Compared by {sides}{left_out if without > 0 else ''}."
