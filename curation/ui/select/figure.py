"""Figures of a choice: its bands, its curves, and two choices on one map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.looking import layout
from curation.ui.text import hover

SIGNS = {1: ("▲", "#009e73"), 0: ("○", "#7f8c8d"), -1: ("▼", "#d55e00")}
"""Better than chance, within it and worse → sign and colour; colour-blind people distinguish them."""

SYMBOLS = {"▲": "triangle-up", "○": "circle", "▼": "triangle-down"}

RANDOM, BALANCED = "rgba(127,140,141,0.55)", "rgba(86,180,233,0.55)"
"""Colours of the two bands on light and dark pages."""

BOTH, FIRST, SECOND, NEITHER = "#0072b2", "#009e73", "#e69f00", "#9aa9a9"

ROW = 46
"""Pixels of a measure."""


def side(verdict: str) -> int:
    """Return 1 for a verdict of better, −1 for one of worse, 0 for both and for neither."""
    return int("better" in verdict) - int("worse" in verdict)


def number(value: float, other: float) -> str:
    """Return a number with so many digits that it differs from another one."""
    for digits in (2, 3, 4):
        text = f"{value:,.{digits}f}"
        if text != f"{other:,.{digits}f}":
            return text
    return f"{value:,.2f}"


def bands(table: pd.DataFrame) -> go.Figure:
    """Return a row per measure: both bands as bars, the choice as a sign, the verdict at the right.

    table: of `Beside`. Each row has its own scale; the numbers are in the hover text.
    """
    figure = go.Figure()
    ends = ["chosen", "random_low", "random_high", "balanced_low", "balanced_high"]
    lowest = table[ends].min(axis=1)
    width = (table[ends].max(axis=1) - lowest).replace(0, 1.0)
    scaled = table[ends].sub(lowest, axis=0).div(width, axis=0)
    rows = np.arange(len(table))[::-1].astype(float)
    signs = [SIGNS[side(verdict)] for verdict in table["verdict"]]
    values = [number(a, b) for a, b in zip(table["chosen"], table["random_high"], strict=True)]
    for name, title, colour, lift in (
        ("random", "ten random choices", RANDOM, 0.14),
        ("balanced", "ten random balanced choices", BALANCED, -0.14),
    ):
        low, high = scaled[f"{name}_low"], scaled[f"{name}_high"]
        figure.add_bar(
            base=low,
            x=np.maximum(high - low, 0.004),
            y=rows + lift,
            width=0.24,
            orientation="h",
            name=title,
            marker_color=colour,
            customdata=[
                f"{number(a, b)} to {number(b, a)}"
                for a, b in zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)
            ],
            hovertemplate=f"{title}: %{{customdata}}<extra></extra>",
        )
    figure.add_scatter(
        x=scaled["chosen"],
        y=rows,
        mode="markers",
        name="this choice",
        showlegend=False,
        customdata=values,
        marker={
            "size": 13,
            "color": [colour for _, colour in signs],
            "symbol": [SYMBOLS[sign] for sign, _ in signs],
            "line": {"width": 1, "color": "white"},
        },
        hovertemplate="this choice: %{customdata}<extra></extra>",
        cliponaxis=False,
    )
    for row, value, verdict, (sign, colour) in zip(
        rows, values, table["verdict"], signs, strict=True
    ):
        for text, x, look in (
            (f"<b>{value}</b>", 1.03, {}),
            (f"{sign} {verdict.replace(', ', ',<br>')}", 1.03, {"color": colour}),
        ):
            figure.add_annotation(
                x=x,
                xref="paper",
                xanchor="left",
                xshift=52 if look else 0,
                y=row,
                text=text,
                showarrow=False,
                align="left",
                font={"size": 12, **look},
            )
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[_in_lines(title) for title in table["measure"]],
        automargin=True,
        range=[-0.6, len(table) - 0.4],
        showgrid=False,
    )
    figure.update_xaxes(visible=False, range=[-0.04, 1.04])
    figure.update_layout(
        height=60 + ROW * len(table),
        margin={"l": 8, "r": 265, "t": 34, "b": 4},
        barmode="overlay",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    return figure


def _in_lines(title: str) -> str:
    """Return a title in two lines, cut at the blank nearest to its middle."""
    blanks = [i for i, sign in enumerate(title) if sign == " "]
    if len(title) < 30 or not blanks:
        return hover(title)
    cut = min(blanks, key=lambda i: abs(i - len(title) / 2))
    return f"{hover(title[:cut])}<br>{hover(title[cut + 1 :])}"


def curve(table: pd.DataFrame, knee: int | None = None) -> go.Figure:
    """Return a measure over the number of chosen rows, with both bands; knee: a size to mark.

    table: rows of one measure of `Beside.curves`.
    """
    figure = go.Figure()
    for name, title, colour in (
        ("random", "ten random", RANDOM),
        ("balanced", "ten random balanced", BALANCED),
    ):
        sizes = [*table["size"], *table["size"][::-1]]
        limits = [*table[f"{name}_high"], *table[f"{name}_low"][::-1]]
        figure.add_scatter(
            x=sizes,
            y=limits,
            fill="toself",
            fillcolor=colour,
            line={"width": 0},
            mode="lines",
            name=title,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=table["size"],
        y=table["chosen"],
        mode="lines+markers",
        name="this choice",
        line={"color": SIGNS[1][1], "width": 2.5},
        marker={"size": 5},
        hovertemplate="first %{x:,}: %{y:.3f}<extra></extra>",
    )
    if knee is not None:
        figure.add_vline(x=knee, line_dash="dot", line_color=SIGNS[-1][1])
        figure.add_annotation(
            x=knee,
            y=0.04,
            yref="paper",
            text=f"knee: {knee:,}",
            showarrow=False,
            xanchor="left",
            xshift=5,
            font={"color": SIGNS[-1][1]},
        )
    figure.update_xaxes(title="examples chosen", tickformat=",")
    figure.update_layout(
        height=280,
        margin={"l": 8, "r": 8, "t": 30, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return figure


def on_map(rows: pd.DataFrame, parts: dict[str, pd.Index]) -> go.Figure:
    """Return the pool's rows on the map, coloured by which of two choices holds them.

    rows: with map_x and map_y. parts: title → ids, in the order: neither, both, first, second.
    """
    figure = go.Figure()
    looks = (
        (NEITHER, 0.25, "circle"),
        (BOTH, 0.9, "circle"),
        (FIRST, 0.9, "triangle-up"),
        (SECOND, 0.9, "diamond"),
    )
    for (title, ids), (colour, opacity, symbol) in zip(parts.items(), looks, strict=True):
        placed = rows.loc[ids]
        drawn = layout.sample(placed[placed["map_x"].notna()])
        size = float(np.clip(200 / np.sqrt(max(1, len(drawn))), 3, 8))
        figure.add_scattergl(
            x=drawn["map_x"].to_numpy(dtype="float32"),
            y=drawn["map_y"].to_numpy(dtype="float32"),
            mode="markers",
            name=f"{title} ({len(ids):,})",
            text=[hover(text, 80) for text in drawn["prompt"]] if len(drawn) <= 5_000 else None,
            hovertemplate="%{text}<extra></extra>" if len(drawn) <= 5_000 else None,
            hoverinfo=None if len(drawn) <= 5_000 else "skip",
            marker={"color": colour, "opacity": opacity, "size": size, "symbol": symbol},
        )
    placed = rows[rows["map_x"].notna()]
    for axis, (low, high) in zip(
        (figure.update_xaxes, figure.update_yaxes), layout.whole(placed), strict=True
    ):
        axis(visible=False, range=[low, high])
    figure.update_layout(
        height=520,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode="closest",
        dragmode="pan",
        legend={"itemsizing": "constant", "orientation": "h", "y": 1.02, "x": 0},
    )
    return figure
