"""Filters over the rows of a dataset: typed conditions, and the widgets that make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from curation.columns import as_numbers, as_text
from curation.dataset import BASE_COLUMNS, Dataset
from curation.looking import search
from curation.ui.text import short

OFFERED = 300
"""Values of a column that are sent to the browser at a time; the others are found by typing."""

CATEGORIES = (
    "source",
    "format",
    "label",
    "language",
    "topic",
    "dropped_by",
    "split",
    "attention",
    "tags",
    "flags",
    "verdict",
)
"""Columns of few values that a dataset may have beside those of its files."""

LISTS = ("attention", "tags", "flags")
"""Columns that hold several words, separated by commas."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Filter:
    """A typed condition on rows; never SQL or code.

    words: as in `curation.search.words`. values: column → accepted; "" is a missing one. ranges:
    column → (low, high), both included, or None for no number at all. missing: columns whose rows
    without a number meet the condition too. every, none: tags of which a row has all, and none; with
    `values` of the tags that makes sets which combine.
    """

    words: str = ""
    fate: str = "all"
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, Range | None] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def mask(self, dataset: Dataset) -> np.ndarray:
        """True for each row that meets every condition; a column that is gone asks nothing."""
        rows = dataset.rows
        chosen = np.ones(len(rows), dtype=bool)
        if self.fate != "all":
            chosen &= rows["dropped_by"].isna().to_numpy() == (self.fate == "kept")
        for column, accepted in self.values.items():
            values = dataset.column(column)
            if accepted and values is not None:
                chosen &= _has_any(values, column, set(accepted))
        for column, bounds in self.ranges.items():
            values = dataset.column(column)
            if values is not None:
                numbers = as_numbers(values).to_numpy()
                met = np.isnan(numbers) if column in self.missing else np.zeros(len(rows), bool)
                chosen &= met if bounds is None else met | _between(numbers, *bounds)
        if (self.every or self.none) and "tags" in rows:
            tags = words_of(rows["tags"])
            every, none = set(self.every), set(self.none)
            chosen &= tags.map(lambda t: every <= t and not none & t).to_numpy(dtype=bool)
        if self.words.strip() and chosen.any():
            chosen[chosen] = search.matches(rows.loc[chosen, list(search.COLUMNS)], self.words)
        return chosen


