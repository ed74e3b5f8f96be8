"""Coverage: the dataset compared with another set of texts: what is missing, what is too much."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.comparison import comparison_key
from curation.project import Project, View
from curation.reference_sets import ReferenceSet
from curation.ui import reference_sets, shell, state, unread
from curation.ui.coverage import choice, copies, gaps, numbers, over, picture
from curation.ui.coverage.comparison import Comparison, newest
from curation.ui.slots import set_widget

PARTS: dict[str, Callable[[Comparison], None]] = {
    "Map": picture.draw,
    "Gaps": gaps.draw,
    "Over-represented": lambda comparison: over.draw(comparison.project, comparison.compared),
    "Copies": copies.draw,
}


def draw_compared(project: Project, view: View, reference: ReferenceSet, name: str) -> None:
    """Draw the comparison of that name, else the newest one with a note that it is older."""
    remembered = newest(reference, name)
    if remembered is None:
        st.caption("Not compared yet.")
        return
    own_name, compared = remembered
    if own_name != name:
        st.info(
            "The data, the recipe, the decisions or the reference set have changed since this "
            "comparison. Compare again to update it.",
            icon=":material/history:",
        )
    left, right = st.columns([7, 4], gap="large")
    with right:
        reach = numbers.draw_reach(compared, reference)
    comparison = Comparison.of(project, view, reference, own_name, compared, reach)
    with left:
        numbers.draw(compared, reach, len(comparison.gaps))
        part = st.segmented_control(
            "Show",
            list(PARTS),
            default="Map",
            key="coverage-part",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
    PARTS[str(part)](comparison)


def draw() -> None:
    """The page."""
    shell.header(
        "Coverage",
        "Compare the dataset with a benchmark, a task or another set: what is missing, what is too "
        "much.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    unread.draw(project, view.dataset.rows, view.fingerprint)
    references = project.references.all()
    if new := reference_sets.just_added(project, references):
        set_widget("coverage-target", new.slug)
    if not references:
        st.info(
            "There is no reference set yet. Add the set of texts that your data should cover.",
            icon=":material/my_location:",
        )
        with st.container(border=True):
            reference_sets.adding(project)
        return
    reference, of = choice.draw(project, references)
    if view.dataset.vectors is None:
        st.info(
            "A comparison needs embeddings: add the step Embeddings and run the recipe.",
            icon=":material/scatter_plot:",
        )
        return
    draw_compared(project, view, reference, comparison_key(project, reference, of))


draw()
