"""Rows to adjust after a training: labels that are probably wrong, and what training shows of a row."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation.looking.filter import Filter
from curation.project import Project, View
from curation.recipe import Recipe, Step
from curation.registry import operations
from curation.ui import actions, shell, state, tables
from curation.ui.actions import REVIEW
from curation.ui.tables import Column

LABELS = ("label_quality", "drop_wrong_labels")
"""Steps that find labels that are probably wrong, and drop those rows."""

DYNAMICS = ("training_dynamics",)
"""The step that measures confidence and variability."""

SUSPECT = (Column("label"), Column("suggested_label"), Column("label_quality", kind="number"))
"""Columns of the table of rows whose label is probably wrong."""


def draw(project: Project, view: View) -> None:
    """Draw the rows with wrong labels, and offer the steps that measure them."""
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Labels that are probably wrong", anchor=False)
        _draw_labels(project, view)
    with right:
        st.header("What training shows of a row", anchor=False)
        st.caption(
            "Confidence: how sure a small model is of the given label while it learns. Low finds wrong "
            "labels. Variability: how much that changes. High finds the rows that teach."
        )
        if {"confidence", "variability"} <= set(view.dataset.rows.columns):
            st.markdown("Both are columns now: sort by them in Browse, colour the map by them.")
            st.page_link("pages/explore/browse.py", label="Browse", icon=":material/table_rows:")
        else:
            _draw_add(project, DYNAMICS, "Measure them")


def _draw_labels(project: Project, view: View) -> None:
    dataset = view.dataset
    if "wrong_label" not in dataset.rows:
        st.caption(
            "A model that did not see a row says which label it expects there. Where it is surer of "
            "another than it usually is, the label is probably wrong."
        )
        _draw_add(project, LABELS, "Find them, and drop those rows")
        return
    suspects = dataset.rows[Filter.parse(["wrong_label=true"]).mask(dataset)]
    suspects = suspects.sort_values("label_quality", kind="stable")
    dropped = Filter.parse(["wrong_label=true", "dropped"]).mask(dataset).tolist().count(True)
    st.caption(f"{len(suspects):,} rows; {dropped:,} of them are dropped.")
    tables.examples(suspects.drop(columns="dropped_by"), before=SUSPECT, tallest=260)
    ids = [str(i) for i in suspects.index]
    actions.ask(project, REVIEW, ids, "train-suspects")
    st.page_link("pages/review/annotate.py", label="Review them", icon=":material/rate_review:")
    if "drop_wrong_labels" not in [step.use for step in project.recipe]:
        _draw_add(project, LABELS, "Drop these rows")


def _draw_add(project: Project, uses: Sequence[str], label: str) -> None:
    """Draw the button that adds the missing ones of some steps to the recipe."""
    recipe = project.recipe
    missing = [use for use in ("embed", *uses) if use not in [step.use for step in recipe]]
    if not missing:
        st.caption("The recipe has the step; run it.")
        shell.run_button(project, f"train-run-{uses[0]}")
        return
    titles = ", ".join(operations()[use].title for use in missing)
    st.button(
        label,
        key=f"train-add-{uses[0]}",
        icon=":material/playlist_add:",
        on_click=_add,
        args=(project, recipe, missing),
        help=f"Adds to the recipe: {titles}.",
    )


def _add(project: Project, recipe: Recipe, uses: Sequence[str]) -> None:
    """Add steps to the recipe, each at the end of its phase."""
    longer = recipe
    for use in uses:
        longer += Step(use)
    with state.flashing_errors():
        project.save_recipe(longer, recipe.revision)
        state.flash("Added to the recipe. Run it to see what they find.", ":material/playlist_add:")
