"""The map on the page, with marks for the search result and the drawn shapes."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.looking import layout
from curation.looking.columns import with_shown
from curation.looking.masks import Mask, Positions, digest
from curation.looking.result import positions
from curation.project import Project
from curation.ui import state
from curation.ui.budget import remembered
from curation.ui.map import figure as figures
from curation.ui.map.scene import Scene
from curation.ui.slots import widget_value

RINGS = 2_000
"""Greatest number of rows of a search result that have a ring."""


def draw(scene: Scene) -> None:
    """Draw the map; a click or a shape on it is kept."""
    project, dark = scene.project, state.dark()
    plain = _plain(scene, dark)
    ringed, title = _ringed(scene)
    shapes = scene.looking.shapes
    if len(ringed) or shapes:
        plain = figures.with_marks(plain, ringed, shapes, title, dark=dark)
    st.plotly_chart(
        plain,
        key="map-chart",
        alt=f"A map by meaning. {count(scene)} The panel beside it searches and lists them.",
        on_select=lambda: keep_shapes(project),
        selection_mode=("points", "lasso", "box"),
        width="stretch",
        config={
            "scrollZoom": True,
            "displaylogo": False,
            "doubleClick": "reset",  # shapes count for Plotly's own scaling, and the veil is wide
            # One zoom into a part is enough: that of the panel draws it from all of its rows.
            "modeBarButtonsToRemove": ["toImage", "autoScale2d", "zoom2d"],
        },
    )


def count(scene: Scene) -> str:
    """The numbers of rows that are drawn, dropped, and without a place."""
    counts = layout.MapCounts.of(
        scene.rows, scene.meets, None if scene.look.tiles else scene.looking.part
    )
    if counts.inside is not None:
        return figures.count(counts.inside, counts.without_place, of=counts.shown)
    return figures.count(counts.shown, counts.without_place, dropped=counts.dropped)


def keep_shapes(project: Project) -> None:
    """Save the drawn shapes, as the chart's callback: a figure that changes would forget them.

    A clicked point opens its example and gets a ring; the shapes stay.
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


def _ringed(scene: Scene) -> tuple[pd.DataFrame, str]:
    """The rows that have a ring, the marked one first, and their name in the legend."""
    rows, result, marked = scene.rows, scene.result, scene.looking.marked
    best: Positions | list[int] = [] if result is None else positions(result, scene.meets)
    ringed = rows.iloc[best[:RINGS]]
    title = f"search result ({len(best):,})" if len(ringed) else "this one"
    if marked in rows.index and scene.on_map[rows.index.get_loc(marked)]:
        ringed = pd.concat([rows.loc[[marked]], ringed.drop(marked, errors="ignore")])
    return ringed, title


def _plain(scene: Scene, dark: bool) -> go.Figure:
    """The map without marks, remembered under all that it depends on."""
    view, look = scene.view, scene.look
    return _figure(
        str(scene.project.path),
        view.fingerprint,
        look.colour,
        digest(scene.meets),
        look.names,
        scene.looking.part,
        dark,
        with_shown(view.dataset, look.colour),
        scene.meets,
        scene.on_map & ~scene.meets,
    )


@remembered(12)
def _figure(
    path: str,
    fingerprint: str,
    colour: str,
    shown: str,
    names: bool,
    part: layout.Range | None,
    dark: bool,
    _rows: pd.DataFrame,
    _meets: Mask,
    _behind: Mask,
) -> go.Figure:
    needed = [c for c in figures.columns(colour, _meets, part) if c in _rows]
    behind = [c for c in ("map_x", "map_y", colour) if c in _rows]
    plain = _rows[needed].reset_index(drop=True)  # ids are texts, to be copied
    ground = plain[behind][_behind] if _behind.any() else None
    return figures.figure(plain[_meets], colour, names=names, part=part, ground=ground, dark=dark)
