"""A figure of the dataset and a reference set on one map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.looking import layout
from curation.looking.coverage import Compared
from curation.looking.gaps import Gap
from curation.ui import charts
from curation.ui.map import figure as maps
from curation.ui.text import hover, short

WITHIN, OUT, OURS = "#1f77d0", "#e4572e", "#9aa9a9"
"""Colours that colour-blind people distinguish, on light and dark pages."""

PLOT_PIXELS = (1_000, 520)
"""About the room that the points have on a screen of 1440 pixels."""

NAMED = 8
"""Gaps whose names are written on the map at most."""


def figure(
    rows: pd.DataFrame,
    compared: Compared,
    prompts: pd.Series,
    gaps: Sequence[Gap],
    reach: float,
    *,
    dark: bool = False,
    height: int = 560,
) -> go.Figure:
    """Our examples muted, and the reference set's among them, within reach or out of it.

    rows: ours with map_x and map_y; prompts: the reference set's, by its ids.
    """
    drawn = layout.sample(rows)
    size = float(np.clip(260 / np.sqrt(max(1, len(drawn))), 2.2, 7))
    result = go.Figure(
        go.Scattergl(
            x=drawn["map_x"].to_numpy(dtype="float32"),
            y=drawn["map_y"].to_numpy(dtype="float32"),
            mode="markers",
            name=f"ours ({len(rows):,})",
            hoverinfo="skip",
            marker={"color": OURS, "size": size, "opacity": 0.35},
        )
    )
    missing = compared.missing(reach)
    placed = compared.rows["map_x"].notna().to_numpy()
    for name, mask, colour in (
        ("reference set, within reach", placed & ~missing, WITHIN),
        ("reference set, out of reach", placed & missing, OUT),
    ):
        part = compared.rows[mask]
        thin = (
            part.sample(maps.HOVER_POINTS, random_state=0)
            if len(part) > maps.HOVER_POINTS
            else part
        )
        result.add_trace(
            go.Scattergl(
                x=thin["map_x"],
                y=thin["map_y"],
                mode="markers",
                name=f"{name} ({len(part):,})",
                text=[hover(prompts[i], 90) for i in thin.index],
                customdata=thin[compared.last],
                hovertemplate="%{text}<br>similarity %{customdata:.2f}<extra></extra>",
                marker={
                    "color": colour,
                    "size": float(np.clip(120 / np.sqrt(max(1, len(compared.rows))), 4, 9)),
                    "opacity": 0.9,
                },
            )
        )
    _name_gaps(result, rows, compared, gaps, dark)
    result.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode="closest",
        dragmode="pan",
        legend={"itemsizing": "constant", "orientation": "h", "y": 1.04, "x": 0},
    )
    axes = (result.update_xaxes, result.update_yaxes)
    for axis, (low, high) in zip(axes, layout.whole(rows), strict=True):
        axis(visible=False, range=[low, high])
    return result


def _name_gaps(
    result: go.Figure, rows: pd.DataFrame, compared: Compared, gaps: Sequence[Gap], dark: bool
) -> None:
    """Write the largest gaps where they are, without names that would lie on each other."""
    across, up = (
        pixels / (float(np.ptp(np.quantile(rows[c], [0.0005, 0.9995]))) or 1.0)
        for pixels, c in zip(PLOT_PIXELS, ("map_x", "map_y"), strict=True)
    )
    places = (compared.rows.loc[list(g.missing), ["map_x", "map_y"]].median() for g in gaps)
    names = (
        (short(f"{gap.name} ({len(gap.missing):,})", 44), x, y)
        for gap, (x, y) in zip(gaps, places, strict=True)
        if np.isfinite(x)
    )
    within = layout.whole(rows)[0]
    charts.write_names(
        result, names, (across, up), NAMED, within=within, dark=dark, height=22, yshift=14
    )
