"""Examples that may be copies of rows of the reference set, beside these rows."""

from __future__ import annotations

import streamlit as st

from curation.looking.gaps import COPY, copies, copies_kept
from curation.ui import actions, tables
from curation.ui.actions import DROP
from curation.ui.coverage.comparison import Comparison
from curation.ui.tables import Column

COPIES = (
    Column("similarity", kind="number", width=80),
    Column("asked", "the reference set asks", "excerpt"),
    Column("prompt", "the example asks", "excerpt"),
)


def draw(comparison: Comparison) -> None:
    """Draw examples that may be copies of reference rows, beside these, and drop them by a button."""
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