def _between(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    return (numbers >= low) & (numbers <= high)


def _has_any(values: pd.Series, column: str, accepted: set[str]) -> np.ndarray:
    if column not in LISTS:
        return as_text(values).isin(accepted).to_numpy(dtype=bool)
    empty = "" in accepted
    return (
        words_of(values)
        .map(lambda words: bool(accepted & words) or (empty and not words))
        .to_numpy(dtype=bool)
    )


def words_of(column: pd.Series) -> pd.Series:
    """The words of each row of a column of LISTS, as a set."""
    return as_text(column).map(lambda text: {w.strip() for w in text.split(",") if w.strip()})


def numbers(dataset: Dataset, own: bool = True) -> list[str]:
    """Columns that hold a number per row, measured ones first; own: those of the files too."""
    rows = dataset.rows
    measured = [
        c
        for c in rows.columns
        if c not in (*BASE_COLUMNS, "map_x", "map_y")
        and is_numeric_dtype(rows[c])
        and not is_bool_dtype(rows[c])
        and rows[c].notna().any()
    ]
    kinds = dataset.own.kinds
    theirs = [n for n, name in dataset.own_names.items() if kinds[name] not in ("text", "boolean")]
    return [*measured, *(theirs if own else [])]


def categories(dataset: Dataset) -> list[str]:
    """Columns worth choosing by value: few values and no free text, and the files' own."""
    rows, kinds = dataset.rows, dataset.own.kinds
    base = [c for c in CATEGORIES if c in rows and (as_text(rows[c]) != "").any()]
    return base + [n for n, name in dataset.own_names.items() if kinds[name] in ("text", "boolean")]


def shown(dataset: Dataset, column: str) -> pd.Series | None:
    """A column for a picture: numbers as float64, anything else as text."""
    values = dataset.column(column)
    if values is None or column in dataset.rows:
        return values
    return as_numbers(values) if column in numbers(dataset) else as_text(values)


def with_shown(dataset: Dataset, column: str) -> pd.DataFrame:
    """The rows with a column for a picture of them."""
    values = shown(dataset, column)
    if values is None or column in dataset.rows:
        return dataset.rows
    return dataset.rows.assign(**{column: values})


def narrowed(key: str) -> int:
    """How many conditions the widgets of `filters` under a key hold now."""
    said = st.session_state
    return int(said.get(f"{key}-fate", "all") != "all") + len(said.get(f"{key}-columns", []))


def picked(key: str) -> list[str]:
    """The columns that the widgets of `filters` under a key narrow by."""
    return list(st.session_state.get(f"{key}-columns", []))


def filters(dataset: Dataset, key: str, fate: str = "all", *, narrow: bool = False) -> Filter:
    """Widgets for a filter: kept or dropped, values, ranges; narrow: below each other."""
    first = (
        [st.container(), st.container()]
        if narrow
        else st.columns([2, 5], vertical_alignment="center")
    )
    with first[0]:
        fate = (
            st.segmented_control(
                "Fate",
                ["all", "kept", "dropped"],
                default=fate,
                key=f"{key}-fate",
                label_visibility="collapsed",
                required=True,
                persist_state="session",
            )
            or "all"
        )
    of_numbers = numbers(dataset)
    columns = first[1].multiselect(
        "Filter by",
        [*categories(dataset), *of_numbers],
        key=f"{key}-columns",
        placeholder="filter by …",
        label_visibility="collapsed",
        persist_state="session",
        format_func=lambda c: c.replace("_", " "),
    )
    values: dict[str, tuple[str, ...]] = {}
    ranges: dict[str, Range | None] = {}
    missing: list[str] = []
    every: list[str] = []
    none: list[str] = []
    places = st.columns(1 if narrow else min(4, len(columns))) if columns else []
    for i, column in enumerate(columns):
        series = dataset.column(column)
        if series is None:
            continue
        with places[i % len(places)]:
            if column in of_numbers:
                bounds, too = _range(as_numbers(series), column, f"{key}-{column}")
                ranges[column] = bounds
                missing += [column] if too else []
            elif column == "tags":
                words = words_of(series).explode()
                values[column] = one_of("tags: any of", words, f"{key}-{column}")
                every = list(one_of("tags: all of", words.dropna(), f"{key}-every"))
                none = list(one_of("tags: none of", words.dropna(), f"{key}-none"))
            else:
                texts = words_of(series).explode() if column in LISTS else as_text(series)
                values[column] = one_of(column.replace("_", " "), texts, f"{key}-{column}")
    return Filter("", fate, values, ranges, tuple(missing), tuple(every), tuple(none))


def _range(values: pd.Series, column: str, key: str) -> tuple[Range | None, bool]:
    """Widgets for a number: from where to where, and whether rows without one count."""
    known = values.dropna()
    none = len(values) - len(known)
    low, high = float(known.min()), float(known.max())
    bounds: Range = (low, high)
    label = column.replace("_", " ")
    if low < high:
        bounds = st.slider(label, low, high, (low, high), key=key)
    else:
        st.caption(f"{label}: {low:g}")
    if not none:
        return bounds, False
    parts = {
        "measured": f"in the range ({_inside(known, bounds):,})",
        "": f"not measured ({none:,})",
    }
    chosen = st.pills(
        f"{label}: which",
        list(parts),
        selection_mode="multi",
        default=list(parts),
        key=f"{key}-which",
        format_func=parts.__getitem__,
        label_visibility="collapsed",
    )
    if not chosen:  # neither is no question
        return bounds, True
    return (bounds if "measured" in chosen else None), "" in chosen


def _inside(values: pd.Series, bounds: Range) -> int:
    return int(values.between(*bounds).sum())


def one_of(label: str, texts: pd.Series, key: str) -> tuple[str, ...]:
    """A list of a column's values to choose from, the most frequent first, with their counts.

    Missing ones can be chosen too. Of very many values the most frequent are offered, which is
    said, and a field finds all others.
    """
    counts = texts.fillna("").value_counts()
    values = [v for v in counts.index if v] + ([""] if "" in counts.index else [])
    offered = values
    if len(values) > OFFERED:
        sought = st.text_input(
            f"{label}: find among {len(values):,}",
            key=f"{key}-find",
            placeholder=f"find among {len(values):,} values",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        wanted = (sought or "").casefold().strip()
        found = [v for v in values if wanted in v.casefold()]
        offered = list(dict.fromkeys([*st.session_state.get(key, []), *found[:OFFERED]]))
        more = len(found) - OFFERED
        if more > 0:
            st.caption(f"{more:,} less frequent values are not in the list; type to find them.")
    titles = _titles(offered, counts)
    return tuple(st.multiselect(label, offered, key=key, format_func=lambda v: titles.get(v, v)))


def _titles(values: list[str], counts: pd.Series) -> dict[str, str]:
    """Value → how it is written in a list, no two alike."""
    titles: dict[str, str] = {}
    taken = set[str]()
    for n, value in enumerate(values):
        name = short(value, 80) if value else "none"
        name = f"{name} ({int(counts.get(value, 0)):,})"
        titles[value] = name if name not in taken else f"{name} · {n + 1}"
        taken.add(titles[value])
    return titles
