"""A reference set beside the dataset: both on one map, tables of what lacks and what is too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.looking import coverage, layout
from curation.looking.coverage import Compared
from curation.looking.gaps import Gap
from curation.looking.gaps import gaps as gaps_of
from curation.reference_sets import ReferenceSet
from curation.ui import charts, state
from curation.ui.map import figure as maps
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


def basis(compared: Compared) -> str:
    """What was compared, in a sentence."""
    of, n, embedded = compared.about["of"], compared.about["rows"], compared.about["stages"]
    without = n - embedded["before"]
    left_out = f"; {without:,} rows were dropped before they were embedded and do not count"
    sides = "prompt and response" if of == "both" else of
    return f"Compared by {sides}{left_out if without > 0 else ''}."


# --- what is remembered while the app runs ---------------------------------------------------


def comparison(reference: ReferenceSet, name: str) -> tuple[str, Compared] | None:
    """The comparison of that name, or else the newest there is, and its own name."""
    there = coverage.by_age(reference.results)
    for known in sorted(there, key=lambda other: other != name):
        found = _read(str(reference.results), known)
        if found is not None:
            return known, found
        _read.clear(str(reference.results), known)  # it is damaged, and may be computed afresh
    return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(folder: str, name: str) -> Compared | None:
    return coverage.remembered(Path(folder), name)


@dataclass(frozen=True, eq=False)
class Held:
    """A reference set held against the dataset at a reach.

    name: of the comparison. prompts: the reference set's, by id. gaps: those with the most rows first.
    """

    reference: ReferenceSet
    name: str
    compared: Compared
    reach: float
    prompts: pd.Series
    gaps: list[Gap]

    def figure(self, rows: pd.DataFrame, fingerprint: str) -> go.Figure:
        """The map of both; rows: ours that have a place, of the view with that fingerprint."""
        key = (str(self.reference.folder), self.name, fingerprint, self.reach, state.dark())
        return _figure(*key, rows, self)


def held(reference: ReferenceSet, name: str, compared: Compared, reach: float) -> Held:
    """A comparison at a reach, with what is worked out of it."""
    folder = str(reference.folder)
    # The same bytes added anew may have been read in another way, hence the time.
    prompts = _prompts(folder, reference.sha256, reference.time, reference)
    return Held(
        reference, name, compared, reach, prompts, _gaps(folder, name, reach, compared, prompts)
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _prompts(folder: str, sha256: str, added: float, _reference: ReferenceSet) -> pd.Series:
    return _reference.examples["prompt"]


@st.cache_resource(max_entries=24, show_spinner=False)
def _gaps(
    folder: str, name: str, reach: float, _compared: Compared, _prompts: pd.Series
) -> list[Gap]:
    return gaps_of(_compared, _prompts, reach)


@st.cache_resource(max_entries=8, show_spinner=False)
def _figure(
    folder: str,
    name: str,
    fingerprint: str,
    reach: float,
    dark: bool,
    _rows: pd.DataFrame,
    _held: Held,
) -> go.Figure:
    return figure(_rows, _held.compared, _held.prompts, _held.gaps, reach, dark=dark)
