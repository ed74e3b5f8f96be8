"""Map: see what the data covers, draw around a region, act on everything in it."""

from __future__ import annotations

import streamlit as st

from curation.ui import concepts, shell, state, unread
from curation.ui.map import bar, picture, side, treemap


def draw() -> None:
    """The page."""
    shell.header(
        "Map",
        "Examples with a similar meaning lie together. Draw around a region to list it and act on it.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    rows = view.dataset.rows
    unread.draw(project, rows, view.fingerprint)
    if "map_x" not in rows:
        st.info(
            "The recipe is running. The map appears when it has ended."
            if shell.running(project)
            else "There is no map yet: the recipe needs the steps Embeddings and Map, and a run.",
            icon=":material/scatter_plot:",
        )
        return
    scene = bar.draw(project, view)
    if not scene.meets.any():
        st.caption("No example meets these conditions.")
        return
    left, right = st.columns([9, 4], gap="medium")
    with left:
        if not scene.look.tiles:
            picture.draw(scene)
        elif "topic" in rows:
            treemap.draw(project, view, scene.look.colour, scene.filtered)
        else:
            st.caption("There are no topics yet: add the step Topics and run the recipe.")
            return
        st.caption(picture.count(scene))
    with right:
        side.draw(scene)
    concepts.just_marked("map").take(project)


draw()
