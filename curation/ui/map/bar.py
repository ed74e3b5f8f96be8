"""The rows above the map: search, picture, colour, filter, quality, and chips of the filters."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation.dataset import Dataset
from curation.looking import layout
from curation.looking.columns import colours, plain_name
from curation.looking.filter import Filter
from curation.project import Project, View
from curation.ui import filters, search, state
from curation.ui.map import quality
from curation.ui.map.scene import Look, Scene
from curation.ui.text import markdown


def draw(project: Project, view: View) -> Scene:
    """Draw the rows; return what they choose."""
    rows = view.dataset.rows
    top = st.container()  # drawn last: the search result depends on the filter
    bar = st.container(horizontal=True, vertical_alignment="center")
    group = state.MAP.get(project).group
    if group and not layout.in_group(rows, group).any():  # it was renamed or removed
        state.look_at(project, group=())
    looking = state.MAP.get(project)
    look = _look(bar, view.dataset)
    on_map = rows["map_x"].notna().to_numpy()
    filtered = on_map & _filter(bar, view.dataset).mask(view.dataset)
    meets = filtered & layout.in_group(rows, looking.group)
    with bar.popover("About", icon=":material/info:"):
        quality.draw(project, view, on_map)
    _chips(project, looking, bar)
    with top:
        result = search.controls(project, view, "map", meets)
    return Scene(project, view, look, looking, on_map, filtered, meets, result)


def _look(bar: DeltaGenerator, dataset: Dataset) -> Look:
    """Draw and return the look: map or treemap, the column for the colour, names or not."""
    picture = bar.segmented_control(
        "Picture",
        ["map", "treemap"],
        default="map",
        key="map-picture",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    colour = bar.selectbox(
        "Colour",
        colours(dataset),
        key="map-colour",
        persist_state="session",
        format_func=plain_name,
        label_visibility="collapsed",
        icon=":material/palette:",
        width=260,
    )
    names = picture == "map" and bar.toggle(
        "Names", value=True, key="map-names", persist_state="session"
    )
    return Look(picture == "treemap", str(colour), names)


def _filter(bar: DeltaGenerator, dataset: Dataset) -> Filter:
    """The filter, behind a button that says how many conditions it has."""
    narrowed = filters.narrowed("map")
    with bar.popover(f"Filter ({narrowed})" if narrowed else "Filter", icon=":material/tune:"):
        return filters.filters(dataset, "map", narrow=True)


def _chips(project: Project, looking: state.MapView, bar: DeltaGenerator) -> None:
    """Draw what limits the map; a click removes it."""
    look = partial(look_button, bar, project)
    if looking.group:
        name = markdown(looking.group[-1], 32)
        look(name, "map-group", ":material/close:", group=())
    if looking.marked:
        about = "Remove the ring around the example."
        look("Ring", "map-ring", ":material/close:", about, marked="")
    if looking.part:
        look("Whole map", "map-whole", ":material/zoom_out_map:", part=None)


def look_button(
    place: DeltaGenerator,
    project: Project,
    label: str,
    key: str,
    icon: str,
    help: str | None = None,
    **changes: Any,
) -> None:
    """A button that changes what the session looks at on the map."""
    place.button(
        label,
        key=key,
        icon=icon,
        help=help,
        on_click=state.look_at,
        args=(project,),
        kwargs=changes,
    )
