"""The map as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.looking.columns import plain_name
from curation.looking.layout import POINTS, Range, sample, whole, within
from curation.looking.masks import Mask
from curation.ui.charts import MUTED, PALETTE, WARN, write_names
from curation.ui.text import hover, short

HOVER_POINTS = 20_000
"""Greatest number of points that carry the beginning of their prompt; more would be megabytes."""

CATEGORIES = len(PALETTE) - 1

PLOT_PIXELS = (700, 515)
"""About the room that the points have on a screen of 1440 pixels; names are kept apart by it."""

NAMED = 18
"""Topics whose names are written on the map at most."""

NAMED_SHARE = 0.002
"""Share of the visible examples that a topic needs to have its name written."""


def count(shown: int, missing: int, of: int = 0, dropped: int = 0) -> str:
    """The numbers of rows that are drawn and that have no place, in a sentence or two.

    of: how many there are on the whole map, where a part of it is looked into. dropped: of those
    that are drawn, how many the recipe or somebody has dropped.
    """
    drawn = f"{shown:,} examples{f' of {of:,} lie in this part' if of else ''}."
    if shown > POINTS:
        part = f"{shown:,} in this part" if of else f"{shown:,}"
        drawn = f"{POINTS:,} of {part} drawn; what you draw around counts all of them."
    if dropped:
        drawn = f"{drawn[:-1]}; {dropped:,} of these are dropped."
    return drawn + (f" {missing:,} were dropped before they were embedded." if missing else "")


def columns(colour: str, chosen: Mask, part: Range | None) -> list[str]:
    """The columns that a figure of the chosen rows reads; of very many none shows its prompt."""
    texts = ["prompt"] if part is not None or chosen.sum() <= HOVER_POINTS else []
    return list(dict.fromkeys(["map_x", "map_y", "topic", colour, *texts]))


def figure(
    rows: pd.DataFrame,
    colour: str,
    *,
    names: bool = True,
    part: Range | None = None,
    ground: pd.DataFrame | None = None,
    dark: bool = False,
    height: int = 640,
) -> go.Figure:
    """The map of the given rows, coloured by a column; at most POINTS are drawn.

    part: a rectangle to look into, from all of whose rows the points are drawn. ground: rows that
    lie behind in grey. Where there are more rows than points, their density is drawn under them.
    """
    places = [f[["map_x", "map_y"]] for f in (rows, ground) if f is not None]
    span = part or whole(pd.concat(places))
    inner = rows if part is None else rows[within(rows, part)]
    drawn = sample(inner)
    size = float(np.clip(260 / np.sqrt(max(1, len(drawn))), 2.2, 8))
    result = go.Figure()
    if ground is not None:
        result.add_trace(_behind(sample(ground, POINTS // 5), size))
    if len(inner) > len(drawn):
        result.add_trace(_density(inner, span))
    values = drawn[colour] if colour in drawn else pd.Series("", index=drawn.index)
    hovered = len(drawn) <= HOVER_POINTS
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
        marker = _by_number(values.astype(float), colour, size)
        result.add_trace(_trace(drawn, "", marker, hovered))
    else:
        missing = "kept" if colour == "dropped_by" else "none"
        every = [f[colour] for f in (rows, ground) if f is not None and colour in f]
        order = _as_text(pd.concat(every or [values]), missing).value_counts().index.tolist()
        counted = inner[colour] if colour in inner else values
        sizes = _as_text(counted, missing).value_counts()
        counts = {str(value): int(count) for value, count in sizes.items()}
        text = _as_text(values, missing)
        for trace in _by_category(drawn, text, order, counts, missing, size, hovered):
            result.add_trace(trace)
    if names and "topic" in rows and len(inner):
        _name_topics(result, inner, span, dark)
    result.update_layout(
        height=height,
        dragmode="lasso",
        # Room for any legend, so that no point moves when another colour has a longer one.
        margin={"l": 0, "r": 0, "t": 0, "b": 120},
        hovermode="closest",
        legend={
            "itemsizing": "constant",
            "font": {"size": 11},
            "orientation": "h",
            "yanchor": "top",
            "y": -0.01,
        },
        uirevision=f"{colour} {part}",
        showlegend=any(trace.name for trace in result.data),
    )
    for axis, (low, high) in zip((result.update_xaxes, result.update_yaxes), span, strict=True):
        axis(visible=False, range=[low, high])
    return result


VEIL = {False: "rgba(255,255,255,0.62)", True: "rgba(15,20,21,0.62)"}
"""Colour over the map outside of a drawn shape: dark page → colour."""


def with_marks(
    plain: go.Figure,
    marked: pd.DataFrame,
    shapes: Mapping[str, Any],
    title: str,
    *,
    dark: bool = False,
) -> go.Figure:
    """A copy of a figure with rings about some rows, the drawn shapes, and a veil around them."""
    result = go.Figure(plain)
    many = len(marked) > 40
    if len(marked) > 1:
        result.update_traces(opacity=0.4, selector={"type": "scattergl"})
    if len(marked):
        result.add_trace(
            go.Scattergl(
                x=marked["map_x"].to_numpy(dtype="float32"),
                y=marked["map_y"].to_numpy(dtype="float32"),
                mode="markers",
                name=title,
                text=[hover(t, 70) for t in marked["prompt"]],
                hovertemplate="%{text}<extra></extra>",
                marker={
                    "symbol": "circle-open",
                    "size": 8 if many else 11,
                    "color": WARN,
                    "line": {"width": 1.2 if many else 2},
                },
            )
        )
        result.update_layout(showlegend=True)
    outlines = [
        list(zip(lasso["x"], lasso["y"], strict=True)) for lasso in shapes.get("lasso") or []
    ]
    for box in shapes.get("box") or []:
        (x0, x1), (y0, y1) = sorted(box["x"]), sorted(box["y"])
        outlines.append([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    paths = [_path(outline) for outline in outlines]
    if len(paths) == 1:  # of two that overlap the rule that makes holes would fill what both hold
        (x0, x1), (y0, y1) = (_wider(a.range) for a in (result.layout.xaxis, result.layout.yaxis))
        around = _path([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        veil = {"fillcolor": VEIL[dark], "line": {"width": 0}}
        result.add_shape(type="path", path=f"{around} {paths[0]}", **veil)
    for path in paths:
        result.add_shape(type="path", path=path, line={"color": WARN, "width": 2.5})
    return result


def _wider(span: Sequence[float]) -> tuple[float, float]:
    """A range with three times its width on either side, for who zooms out."""
    low, high = span
    return low - 3 * (high - low), high + 3 * (high - low)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A closed outline as SVG writes it."""
    return f"M {' L '.join(f'{x},{y}' for x, y in points)} Z"


