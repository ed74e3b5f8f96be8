"""Map: see what the data covers, draw around a region, act on everything in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from curation.project import Project
from curation.ui import actions, cards, frame, state, tables
from curation.ui import map as maps
from curation.ui.text import markdown

COLOURS = (
    "topic",
    "dropped_by",
    "verdict",
    "label",
    "source",
    "language",
    "split",
    "quality",
    "response_tokens",
)


@st.cache_resource(max_entries=12, show_spinner=False)
def figure(
    path: str, fingerprint: str, colour: str, fate: str, names: bool, _rows: pd.DataFrame
) -> Any:
    """The figure of a view; the key says all that it depends on."""
    return maps.figure(_rows, colour, names=names)


def draw_panel(project: Project, rows: pd.DataFrame, chosen: np.ndarray) -> None:
    """What is in the selection, what is special about it, and what can be done with it."""
    part, rest = rows[chosen], rows[~chosen]
    st.subheader(f"{len(part):,} selected", anchor=False)
    actions.bulk_buttons(project, list(part.index), "map")
    spread = part.iloc[np.unique(np.linspace(0, len(part) - 1, 600).astype(int))]
    others = (
        rest.iloc[np.unique(np.linspace(0, max(0, len(rest) - 1), 1500).astype(int))]
        if len(rest)
        else rest
    )
    words = maps.special_words(
        [*(spread["prompt"] + " " + spread["response"])],
        [*(others["prompt"] + " " + others["response"])],
    )
    if words:
        st.caption("Its own words: " + " · ".join(markdown(w) for w in words))
    lines = []
    for column in ("language", "source", "label", "dropped_by"):
        if column in rows and part[column].notna().any():
            share = part[column].fillna("").value_counts(normalize=True)
            usual = rest[column].fillna("").value_counts(normalize=True)
            lift = (share - usual.reindex(share.index).fillna(0)).sort_values(ascending=False)
            if len(lift) and lift.iloc[0] > 0.1 and lift.index[0]:
                lines.append(
                    f"{column.replace('_', ' ')} {markdown(lift.index[0])}: {share[lift.index[0]]:.0%} here, "
                    f"{usual.get(lift.index[0], 0):.0%} elsewhere"
                )
    for column in ("response_tokens", "quality"):
        if column in rows and part[column].notna().any():
            lines.append(
                f"{column.replace('_', ' ')}: median {part[column].median():.3g} here, "
                f"{rest[column].median():.3g} elsewhere"
            )
    for line in lines:
        st.caption(line)
    picked = tables.pick(part, "map-table", [], height=260)
    if picked:
        with st.container(border=True):
            cards.fate(rows.loc[picked])
            cards.conversation(rows.at[picked, "messages"])


def draw() -> None:
    """The page."""
    project, view = state.need_view()
    frame.header(
        "Map",
        "Examples that mean alike lie together: draw around a region, list it, act on all of it.",
    )
    frame.stale(view)
    rows = view.dataset.rows
    if "map_x" not in rows:
        st.info(
            "There is no map yet: the recipe needs the steps Embeddings and Map, and a run.",
            icon=":material/scatter_plot:",
        )
        return
    controls = st.columns([3, 3, 2, 4], vertical_alignment="center")
    options = [c for c in COLOURS if c in rows and rows[c].notna().any()]
    options += [c for c in tables.numbers(rows) if c not in options]
    colour = controls[0].selectbox(
        "Colour",
        options,
        key="map-colour",
        persist_state="session",
        format_func=lambda c: c.replace("_", " "),
        label_visibility="collapsed",
        icon=":material/palette:",
    )
    with controls[1]:
        fate = st.segmented_control(
            "Fate",
            ["all", "kept", "dropped"],
            default="all",
            key="map-fate",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
    names = controls[2].toggle("Topic names", value=True, key="map-names", persist_state="session")
    placed = rows[rows["map_x"].notna()]
    if fate != "all":
        placed = placed[placed["dropped_by"].isna() == (fate == "kept")]
    drawn = min(len(placed), maps.POINTS)
    missing = len(rows) - int(rows["map_x"].notna().sum())
    controls[3].caption(
        f"{drawn:,} of {len(placed):,} drawn; a shape counts all of them."
        + (f" {missing:,} were dropped before they were embedded." if missing else "")
    )
    if placed.empty:
        st.caption("No example meets these conditions.")
        return
    left, right = st.columns([9, 4], gap="medium")
    with left:
        event = st.plotly_chart(
            figure(str(project.path), view.fingerprint, str(colour), str(fate), names, placed),
            key="map-chart",
            on_select="rerun",
            selection_mode=("lasso", "box"),
            width="stretch",
            config={
                "scrollZoom": True,
                "displaylogo": False,
                "modeBarButtonsToRemove": ["toImage"],
            },
        )
    with right:
        chosen = maps.selected(placed, event["selection"])
        if chosen.any():
            draw_panel(project, placed, chosen)
        else:
            st.caption(
                ":material/lasso_select: Draw around points to see what they are. "
                "Scroll to zoom; double-click to let go."
            )
            if colour and not pd.api.types.is_numeric_dtype(placed[colour]):
                from curation.ui import charts

                charts.counts(
                    placed[colour].fillna("kept") if colour == "dropped_by" else placed[colour],
                    top=18,
                    key="map-counts",
                )


draw()
