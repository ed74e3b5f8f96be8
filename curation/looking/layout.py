"""The layout of the map: a sample of points, points within a shape, rectangles, and map quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Dataset
from curation.embedding.neighbours import trustworthiness

POINTS = 50_000
"""Points drawn at most; a drawn shape selects from all rows."""

MEASURED = 60_000_000
"""Pairs of examples on which the map's trustworthiness is measured; it takes a second or two."""

FEWEST = 10
"""Smallest number of examples on which it is measured."""


def sample(rows: pd.DataFrame, limit: int = POINTS) -> pd.DataFrame:
    """Return at most `limit` rows; dense parts are thinned and rare rows stay.

    Rows are numbered within each cell of a 200 × 200 grid, and low numbers are taken first.
    """
    if len(rows) <= limit:
        return rows
    cells = [
        np.digitize(side, np.linspace(side.min(), side.max(), 200))
        for side in (rows[c].to_numpy(dtype=float) for c in ("map_x", "map_y"))
    ]
    rank = (
        pd.Series(cells[0] * 1_000 + cells[1])
        .groupby(cells[0] * 1_000 + cells[1])
        .cumcount()
        .to_numpy()
    )
    return rows.iloc[np.sort(np.argsort(rank, kind="stable")[:limit])]


def inside(
    x: np.ndarray, y: np.ndarray, shape_x: Sequence[float], shape_y: Sequence[float]
) -> np.ndarray:
    """Return True for each point inside a closed polygon (even-odd rule)."""
    px, py = np.asarray(shape_x, dtype=float), np.asarray(shape_y, dtype=float)
    result = np.zeros(len(x), dtype=bool)
    box = np.flatnonzero((x >= px.min()) & (x <= px.max()) & (y >= py.min()) & (y <= py.max()))
    bx, by = x[box], y[box]
    odd = np.zeros(len(box), dtype=bool)
    for x1, y1, x2, y2 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > by) != (y2 > by)
        odd ^= crosses & (bx < (x2 - x1) * (by - y1) / (y2 - y1) + x1)
    result[box] = odd
    return result


def selected(rows: pd.DataFrame, selection: Mapping[str, Any]) -> np.ndarray:
    """Return True for each row within the lassos and boxes that Plotly returned."""
    x, y = rows["map_x"].to_numpy(dtype=float), rows["map_y"].to_numpy(dtype=float)
    chosen = np.zeros(len(rows), dtype=bool)
    for lasso in selection.get("lasso") or []:
        chosen |= inside(x, y, lasso["x"], lasso["y"])
    for box in selection.get("box") or []:
        (x1, x2), (y1, y2) = sorted(box["x"]), sorted(box["y"])
        chosen |= (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
    return chosen


Range = tuple[tuple[float, float], tuple[float, float]]
"""A rectangle of the map: (least x, greatest x), (least y, greatest y)."""


def whole(rows: pd.DataFrame) -> Range:
    """Return the rectangle that is drawn first; it leaves out the farthest rows."""
    sides = []
    for column in ("map_x", "map_y"):
        low, high = (
            float(v) for v in np.quantile(rows[column].to_numpy(dtype=float), [0.0005, 0.9995])
        )
        room = 0.04 * (high - low) or 1.0
        sides.append((low - room, high + room))
    return sides[0], sides[1]


def around(rows: pd.DataFrame) -> Range:
    """Return the rectangle around some rows, with a margin."""
    sides = []
    for column in ("map_x", "map_y"):
        low, high = float(rows[column].min()), float(rows[column].max())
        room = 0.06 * (high - low) or 0.5
        sides.append((low - room, high + room))
    return sides[0], sides[1]


def within(rows: pd.DataFrame, part: Range) -> np.ndarray:
    """Return True for each row in a rectangle."""
    (x1, x2), (y1, y2) = part
    return (rows["map_x"].between(x1, x2) & rows["map_y"].between(y1, y2)).to_numpy(dtype=bool)


@dataclass(frozen=True)
class MapCounts:
    """Rows of a map: shown on it, dropped of these, inside of a part, and without a place.

    inside: None where the whole map is looked at.
    """

    shown: int
    dropped: int
    inside: int | None
    without_place: int

    @classmethod
    def of(cls, rows: pd.DataFrame, shown: np.ndarray, part: Range | None) -> MapCounts:
        """The counts of the rows that are shown, and of the part of the map that is looked at."""
        dropped = rows["dropped_by"].notna().to_numpy(dtype=bool)
        inside = None if part is None else int((shown & within(rows, part)).sum())
        without_place = int(rows["map_x"].isna().sum())
        return cls(int(shown.sum()), int((shown & dropped).sum()), inside, without_place)


def in_group(rows: pd.DataFrame, group: tuple[str, ...]) -> np.ndarray:
    """Return True for each row of a theme, or of a theme and topic; for all rows without a group."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in zip(("theme", "topic"), group, strict=False):
        if column in rows:
            chosen &= (rows[column].fillna("") == value).to_numpy(dtype=bool)
    return chosen


def nearest(rows: pd.DataFrame, x: float, y: float) -> str:
    """Return the id of the row nearest to a place on the map; at least one row must be on it."""
    apart = (rows["map_x"].to_numpy() - x) ** 2 + (rows["map_y"].to_numpy() - y) ** 2
    return str(rows.index[int(np.nanargmin(apart))])


def count_cut(rows: pd.DataFrame) -> int:
    """Return the number of rows whose text is longer than the model reads."""
    return int((rows["tokens_cut"].fillna(0) > 0).sum()) if "tokens_cut" in rows else 0


def measured_on(on_map: np.ndarray) -> int:
    """Return the number of examples on which a map of so many rows is measured."""
    return int(np.clip(MEASURED // max(1, int(on_map.sum())), 50, 1_000))


def trust(dataset: Dataset, on_map: np.ndarray) -> float | None:
    """Return the map's trustworthiness, 0 to 1: near rows on the map are near in meaning.

    None without vectors, or for fewer rows than FEWEST.
    """
    vectors = dataset.vectors
    if vectors is None:
        return None
    places = np.flatnonzero(on_map & vectors.present)
    if len(places) < FEWEST:
        return None
    plane = dataset.rows[["map_x", "map_y"]].to_numpy(dtype=float)
    return trustworthiness(vectors.of_rows(places), plane[places], sample=measured_on(on_map))
