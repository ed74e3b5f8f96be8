"""Train: did curation help? Train on what was chosen and on other choices, and compare."""

from __future__ import annotations

import streamlit as st

from curation.runs import all_runs
from curation.ui import shell, state
from curation.ui.train import adjust, form, listing, result


def draw() -> None:
    """The page."""
    shell.header(
        "Train",
        "Train on what was chosen and on other choices of the same size, and see whether it helped.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    runs = all_runs(project.path)
    if runs:
        run = listing.chosen(project, runs)
        listing.draw_state(project, run)
        result.draw_verdict(run)
        result.draw_parts(project, run)
        with st.expander(f"All runs ({len(runs):,})", icon=":material/history:"):
            listing.draw(project, runs, run)
        with st.expander("Adjust the data", icon=":material/build:"):
            adjust.draw(project, view)
    with st.expander(
        "Train again" if runs else "Compare choices by training",
        expanded=not runs,
        icon=":material/model_training:",
    ):
        form.draw(project, view)


draw()
