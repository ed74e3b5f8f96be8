"""A figure of test examples among training examples, right and wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.looking import layout
from curation.training import answers
from curation.ui.map.figure import HOVER_POINTS
from curation.ui.text import hover

RIGHT, WRONG, TRAINED = "#0072b2", "#d55e00", "#9aa9a9"
"""Colours that colour-blind people distinguish; the signs differ, too."""


def figure(
    rows: pd.DataFrame, table: pd.DataFrame, choice: pd.Index, *, height: int = 560
) -> go.Figure:
    """Training examples muted, and test examples among them.

    rows: all, with map_x and map_y. table: a fit's answers. choice: what it was trained on.
    """
    trained = layout.sample(rows[rows.index.isin(choice) & rows["map_x"].notna()])
    size = float(np.clip(260 / np.sqrt(max(1, len(trained))), 2.5, 7))
    marker = {"color": TRAINED, "size": size, "opacity": 0.5}
    result = go.Figure(_points(trained, f"trained on ({len(choice):,})", marker))
    wrong = answers.wrong(table)
    for name, mask, symbol, colour in (
        ("right", ~wrong, "circle-open", RIGHT),
        ("wrong", wrong, "x", WRONG),
    ):
        tested = table[mask]
        part = rows.loc[tested.index[tested.index.isin(rows.index)]]
        part = part[part["map_x"].notna()]
        part = part.sample(HOVER_POINTS, random_state=0) if len(part) > HOVER_POINTS else part
        marker = {"color": colour, "size": 7, "symbol": symbol, "opacity": 0.9}
        trace = _points(part, f"{name} ({len(tested):,})", marker)
        trace.text = [
            f"{hover(prompt, 90)}<br>{hover(label, 40)}, predicted {hover(predicted, 40)}"
            for prompt, label, predicted in zip(
                part["prompt"],
                tested["label"].reindex(part.index),
                tested["predicted"].reindex(part.index),
                strict=True,
            )
        ]
        trace.hovertemplate, trace.hoverinfo = "%{text}<extra></extra>", "text"
        result.add_trace(trace)
    result.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode="closest",
        dragmode="pan",
        legend={"itemsizing": "constant", "orientation": "h", "y": 1.04, "x": 0},
    )
    placed = rows[rows["map_x"].notna()]
    axes = (result.update_xaxes, result.update_yaxes)
    for axis, (low, high) in zip(axes, layout.whole(placed), strict=True):
        axis(visible=False, range=[low, high])
    return result


def _points(part: pd.DataFrame, name: str, marker: dict[str, object]) -> go.Scattergl:
    return go.Scattergl(
        x=part["map_x"].to_numpy(dtype="float32"),
        y=part["map_y"].to_numpy(dtype="float32"),
        mode="markers",
        name=name,
        hoverinfo="skip",
        marker=marker,
    )