def _behind(rows: pd.DataFrame, size: float) -> go.Scattergl:
    return go.Scattergl(
        x=rows["map_x"].to_numpy(dtype="float32"),
        y=rows["map_y"].to_numpy(dtype="float32"),
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        marker={"color": MUTED, "opacity": 0.18, "size": size},
    )


CELLS = 220
"""Cells of the density picture along each side."""


def _density(rows: pd.DataFrame, span: Range) -> go.Heatmap:
    """The density of rows on a logarithmic scale, in one colour that fades to nothing."""
    x, y = rows["map_x"].to_numpy(dtype=float), rows["map_y"].to_numpy(dtype=float)
    counts, xs, ys = np.histogram2d(x, y, bins=CELLS, range=list(span))
    values = np.log10(counts.T, where=counts.T > 0, out=np.full(counts.T.shape, np.nan))
    return go.Heatmap(
        x=(xs[:-1] + xs[1:]) / 2,
        y=(ys[:-1] + ys[1:]) / 2,
        z=np.round(values, 2).astype("float32"),
        colorscale=[[0, "rgba(20,163,148,0.10)"], [1, "rgba(20,163,148,0.75)"]],
        showscale=False,
        hoverinfo="skip",
    )


def _by_number(values: pd.Series, name: str, size: float) -> dict[str, Any]:
    """A marker whose colour follows a number, from its 1st to its 99th percentile."""
    low, high = np.nanquantile(values, [0.01, 0.99]) if values.notna().any() else (0.0, 1.0)
    title = hover(plain_name(name))
    return {
        "color": values,
        "colorscale": "Viridis",
        "cmin": float(low),
        "cmax": float(high),
        "size": size,
        "colorbar": {
            "title": {"text": title, "side": "top"},
            "orientation": "h",
            "thickness": 12,
            "len": 0.5,
            "x": 0.74,
            "y": -0.02,
            "yanchor": "top",
        },
    }


