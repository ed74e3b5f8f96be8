"""Beside the map: the selection, its special words and values, its examples and actions."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from curation.looking import layout
from curation.looking.columns import shown, titles, with_titles
from curation.looking.masks import SHOWN, Ids, Positions, digest, listed
from curation.looking.quotas import candidates
from curation.looking.result import SearchResult, positions
from curation.looking.special import SPREAD
from curation.ui import (
    actions,
    cards,
    charts,
    concepts,
    queues,
    quotas,
    search,
    search_result,
    state,
    tables,
)
from curation.ui.actions import DROP, KEEP, Act
from curation.ui.map import special, treemap
from curation.ui.map.bar import look_button
from curation.ui.map.scene import Scene, Selection

LIKE = search.like("map")
PLACE = ["map_x", "map_y"]
SHOW = Act(
    "Show it",
    ":material/my_location:",
    "Draw a ring around it on the map.",
    run=lambda project, example_id: state.look_at(project, marked=example_id),
)


def draw(scene: Scene) -> None:
    """Draw the selection where there is one, else a hint."""
    project, rows, looking = scene.project, scene.rows, scene.looking
    if scene.look.tiles:
        treemap.draw_topic(project, looking.group)
    if selection := Selection.of(scene):
        draw_selection(scene, selection)
        return
    opened = state.OPEN.get(project)
    if not scene.look.tiles:
        st.caption(
            ":material/lasso_select: Draw around points to see what they are. Scroll to zoom; "
            "double-click to remove the shape. With the tool :material/drag_pan: a click opens a point."
        )
    if opened and opened in rows.index and (concepts.concept_of("map") or opened == looking.marked):
        draw_example(scene, opened, None)
    elif not scene.look.tiles:
        values = shown(scene.view.dataset, scene.look.colour)
        if values is not None and pd.api.types.is_numeric_dtype(values):
            charts.distribution(values[scene.meets], scene.look.colour, key="map-counts")


def draw_selection(scene: Scene, selection: Selection) -> None:
    """Draw the selection: actions, its special words and values, and its examples."""
    project, view, rows = scene.project, scene.view, scene.rows
    chosen, result = selection.mask, selection.result
    part = Ids.of(rows.index, chosen)
    st.header(f"{len(part):,} {selection.title}", anchor=False)
    actions.for_many(project, part, "map")
    row = st.container(horizontal=True)
    best_first = positions(result, chosen)
    with row:
        queues.review_these(project, view.dataset, Ids(rows.index, best_first), "map")
    if selection.drawn:
        look = partial(look_button, row, project)
        about = "Draw this part from all of its rows."
        look(
            "Zoom", "map-zoom", ":material/zoom_in:", about, part=layout.around(rows[PLACE][chosen])
        )
        look("Remove shape", "map-let-go", ":material/deselect:", shapes={})
    if "topic" in rows:
        topics = rows["topic"][chosen & candidates(view.dataset)]
        if topics.notna().any():
            with row:
                quotas.popover(project, topics)
    key = (str(project.path), view.fingerprint, digest(chosen))
    of_part = special.of_selection(*key, view.dataset, chosen, scene.on_map & ~chosen)
    if result is not None and result.name and len(result.scores):
        least, greatest = result.range
        st.caption(f"{result.name.capitalize()} from {greatest:.2f} to {least:.2f}.")
    if facts := special.sentences(of_part, titles(view.dataset)):
        st.caption("  \n".join(facts))
    concepts.open_next(project, "map", Ids(rows.index, best_first))
    draw_list(scene, best_first, of_part.spread, result)


@st.fragment
def draw_list(
    scene: Scene, order: Positions, spread: list[str], result: SearchResult | None
) -> None:
    """Draw the examples of the selection and the open one; drawn again without the map.

    order: positions of the selected rows, best first for a search.
    """
    project, rows = scene.project, scene.rows
    state.present(project)
    if concepts.just_marked("map").get(project) is not None:
        st.rerun(scope="app")  # all others are ranked anew
    every = "all" if result is None else "best first"
    which = st.segmented_control(
        "Examples",
        ["spread out", every],
        default="spread out" if result is None else every,
        key=f"map-which-{every}",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
        help=f"Show {SPREAD} examples that lie far from each other, or all of them.",
    )
    places = rows.index.get_indexer(pd.Index(spread)) if which == "spread out" else order
    part = rows.iloc[places[:SHOWN]].copy()
    before = search_result.beside(part, places[:SHOWN], result)
    part = with_titles(scene.view.dataset, part)
    key = listed(places) + (scene.view.fingerprint if concepts.concept_of("map") else "")
    if picked := tables.examples(
        part, f"map-table-{key}", before=before, tallest=260, total=len(places)
    ):
        state.OPEN.set(project, picked)
    opened = state.OPEN.get(project)
    clicked = opened == state.MAP.get(project).marked  # the fragment's scene may be older
    if opened and opened in rows.index and (clicked or rows.index.get_loc(opened) in order):
        draw_example(scene, opened, result)


def draw_example(scene: Scene, example_id: str, result: SearchResult | None) -> None:
    """Draw the open example and its actions."""
    project, row = scene.project, scene.view.dataset.row(example_id)
    with st.container(border=True):
        cards.fate(row, titles(scene.view.dataset))
        concepts.mark_buttons(project, "map", example_id)
        if actions.for_one(project, (KEEP, DROP, SHOW, LIKE), example_id, "map"):
            st.rerun(scope="app")
        cards.conversation(row["messages"], result.query if result else "")
