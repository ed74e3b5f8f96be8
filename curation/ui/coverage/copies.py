"""Examples that may be copies of rows of the reference set, beside these rows."""

from __future__ import annotations

import streamlit as st

from curation.looking.contamination import STEP, contaminated
from curation.looking.gaps import COPY, copies, copies_kept
from curation.project import Project
from curation.recipe import Step
from curation.ui import actions, state, tables
from curation.ui.actions import DROP
from curation.ui.coverage.comparison import Comparison
from curation.ui.tables import Column

COPIES = (
    Column("similarity", kind="number", width=80),
    Column("asked", "the reference set asks", "excerpt"),
    Column("prompt", "the example asks", "excerpt"),
)


FINDINGS = (
    Column("measure", "why", width=340),
    Column("fate", "now", width=90),
    Column("asked", "the reference set asks", "excerpt"),
    Column("prompt", "the example asks", "excerpt"),
)


def draw(comparison: Comparison) -> None:
    """Draw examples that may be copies of reference rows, beside these, and drop them by a button."""
    _draw_findings(comparison)
    left, right = st.columns([3, 3], vertical_alignment="center", gap="large")
    least = left.slider("From a similarity of", 0.8, 1.0, COPY, step=0.01, key="coverage-copies")
    pairs = copies_kept(
        copies(comparison.compared, float(least)), comparison.prompts, comparison.rows
    )
    right.caption(
        "If the training data holds a benchmark's questions, the benchmark measures memory. Read the "
        "pairs: similar is not equal. To find questions with other answers, compare by prompts only."
    )
    if pairs.empty:
        st.success(
            "No example is that similar to a row of the reference set.", icon=":material/check:"
        )
        return
    examples = list(dict.fromkeys(pairs["example"]))
    actions.ask(comparison.project, DROP, examples, "coverage-drop-copies")
    tables.draw(pairs, COPIES, tallest=400)


def _draw_findings(comparison: Comparison) -> None:
    """Draw what the step for contamination found in this set, or offer to add the step."""
    name = comparison.reference.name
    findings = contaminated(comparison.view.dataset, name, comparison.reference.examples)
    if findings is None:
        left, right = st.columns([3, 3], vertical_alignment="center", gap="large")
        left.button(
            "Look for its rows with every run",
            icon=":material/content_copy:",
            key="coverage-decontaminate",
            help="Adds the step Benchmark contamination: by runs of words and by meaning, on prompts.",
            on_click=add_step,
            args=(comparison.project, name),
        )
        right.caption(
            "The step drops examples that hold a row of this set, and names row and measure. Keep "
            "single ones on the page Annotate."
        )
    elif findings.empty:
        st.success("The step Benchmark contamination found no row of it.", icon=":material/check:")
    else:
        st.header("Found by the step Benchmark contamination", anchor=False)
        tables.draw(findings, FINDINGS, tallest=320)
    st.header("Nearest by meaning", anchor=False)


def add_step(project: Project, name: str) -> None:
    """Add the step that looks for rows of a reference set, at the end of its phase."""
    with state.flashing_errors():
        recipe = project.recipe
        project.save_recipe(recipe + Step(STEP, sets=[name]), recipe.revision)
        state.flash("Added to the recipe; run it to see what it finds")