def _as_text(values: pd.Series, missing: str) -> pd.Series:
    return values.astype("str").fillna(missing).replace("", missing)


def _by_category(
    rows: pd.DataFrame,
    text: pd.Series,
    order: list[str],
    counts: Mapping[str, int],
    missing: str,
    size: float,
    hovered: bool,
) -> Iterator[go.Scattergl]:
    """A trace for each frequent category; the others share one, in colours that come again.

    order: all categories, the most frequent first, so that a part of the map keeps the colours.
    counts: how many rows of each there are, drawn or not.
    """
    if "kept" in order:
        order = ["kept", *(c for c in order if c != "kept")]
    shown = order[:CATEGORIES] if len(order) > CATEGORIES + 1 else order
    codes = pd.Categorical(text, categories=order).codes
    others = codes >= len(shown)
    if others.any():
        marker = {
            "color": codes[others] % len(PALETTE),
            "colorscale": [[i / (len(PALETTE) - 1), c] for i, c in enumerate(PALETTE)],
            "cmin": 0,
            "cmax": len(PALETTE) - 1,
            "size": size,
        }
        rest = sum(int(counts.get(value, 0)) for value in order[len(shown) :])
        title = f"{len(order) - len(shown)} others ({rest:,})"
        trace = _trace(rows[others], title, marker, hovered)
        # Its sign in the legend would take the first one's colour, which is another category's.
        yield trace.update(legendgroup="others", showlegend=False)
        sign = {"color": MUTED, "symbol": "circle-open", "line": {"width": 2}}
        yield go.Scattergl(
            x=[None],
            y=[None],
            mode="markers",
            name=title,
            legendgroup="others",
            legendrank=2_000,  # the last, though drawn first, behind all
            marker=sign,
        )
    for i, value in enumerate(shown):
        part = rows[codes == i]
        if len(part):
            marker = {"color": MUTED if value in (missing, "none") else PALETTE[i], "size": size}
            title = f"{hover(value, 32)} ({int(counts.get(value, 0)):,})"
            yield _trace(part, title, marker, hovered)


def _trace(
    rows: pd.DataFrame, name: str, marker: dict[str, Any], hovered: bool = True
) -> go.Scattergl:
    texts = [hover(t, 70) for t in rows["prompt"]] if hovered else None
    return go.Scattergl(
        x=rows["map_x"].to_numpy(dtype="float32"),
        y=rows["map_y"].to_numpy(dtype="float32"),
        mode="markers",
        name=name,
        showlegend=bool(name),
        text=texts,
        hovertemplate=("%{text}" if texts else name) + "<extra></extra>",
        marker={"opacity": 0.75, **marker},
        selected={"marker": {"opacity": 0.75}},
        unselected={
            "marker": {"opacity": 0.75}
        },  # the veil says what is selected, a ring who is open
    )


def _name_topics(result: go.Figure, rows: pd.DataFrame, span: Range, dark: bool) -> None:
    """Write the largest topics where their examples are, without names that would collide."""
    across, up = (
        pixels / (high - low or 1.0) for pixels, (low, high) in zip(PLOT_PIXELS, span, strict=True)
    )
    places = rows.groupby("topic", observed=True)[["map_x", "map_y"]].median()
    sizes = rows["topic"].dropna().value_counts()
    enough = max(3, len(rows) * NAMED_SHARE)  # a stray point is not where a topic lies
    largest = [t for t, size in sizes.iloc[:60].items() if t and size >= enough]
    middle = places.loc[largest].to_numpy(dtype=float)
    names = ((short(t, 30), x, y) for t, (x, y) in zip(largest, middle, strict=True))
    write_names(result, names, (across, up), NAMED, within=span[0], dark=dark)
