"""Clean: the recipe as a list of steps, each with what it did."""

from __future__ import annotations

import streamlit as st

from curation.project import Project
from curation.ui import shell, state
from curation.ui.clean import edits, step, steps
from curation.ui.text import markdown
from curation.view import as_far_as


def draw_recipe(project: Project) -> None:
    """The steps on the left, and on the right the one that is open."""
    recipe = project.recipe
    dataset, stopped = as_far_as(project, recipe)
    if stopped is not None:
        st.error(markdown(stopped, 600), icon=":material/error:")
    chosen = min(edits.STEP.get(project), max(0, len(recipe.steps) - 1))
    left, right = st.container(key="clean-sides").columns([5, 8], gap="large")
    with left:
        steps.draw(project, recipe, dataset, chosen)
    with right:
        if recipe.steps:
            step.draw(project, recipe, dataset, chosen)


def draw() -> None:
    """The page."""
    shell.header(
        "Clean",
        "The recipe: every step in order, and what it dropped or changed. No example is ever deleted.",
    )
    project = state.need_project()
    if not project.imports:
        state.need_view()
    shell.note_owners(project)
    view = project.view()
    shell.stale(project, view, view.changes)
    if conflict := edits.CONFLICT.get(project):
        edits.draw_conflict(project, *conflict)
    else:
        draw_recipe(project)


draw()
