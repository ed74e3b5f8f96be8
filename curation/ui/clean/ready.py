"""Recipes for kinds of data, with what each would change, to begin with or to change to."""

from __future__ import annotations

import streamlit as st

from curation.presets import Change, Preset, presets
from curation.project import Project
from curation.recipe import Recipe
from curation.ui.clean import edits


def draw(project: Project, recipe: Recipe) -> None:
    """Draw the choice of a preset, the steps that go and come, and the button that takes it."""
    with st.popover("Recipes by kind of data", icon=":material/menu_book:", width="stretch"):
        chosen = st.selectbox(
            "Kind of data",
            list(presets().values()),
            index=None,
            format_func=lambda preset: preset.title,
            key="preset",
            placeholder="choose a kind of data",
        )
        if chosen is not None:
            _draw_change(project, recipe, chosen)


def _draw_change(project: Project, recipe: Recipe, preset: Preset) -> None:
    st.caption(preset.about)
    lines = Change.of(recipe, preset.recipe).lines()
    if not lines:
        st.caption("The recipe has these steps already.")
        return
    st.caption("Steps that go, and steps that come in their place:")
    st.code("\n".join(lines), language="diff", wrap_lines=True)
    st.button(
        "Use this recipe",
        type="primary",
        key="preset-use",
        on_click=edits.save,
        args=(project, preset.recipe, recipe.revision),
    )
