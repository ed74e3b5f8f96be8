"""A target beside the dataset: both on one map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.coverage import Compared, Gap
from curation.ui import map as maps
from curation.ui.text import hover, short

WITHIN, OUT, OURS = "#1f77d0", "#e4572e", "#9aa9a9"
"""Two colours that are told apart also by those who see no red or no green, on light and dark."""

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
    height: int = 560,
) -> go.Figure:
    """Our examples muted, and the target's among them, within reach or out of it.

    rows: ours with map_x and map_y; prompts: the target's, by its ids.
    """
    drawn = maps.sample(rows)
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
        ("target, within reach", placed & ~missing, WITHIN),
        ("target, out of reach", placed & missing, OUT),
    ):
        part = compared.rows[mask]
        thin = part.sample(maps.HOVER_POINTS, random_state=0) if len(part) > 20_000 else part
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
    _name_gaps(result, rows, compared, gaps)
    result.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode="closest",
        dragmode="pan",
        legend={"itemsizing": "constant", "orientation": "h", "y": 1.04, "x": 0},
    )
    for axis, column in ((result.update_xaxes, "map_x"), (result.update_yaxes, "map_y")):
        low, high = (float(v) for v in np.quantile(rows[column], [0.0005, 0.9995]))
        room = 0.04 * (high - low) or 1.0
        axis(visible=False, range=[low - room, high + room])
    return result


def _name_gaps(
    result: go.Figure, rows: pd.DataFrame, compared: Compared, gaps: Sequence[Gap]
) -> None:
    """Write the largest gaps where they are, without names that would lie on each other."""
    across, up = (
        pixels / (float(np.ptp(np.quantile(rows[c], [0.0005, 0.9995]))) or 1.0)
        for pixels, c in zip(PLOT_PIXELS, ("map_x", "map_y"), strict=True)
    )
    taken = list[tuple[float, float, float]]()
    for gap in gaps:
        x, y = compared.rows.loc[list(gap.missing), ["map_x", "map_y"]].median()
        text = short(f"{gap.name} ({len(gap.missing):,})", 44)
        wide = sum(12 if ord(c) > 0x2E80 else 6.5 for c in text) + 8
        if not np.isfinite(x) or any(
            abs(x - a) * across < (wide + w) / 2 and abs(y - b) * up < 22 for a, b, w in taken
        ):
            continue
        taken.append((x, y, wide))
        result.add_annotation(
            x=x,
            y=y,
            text=hover(text),
            showarrow=False,
            yshift=14,
            font={"size": 11, "color": "#f4f7f7"},
            bgcolor="rgba(28,37,38,0.78)",
            borderpad=2,
        )
        if len(taken) >= NAMED:
            break
