"""Map: see what the data covers, draw around a region, act on everything in it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation.dataset import Dataset
from curation.looking import layout
from curation.looking.columns import colours, shown, with_shown
from curation.looking.masks import SHOWN, Mask, digest, listed
from curation.looking.quotas import candidates
from curation.looking.result import SearchResult, positions
from curation.looking.special import SPREAD
from curation.project import Project, View
from curation.ui import (
    actions,
    cards,
    charts,
    concepts,
    filters,
    map_quality,
    quotas,
    search,
    search_result,
    shell,
    special,
    state,
    tables,
    treemap,
)
from curation.ui import map as maps
from curation.ui.actions import DROP, KEEP, Act
from curation.ui.slots import widget_value
from curation.ui.text import markdown

LIKE = search.like("map")
SHOW = Act(
    "Show it",
    ":material/my_location:",
    "Put a ring about it on the map.",
    run=lambda project, example_id: state.look_at(project, marked=example_id),
)


@st.cache_resource(max_entries=12, show_spinner=False)
def figure(
    path: str,
    fingerprint: str,
    colour: str,
    about: str,
    names: bool,
    part: layout.Range | None,
    dark: bool,
    _rows: pd.DataFrame,
    _meets: Mask,
    _behind: Mask,
) -> go.Figure:
    """The figure of a view; the key says all that it depends on."""
    needed = [c for c in dict.fromkeys(("map_x", "map_y", "prompt", "topic", colour)) if c in _rows]
    behind = [c for c in ("map_x", "map_y", colour) if c in _rows]
    ground = _rows[behind][_behind] if _behind.any() else None
    return maps.figure(
        _rows[needed][_meets], colour, names=names, part=part, ground=ground, dark=dark
    )


def keep_shapes(project: Project) -> None:
    """Note what was drawn, as the chart's callback: a figure that changes would forget it.

    A point that was clicked is opened and has a ring; what was drawn before stays.
    """
    drawn = widget_value("map-chart")["selection"]
    shapes = {kind: drawn[kind] for kind in ("lasso", "box") if drawn.get(kind)}
    if not shapes and len(drawn["points"]) == 1:
        point, rows = drawn["points"][0], project.view().dataset.rows
        clicked = layout.nearest(rows, float(point["x"]), float(point["y"]))
        state.OPEN.set(project, clicked)
        state.look_at(project, marked=clicked)
    else:
        state.look_at(project, shapes=shapes)


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


def draw_selection(
    project: Project,
    view: View,
    on_map: Mask,
    chosen: Mask,
    title: str,
    hits: SearchResult | None,
) -> None:
    """What is in the selection, what is special about it, and what can be done with it."""
    rows, looking = view.dataset.rows, state.MAP.get(project)
    part = rows[chosen]
    st.subheader(f"{len(part):,} {title}", anchor=False)
    actions.for_many(project, list(part.index), "map")
    row = st.container(horizontal=True)
    if looking.shapes and title.endswith("selected"):
        look = partial(look_button, row, project)
        about = "Draw this part from all of its rows."
        around = layout.around(part)
        look("Zoom", "map-zoom", ":material/zoom_in:", about, part=around)
        look("Let go", "map-let-go", ":material/deselect:", shapes={})
    at_choice = rows[chosen & candidates(view.dataset)]
    if "topic" in rows and at_choice["topic"].notna().any():
        with row:
            quotas.popover(project, at_choice)
    key = (str(project.path), view.fingerprint, digest(chosen))
    of_part = special.remembered(*key, view.dataset, chosen, on_map & ~chosen)
    if hits is not None and hits.name and len(hits.scores):
        st.caption(
            f"From a {hits.name} of {hits.scores.max():.2f} down to {hits.scores.min():.2f}."
        )
    if facts := special.sentences(of_part):
        st.caption("  \n".join(facts))
    at = positions(hits, chosen)
    concepts.open_next(project, "map", rows.index[at])
    draw_list(project, view, at, of_part.spread, hits)


@st.fragment
def draw_list(
    project: Project, view: View, at: Mask, spread: list[str], hits: SearchResult | None
) -> None:
    """Examples of the selection, and the one that is open; redrawn without the map.

    at: positions of the selected rows, best first where something was looked for.
    """
    if concepts.just_marked("map").get(project) is not None:
        st.rerun(scope="app")  # all others are ranked anew
    rows = view.dataset.rows
    every = "all" if hits is None else "best first"
    which = st.segmented_control(
        "Examples",
        ["spread out", every],
        default="spread out" if hits is None else every,
        key=f"map-which-{every}",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
        help=f"{SPREAD} that lie far from each other, or the list of all",
    )
    listed_rows = rows.index.get_indexer(pd.Index(spread)) if which == "spread out" else at
    part = rows.iloc[listed_rows[:SHOWN]].copy()
    before = search_result.beside(part, listed_rows[:SHOWN], hits)
    key = listed(listed_rows) + (view.fingerprint if concepts.concept_of("map") else "")
    picked = tables.examples(
        part, f"map-table-{key}", before=before, tallest=260, total=len(listed_rows)
    )
    if picked:
        state.OPEN.set(project, picked)
    opened = state.OPEN.get(project)
    clicked = opened == state.MAP.get(project).marked
    if opened in rows.index and (clicked or rows.index.get_loc(opened) in at):
        draw_example(project, rows.loc[opened], hits)


def draw_example(project: Project, row: pd.Series, hits: SearchResult | None) -> None:
    """The example that is open, and what can be done from it."""
    example_id = str(row.name)
    with st.container(border=True):
        cards.fate(row)
        concepts.mark_buttons(project, "map", example_id)
        if actions.for_one(project, (KEEP, DROP, SHOW, LIKE), example_id, "map"):
            st.rerun(scope="app")
        cards.conversation(row["messages"], hits.query if hits else "")


def draw_look(bar: DeltaGenerator, dataset: Dataset) -> tuple[str, str, bool]:
    """How the examples are drawn: map or treemap, by which column coloured, with names or not."""
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
        format_func=lambda c: c.replace("_", " "),
        label_visibility="collapsed",
        icon=":material/palette:",
        width=260,
    )
    names = picture == "map" and bar.toggle(
        "Names", value=True, key="map-names", persist_state="session"
    )
    return picture, str(colour), names


def draw_chips(project: Project, looking: state.MapView, bar: DeltaGenerator) -> None:
    """What the map is narrowed to, each with a click to let go."""
    look = partial(look_button, bar, project)
    if looking.group:
        name = markdown(looking.group[-1], 32)
        look(name, "map-group", ":material/close:", group=())
    if looking.marked:
        about = "Let go of the example that was shown on the map."
        look("Ring", "map-ring", ":material/close:", about, marked="")
    if looking.part:
        look("Whole map", "map-whole", ":material/zoom_out_map:", part=None)


def draw_map(
    project: Project,
    view: View,
    colour: str,
    names: bool,
    on_map: Mask,
    meets: Mask,
    hits: SearchResult | None,
) -> None:
    """The map with what was found, marked and drawn on it."""
    looking = state.MAP.get(project)
    rows = view.dataset.rows
    about, dark = digest(meets), state.dark()
    key = (str(project.path), view.fingerprint, colour, about, names, looking.part, dark)
    coloured = with_shown(view.dataset, colour)
    drawn = figure(*key, coloured, meets, on_map & ~meets)
    at = [] if hits is None else positions(hits, meets)
    ringed = rows.iloc[at[:2_000]]
    title = f"found ({len(at):,})" if len(ringed) else "this one"
    if looking.marked in rows.index and pd.notna(rows.at[looking.marked, "map_x"]):
        ringed = pd.concat(
            [rows.loc[[looking.marked]], ringed.drop(looking.marked, errors="ignore")]
        )
    if len(ringed) or looking.shapes:
        drawn = maps.with_marks(drawn, ringed, looking.shapes, title, dark=dark)
    st.plotly_chart(
        drawn,
        key="map-chart",
        on_select=lambda: keep_shapes(project),
        selection_mode=("points", "lasso", "box"),
        width="stretch",
        config={
            "scrollZoom": True,
            "displaylogo": False,
            "doubleClick": "reset",  # shapes count for Plotly's own scaling, and the veil is wide
            # One way to zoom into a part is enough: that of the panel draws it from all of its rows.
            "modeBarButtonsToRemove": ["toImage", "autoScale2d", "zoom2d"],
        },
    )


def draw_side(
    project: Project,
    view: View,
    on_map: Mask,
    meets: Mask,
    hits: SearchResult | None,
    tiles: bool,
) -> None:
    """Beside the picture: the selection where there is one, else what there is to do."""
    rows, looking = view.dataset.rows, state.MAP.get(project)
    if tiles:
        treemap.draw_topic(project, looking.group)
    chosen, title = meets, "in it" if looking.group else "meet the filter"
    if hits is not None and (chosen & hits.mask).any():
        chosen, title = chosen & hits.mask, "found"
    else:
        hits = None
    if looking.shapes and not tiles:
        chosen = chosen & layout.selected(rows, looking.shapes)
        title = "selected" if hits is None else "of those found selected"
    if chosen.any() and not (title == "meet the filter" and (chosen == on_map).all()):
        draw_selection(project, view, on_map, chosen, title, hits)
        return
    opened = state.OPEN.get(project)
    if not tiles:
        st.caption(
            ":material/lasso_select: Draw around points to see what they are. Scroll to zoom; "
            "double-click to let go. With the tool :material/drag_pan: a click opens a point."
        )
    if opened in rows.index and (concepts.concept_of("map") or opened == looking.marked):
        draw_example(project, rows.loc[opened], None)
    elif not tiles:
        colour = str(widget_value("map-colour"))
        values = shown(view.dataset, colour)
        if values is not None and pd.api.types.is_numeric_dtype(values):
            charts.distribution(values[meets], colour, key="map-counts")


def draw() -> None:
    """The page."""
    project, view = state.need_view()
    shell.header(
        "Map",
        "Examples that mean alike lie together: draw around a region, list it, act on all of it.",
    )
    shell.stale(view)
    rows = view.dataset.rows
    if "map_x" not in rows:
        st.info(
            "The recipe is running; the map is here when it has ended."
            if shell.running(project)
            else "There is no map yet: the recipe needs the steps Embeddings and Map, and a run.",
            icon=":material/scatter_plot:",
        )
        return
    top = st.container()  # drawn last: what is found depends on the filter
    looking = state.MAP.get(project)
    bar = st.container(horizontal=True, vertical_alignment="center")
    if (
        looking.group and not layout.in_group(rows, looking.group).any()
    ):  # it was renamed, or is gone
        state.look_at(project, group=())
        looking = state.MAP.get(project)
    picture, colour, names = draw_look(bar, view.dataset)
    narrowed = filters.narrowed("map")
    with bar.popover(f"Filter ({narrowed})" if narrowed else "Filter", icon=":material/tune:"):
        condition = filters.filters(view.dataset, "map", narrow=True)
    on_map = rows["map_x"].notna().to_numpy()
    filtered = on_map & condition.mask(view.dataset)
    meets = filtered & layout.in_group(rows, looking.group)
    with bar.popover("About", icon=":material/info:"):
        map_quality.draw(project, view, on_map)
    draw_chips(project, looking, bar)
    with top:
        hits = search.controls(project, view, "map", meets)
    if not meets.any():
        st.caption("No example meets these conditions.")
        return
    left, right = st.columns([9, 4], gap="medium")
    with left:
        if picture == "treemap":
            if "topic" not in rows:
                st.caption("There are no topics yet: add the step Topics and run the recipe.")
                return
            treemap.draw(project, view, colour, filtered)
        else:
            draw_map(project, view, colour, names, on_map, meets, hits)
        shown, off = int(meets.sum()), len(rows) - int(on_map.sum())
        dropped = int((meets & rows["dropped_by"].notna().to_numpy()).sum())
        if looking.part and picture == "map":
            inside = int((meets & layout.within(rows, looking.part)).sum())
            st.caption(maps.count(inside, off, of=shown))
        else:
            st.caption(maps.count(shown, off, dropped=dropped))
    with right:
        tiles = picture == "treemap"
        draw_side(project, view, on_map, meets, hits, tiles)
    concepts.just_marked("map").take(project)


draw()
