"""Edits of a recipe: each is saved at once, unless somebody else saved since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from curation.errors import CurationError, RecipeConflict
from curation.looking import library
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.ui import state
from curation.ui.slots import Slot
from curation.ui.text import markdown

STEP = Slot("step", 0)
"""The number of the step that is open."""

PAINTED = Slot("clean-painted", "")
"""The revision of the recipe on the session's screen."""

CONFLICT = Slot[tuple[str, str] | None]("conflict", None)
"""The other's recipe and one's own, as YAML, while there is a conflict."""


def save(project: Project, recipe: Recipe, base: str) -> None:
    """Save an edited recipe; a conflict replaces the page, a mistake is a message.

    base: the revision that was on the screen when the edit was made.
    """
    try:
        project.save_recipe(recipe, base)
        PAINTED.set(project, recipe.revision)
    except RecipeConflict as conflict:
        CONFLICT.set(project, (conflict.theirs, conflict.yours))
    except CurationError as error:
        state.flash(str(error), ":material/error:")


def add(project: Project, recipe: Recipe, name: str, columns: Collection[str]) -> None:
    """Add a step at the end of its phase, after what it needs, and open it.

    columns: those that the examples have without any step.
    """
    step = Step(name)
    longer = library.with_needed(recipe, step, columns) + step
    save(project, longer, recipe.revision)
    of_name = (i for i in reversed(range(len(longer.steps))) if longer.steps[i].use == name)
    STEP.set(project, next(of_name))


def move(project: Project, recipe: Recipe, position: int, by: int) -> None:
    """Move a step within its phase; a move out of it is refused with a sentence."""
    try:
        moved = recipe.moved(position, by)
    except CurationError as error:
        state.flash(str(error), ":material/error:")
        return
    save(project, moved, recipe.revision)
    STEP.set(project, max(0, min(len(recipe.steps) - 1, position + by)))


def remove(project: Project, recipe: Recipe, position: int) -> None:
    """Remove a step; its results stay in the cache."""
    save(project, recipe.without(position), recipe.revision)
    STEP.set(project, max(0, position - 1))


def change(project: Project, recipe: Recipe, position: int, params: Mapping[str, Any]) -> bool:
    """Give a step other parameters and draw the page again; show a mistake and return False."""
    step = recipe.steps[position]
    if params == dict(step.params):
        return True
    changed = recipe.changed(position, replace_params(step, params))
    try:
        step.operation.check(params)
        project.save_recipe(changed, PAINTED.get(project) or recipe.revision)
        PAINTED.set(project, changed.revision)
    except RecipeConflict as conflict:
        CONFLICT.set(project, (conflict.theirs, conflict.yours))
    except CurationError as error:
        st.error(markdown(error, 400))
        return False
    st.rerun()


def draw_conflict(project: Project, theirs: str, yours: str) -> None:
    """Show both versions of a recipe that two people changed at once."""
    st.warning("Somebody else changed the recipe at the same time. Choose the version to keep.")
    for column, title, text in zip(
        st.columns(2), ("Theirs, saved now", "Yours"), (theirs, yours), strict=True
    ):
        with column:
            st.header(title, anchor=False)
            st.code(text, language="yaml")
            st.button(
                f"Keep {title.split(',')[0].lower()}",
                key=f"take-{title}",
                on_click=_take,
                args=(project, text, theirs),
            )


def _take(project: Project, text: str, theirs: str) -> None:
    """Settle a conflict by saving one of the two versions."""
    CONFLICT.take(project)
    save(project, Recipe.from_yaml(text), Recipe.from_yaml(theirs).revision)
