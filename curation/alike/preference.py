"""The row of a group of copies that stays: by people, a column, problems, length and place."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from curation.alike.keys import BLOCK
from curation.errors import CurationError

Keep = Literal["first", "longest"]
Best = Literal["highest", "lowest"]


def preference(rows: pd.DataFrame, keep: Keep, best_by: str | None, best: Best) -> np.ndarray:
    """Positions of the rows, the best to keep first; the order of the rows does not matter.

    keep: the longest comes first among those with the fewest problems, where the column `problems`
    names any, since what spoils a copy often lengthens it. best_by: a column of numbers or dates; rows
    without a value come last. Raises CurationError for a column without numbers and dates.
    """
    ids = rows.index
    sort_keys: list[np.ndarray] = [
        np.arange(len(ids)) if ids.is_monotonic_increasing else ids.to_numpy().astype(str),
        rows["source_row"].to_numpy(),
        pd.factorize(rows["source"].astype("str"), sort=True)[0],
    ]
    if keep == "longest":
        sort_keys.append(-_lengths(rows["messages"]))
        if "problems" in rows:
            problems = rows["problems"].fillna("").astype("str")
            sort_keys.append((problems.str.count(",") + (problems != "")).to_numpy())
    if best_by is not None:
        values = _values(rows[best_by], best_by)
        signed = -values if best == "highest" else values
        sort_keys.append(np.where(np.isnan(signed), np.inf, signed))
    return np.lexsort(sort_keys)


def _lengths(texts: pd.Series) -> np.ndarray:
    """Characters of each text; read by blocks, for many conversations are written out when they are read."""
    starts = range(0, max(1, len(texts)), BLOCK)
    parts = (texts.iloc[start : start + BLOCK].str.len() for start in starts)
    return np.concatenate([part.to_numpy() for part in parts])


def people_first(order: np.ndarray, ids: pd.Index, decisions: Any) -> np.ndarray:
    """An order in which the rows that a person prefers come first, the newest before all."""
    preferred = {} if decisions is None else decisions.preferred
    if not preferred:
        return order
    newest = sorted(preferred, key=lambda example: -preferred[example].seq)
    places = ids.get_indexer(pd.Index(newest, dtype="str"))
    places = places[places >= 0]
    return np.concatenate([places, order[~np.isin(order, places)]])


def _values(column: pd.Series, name: str) -> np.ndarray:
    """A column's numbers, or its dates in seconds; NaN for a value that is neither."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float).to_numpy(na_value=np.nan)
    if len(column) and np.isnan(numbers).all() and column.notna().any():
        dates = pd.to_datetime(column.astype("str"), errors="coerce", utc=True, format="mixed")
        if dates.isna().all():
            raise CurationError(
                f"the column {name!r} holds neither numbers nor dates; name another."
            )
        numbers = np.where(dates.isna(), np.nan, dates.astype("int64") / 1e9)
    return np.asarray(numbers)


def apart_pairs(ids: pd.Index, decisions: Any) -> np.ndarray:
    """Pairs of positions, (pairs, 2), of which a person said that they are no duplicates."""
    events = {} if decisions is None else decisions.apart
    pairs = [(one, other) for one, others in events.items() for other in others]
    both = pd.Index([i for pair in pairs for i in pair], dtype="str")
    places = ids.get_indexer(both).reshape(-1, 2)
    return np.sort(places[(places >= 0).all(axis=1)], axis=1)
