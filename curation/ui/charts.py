"""The few charts and numbers that several pages draw, in colours that read on light and dark."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import plain_name
from curation.looking.thresholds import Bars
from curation.ui.text import hover, short

ACCENT, MUTED, WARN = "#14a394", "#9aa9a9", "#e07a5f"
ON_ACCENT = {"color": "#06201d"}
"""The font of words on a bar of ACCENT: white ones were too pale to read."""

PALETTE = (
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#e45756",
    "#72b7b2",
    "#b279a2",
    "#eeca3b",
    "#ff9da6",
    "#9d755d",
    "#2f9e9e",
    "#8c6bb1",
    "#d67195",
    "#7fb800",
    "#c44e52",
    "#5a9bd4",
    "#bab0ac",
)
_LAYOUT = {"margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "showlegend": False, "bargap": 0.05}


def _draw(figure: go.Figure, height: int, key: str | None, alt: str, **layout: Any) -> None:
    """Draw a figure. alt: its finding in a sentence, for who cannot see it."""
    figure.update_layout(**{**_LAYOUT, "height": height, **layout})
    st.plotly_chart(figure, width="stretch", key=key, alt=alt, config={"displayModeBar": False})


def _largest(sizes: pd.Series, written: str = "{:,}") -> str:
    """The three largest values of a series with their names, in words."""
    first = sizes.sort_values(ascending=False, kind="stable").head(3)
    return ", ".join(f"{short(name, 60)} {written.format(n)}" for name, n in first.items())


def numbers(page: str) -> Any:
    """A row for boxes of `number`, which has its room before they are drawn."""
    return st.container(horizontal=True, key=f"numbers-{page}")


def number(
    label: str,
    value: str,
    note: str | None = None,
    *,
    height: Literal["content", "stretch"] = "content",
    help: str | None = None,
) -> None:
    """A number in a box, with a grey note under it."""
    st.metric(
        label,
        value,
        note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height=height,
        help=help,
    )


def histogram(
    values: pd.Series,
    title: str,
    lines: Sequence[float] = (),
    *,
    height: int = 220,
    key: str | None = None,
) -> None:
    """Draw the distribution of a number up to its 99.5th percentile, with a line at each threshold."""
    plain = values.reset_index(drop=True)  # ids are slow to select from
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        st.caption("Nothing was measured yet.")
        return
    high = float(np.quantile(numbers, 0.995))
    whole = bool(np.all(numbers == np.round(numbers)))
    low = float(numbers.min())
    bins = int(min(60, max(1, high - low + 1))) if whole else 60
    counts, edges = np.histogram(numbers[numbers <= high], bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts,
            marker_color=ACCENT,
            width=np.diff(edges) * 0.94,
            hovertemplate="%{x:.4g}: %{y:,} examples<extra></extra>",
        )
    )
    for line in (
        v for v in lines if low - 1 <= v <= high * 1.1 + 1
    ):  # a farther line would squeeze the bars
        figure.add_vline(x=float(line), line_color=WARN, line_width=2, line_dash="dash")
    figure.update_xaxes(title=hover(plain_name(title)))
    figure.update_yaxes(title=None)
    alt = (
        f"{short(plain_name(title))} of {len(numbers):,} examples: from {low:,.4g} to "
        f"{numbers.max():,.4g}, median {np.median(numbers):,.4g}."
    )
    _draw(figure, height, key, alt)


def cut(bars: Bars, title: str, lines: Sequence[float], key: str) -> None:
    """Draw what a filter keeps and drops along a number, with a line at each of its bounds."""
    wide = [end - start for start, end in pairwise(bars.edges)]
    centres = [start + width / 2 for start, width in zip(bars.edges, wide, strict=False)]
    figure = go.Figure(
        [
            go.Bar(
                x=centres,
                y=rows,
                width=[0.94 * width for width in wide],
                name=name,
                marker_color=colour,
                hovertemplate="%{x:.4g}: %{y:,} " + name + "<extra></extra>",
            )
            for name, rows, colour in (("kept", bars.kept, ACCENT), ("dropped", bars.dropped, WARN))
        ]
    )
    for line in lines:
        figure.add_vline(x=line, line_color=WARN, line_width=2, line_dash="dash")
    figure.update_xaxes(title=hover(plain_name(title)))
    figure.update_yaxes(tickformat=",")
    legend = {"orientation": "h", "y": 1.14}
    alt = f"{short(plain_name(title))}: {bars.kept.sum():,} kept, {bars.dropped.sum():,} dropped."
    _draw(figure, 240, key, alt, barmode="stack", showlegend=True, legend=legend)


def counts(
    values: pd.Series, *, top: int = 12, height: int | None = None, key: str | None = None
) -> None:
    """Draw a bar for each value by its frequency, the most frequent first."""
    sizes = values.value_counts()
    sizes.index = sizes.index.map(lambda value: str(value) or "none")
    if not len(sizes):
        st.caption("Nothing was measured yet.")
        return
    shown = sizes.head(top)[::-1]
    figure = go.Figure(
        go.Bar(
            y=list(range(len(shown))),
            x=shown.to_numpy(),
            orientation="h",
            marker_color=ACCENT,
            text=[f"{v:,}" for v in shown],
            textposition="auto",
            insidetextfont=ON_ACCENT,
            customdata=[hover(v, 400) for v in shown.index],
            hovertemplate="%{customdata}: %{x:,} examples<extra></extra>",
        )
    )
    name_bars(figure, shown.index)
    figure.update_xaxes(visible=False)
    alt = f"The most frequent of {len(sizes):,}: {_largest(sizes)}."
    _draw(figure, height or 40 + 26 * len(shown), key, alt)
    if len(sizes) > top:  # one bar of all of them would dwarf the rest
        st.caption(f"and {len(sizes) - top:,} others with {int(sizes.iloc[top:].sum()):,} examples")


def name_bars(figure: go.Figure, names: Iterable[str], width: int = 36) -> None:
    """Write a name beside each bar at 0, 1, 2 …, on two lines of at most `width` characters.

    Two names that look alike keep two bars.
    """
    texts = [
        "<br>".join(
            hover(line, width)
            for line in textwrap.wrap(short(name, 400), width, max_lines=2, placeholder=" …")
        )
        for name in names
    ]
    places = list(range(len(texts)))
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=texts, automargin=True)


def write_names(
    figure: go.Figure,
    names: Iterable[tuple[str, float, float]],
    scale: tuple[float, float],
    most: int,
    *,
    within: tuple[float, float],
    dark: bool,
    height: int = 21,
    **look: Any,
) -> None:
    """Write names at their x and y in order; a name that would cover another is left out.

    scale: pixels that a unit of x and of y takes. most: names at most. within: least and greatest x
    that a name may reach, so that none is cut off. dark: for a dark page. height: of a name with a
    little air, in pixels. look: settings of Plotly's annotations.
    """
    ink, halo = ("#f4f7f7", "#0f1415") if dark else ("#1c2526", "#ffffff")
    # A halo instead of a box: the points under a name stay visible.
    sides = [f"{x}px {y}px 1px {halo}" for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]
    font = {
        "size": 12,
        "weight": 600,
        "color": ink,
        "shadow": ", ".join([*sides, f"0 0 5px {halo}"]),
    }
    taken: list[tuple[float, float, float]] = []
    for text, x, y in names:
        wide = sum(12 if ord(c) > 0x2E80 else 6.8 for c in text) + 8
        half = min(wide / 2 / scale[0], (within[1] - within[0]) / 2)
        x = min(max(x, within[0] + half), within[1] - half)
        if any(
            abs(x - a) * scale[0] < (wide + w) / 2 and abs(y - b) * scale[1] < height
            for a, b, w in taken
        ):
            continue
        taken.append((x, y, wide))
        figure.add_annotation(x=x, y=y, text=hover(text), showarrow=False, font=font, **look)
        if len(taken) >= most:
            break


def distribution(values: pd.Series, title: str, key: str | None = None) -> None:
    """Draw a histogram of a number, or counts of anything else."""
    values = values.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool and values.nunique() > 2:
        histogram(values, title, key=key)
    else:
        counts(values, key=key)


def shares(table: pd.DataFrame, key: str, *, top: int = 14) -> None:
    """Draw the share of each group in the pool and in the choice: columns pool and chosen."""
    part = table.head(top)[::-1]
    figure = go.Figure(
        [
            go.Bar(
                y=list(range(len(part))),
                x=part[column],
                orientation="h",
                name=column,
                marker_color=colour,
                customdata=[hover(name, 400) for name in part.index],
                hovertemplate="%{customdata}: %{x:.1%}",
            )
            for column, colour in (("pool", MUTED), ("chosen", ACCENT))
        ]
    )
    name_bars(figure, part.index, 28)
    figure.update_xaxes(tickformat=".0%")
    legend = {"orientation": "h", "y": 1.06}
    height = 60 + 34 * len(part)
    alt = (
        f"Largest in the pool: {_largest(table['pool'], '{:.0%}')}. "
        f"Largest in the choice: {_largest(table['chosen'], '{:.0%}')}."
    )
    _draw(figure, height, key, alt, showlegend=True, legend=legend, bargap=0.2)
    if len(table) > len(part):
        st.caption(f"The {len(part)} largest of {len(table):,}.")


def funnel(dataset: Dataset, key: str | None = None) -> None:
    """Draw the number of examples after each step that dropped or revived any."""
    names, left = ["imported"], [len(dataset)]
    for report in dataset.steps:
        if report.kept_out != report.kept_in:
            names.append(report.title)
            left.append(report.kept_out)
    losses = [0, *(before - after for before, after in zip(left, left[1:], strict=False))]
    figure = go.Figure(
        go.Bar(
            y=list(range(len(names))),
            x=left[::-1],
            orientation="h",
            marker_color=ACCENT,
            text=[
                f"{n:,}" + (f"  (−{loss:,})" if loss > 0 else f"  (+{-loss:,})" if loss < 0 else "")
                for n, loss in zip(left, losses, strict=True)
            ][::-1],
            textposition="auto",
            insidetextfont=ON_ACCENT,
            customdata=[hover(n) for n in names][::-1],
            hovertemplate="%{customdata}: %{x:,} left<extra></extra>",
        )
    )
    figure.update_xaxes(visible=False)
    name_bars(figure, names[::-1])
    alt = f"{left[-1]:,} of {left[0]:,} examples are left."
    if len(names) > 1:
        lost = pd.Series(losses[1:], index=names[1:])
        alt += f" Largest losses: {_largest(lost)}."
    _draw(figure, 40 + 34 * len(names), key, alt)
