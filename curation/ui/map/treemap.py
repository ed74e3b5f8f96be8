"""Themes and topics as a treemap: sizes, a score, and a click that narrows everything to a tile."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.looking.columns import plain_name, with_shown
from curation.looking.masks import Mask, digest
from curation.project import Project, View
from curation.ui import shell, state
from curation.ui.budget import remembered
from curation.ui.charts import PALETTE, WARN
from curation.ui.slots import set_widget, widget_value
from curation.ui.text import hover, markdown

ROOT = "\x1f"
"""Id of the tile that holds all others; no theme can have it."""


def figure(
    rows: pd.DataFrame, colour: str, chosen: tuple[str, ...] = (), height: int = 600
) -> go.Figure:
    """Themes and their topics by size, coloured by the mean of a column or the share kept.

    Ids are `theme` and `theme\x1ftopic`, so that a click says which. chosen: a theme, or a theme and
    topic, which has a frame.
    """
    outer = rows["theme"] if "theme" in rows else pd.Series("topics", index=rows.index)
    numeric = colour in rows and pd.api.types.is_numeric_dtype(rows[colour])
    value = rows[colour].astype(float) if numeric else rows["dropped_by"].isna().astype(float)
    table = pd.DataFrame(
        {"theme": outer.fillna(""), "topic": rows["topic"].fillna(""), "value": value}
    )
    table = table[table["topic"] != ""]
    inner = table.groupby(["theme", "topic"])["value"].agg(["size", "mean"]).reset_index()
    groups = table.groupby("theme")["value"].agg(["size", "mean"]).reset_index()
    groups = groups.sort_values("size", ascending=False)
    title = plain_name(colour) if numeric else "share kept"
    ids = [ROOT, *groups["theme"], *(inner["theme"] + "\x1f" + inner["topic"])]
    framed = [i == "\x1f".join(chosen) for i in ids]
    marker: dict[str, Any] = {
        "line": {"width": [4 if f else 1 for f in framed]},
        "pad": {"t": 22, "l": 3, "r": 3, "b": 3},
        "cornerradius": 3,
    }
    if any(framed):
        marker["line"]["color"] = [WARN if f else "rgba(128,128,128,0.3)" for f in framed]
    if numeric or colour in ("dropped_by", "verdict"):
        marker |= {
            "colors": [table["value"].mean(), *groups["mean"], *inner["mean"]],
            "colorscale": [[0, "#f2efe4"], [0.5, "#7fc4b8"], [1, "#0f766e"]],
            "colorbar": {"title": hover(title), "thickness": 12, "len": 0.6},
        }
    else:
        tint = {t: PALETTE[i % len(PALETTE)] for i, t in enumerate(groups["theme"])}
        paler = {t: _paler(c) for t, c in tint.items()}
        marker["colors"] = [
            "rgba(0,0,0,0)",
            *(tint[t] for t in groups["theme"]),
            *(paler[t] for t in inner["theme"]),
        ]
    names = ["all", *groups["theme"], *inner["topic"]]
    means = [table["value"].mean(), *groups["mean"], *inner["mean"]]
    return go.Figure(
        go.Treemap(
            ids=ids,
            # In a tile a name takes a line for each of its words, in a header one line.
            labels=[hover(t, 60) for t in names[: 1 + len(groups)]]
            + [hover(t, 60).replace(" · ", "<br>") for t in inner["topic"]],
            parents=["", *(ROOT for _ in groups["theme"]), *inner["theme"]],
            values=[len(table), *groups["size"], *inner["size"]],
            customdata=[(hover(t, 60), round(m, 3)) for t, m in zip(names, means, strict=True)],
            branchvalues="total",
            marker=marker,
            tiling={"pad": 2},
            pathbar={"visible": False},
            texttemplate=["%{label}  %{value:,}" for _ in names[: 1 + len(groups)]]
            + ["%{label}<br>%{value:,}" for _ in inner["topic"]],
            textfont={"size": 12},
            hovertemplate="%{customdata[0]}<br>%{value:,} examples<br>"
            + hover(title)
            + " %{customdata[1]:.3g}<extra></extra>",
        ),
        layout={"height": height, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}},
    )


def _paler(colour: str, share: float = 0.45) -> str:
    """A colour mixed with white, so that tiles stand out from their header and carry dark text."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + (255 - p) * share):02x}" for p in parts)


@remembered(8)
def _figure(
    path: str,
    fingerprint: str,
    colour: str,
    about: str,
    chosen: tuple[str, ...],
    _rows: pd.DataFrame,
    _meets: Mask,
) -> go.Figure:
    """The treemap of a view; its arguments without underscore are the cache key."""
    needed = dict.fromkeys(("theme", "topic", "dropped_by", colour))
    return figure(_rows[[c for c in needed if c in _rows]][_meets], colour, chosen)


def keep_group(project: Project) -> None:
    """Save the clicked theme or topic of the treemap; a second click removes it."""
    points = widget_value("map-treemap")["selection"]["points"]
    if points:
        clicked = str(points[0].get("id", ROOT))
        group = () if clicked == ROOT else tuple(clicked.split("\x1f"))
        state.look_at(project, group=() if group == state.MAP.get(project).group else group)


def draw(project: Project, view: View, colour: str, meets: Mask) -> None:
    """Themes and topics as tiles; a click narrows what is beside it."""
    chosen = state.MAP.get(project).group
    key = (str(project.path), view.fingerprint, colour, digest(meets), chosen)
    st.plotly_chart(
        _figure(*key, with_shown(view.dataset, colour), meets),
        key="map-treemap",
        alt=f"Themes and topics of {int(meets.sum()):,} examples as tiles, the larger the more examples.",
        on_select=lambda: keep_group(project),
        width="stretch",
        config={"displaylogo": False, "displayModeBar": False},
    )


def draw_topic(project: Project, chosen: tuple[str, ...]) -> None:
    """Draw the clicked tile and a field for another name; without one, a hint."""
    if not chosen:
        st.caption(":material/category: Click a tile to see its examples and to rename it.")
        return
    st.caption(" › ".join(markdown(name) for name in chosen))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Another name", key=f"rename-{chosen[-1]}", placeholder=chosen[-1])
        st.button(
            "Rename",
            key="map-rename",
            icon=":material/edit:",
            disabled=not name.strip() or name.strip() == chosen[-1],
            on_click=rename,
            args=(project, chosen, name.strip(), project.recipe.revision),
        )
    st.button(
        "Show on the map",
        key="map-of-topic",
        icon=":material/scatter_plot:",
        on_click=to_map,
    )


def to_map() -> None:
    """Draw the map instead of the treemap."""
    set_widget("map-picture", "map")


def rename(project: Project, group: tuple[str, ...], name: str, base: str) -> None:
    """Give a theme or topic another name by a step of the recipe."""
    from curation.naming import original_names, renamed

    with state.flashing_errors():
        originals = original_names(project.view().dataset)
        project.save_recipe(renamed(project.recipe, group[-1], name, originals), base)
        state.look_at(project, group=())
        shell.start_run(project)  # everything but the names is remembered
        state.flash(f"“{group[-1]}” is called “{name}” when the run has ended.")
