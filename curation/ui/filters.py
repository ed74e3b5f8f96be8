"""The widgets that make a filter: kept or dropped, values with their counts, ranges of numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from curation.columns import as_numbers, as_text
from curation.dataset import Dataset
from curation.looking.columns import (
    categories,
    count_within,
    counts_of,
    is_list,
    names_of_values,
    numbers,
    plain_name,
    range_of,
    words_of,
)
from curation.looking.filter import Condition, Filter, Range
from curation.ui.slots import widget_value
from curation.ui.text import short, title_of

OFFERED = 300
"""Number of values of a column that are sent to the browser; others are found by typing."""


def narrowed(key: str) -> int:
    """The number of conditions in the widgets of `filters` under a key."""
    return int(widget_value(f"{key}-fate", "all") != "all") + len(picked(key))


def picked(key: str) -> list[str]:
    """The columns that the widgets of `filters` under a key narrow by."""
    return list(widget_value(f"{key}-columns", []))


def filters(dataset: Dataset, key: str, fate: str = "all", *, narrow: bool = False) -> Filter:
    """Draw the widgets of a filter: kept or dropped, values, ranges; narrow: below each other."""
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
        format_func=plain_name,
    )
    conditions = [] if fate == "all" else [Condition.parse(fate)]
    places = st.columns(1 if narrow else min(4, len(columns))) if columns else []
    for i, column in enumerate(columns):
        series = dataset.column(column)
        if series is None:
            continue
        with places[i % len(places)]:
            if column in of_numbers:
                conditions.append(_range(as_numbers(series), column, f"{key}-{column}"))
            elif column == "tags":
                conditions += _tags(words_of(series).explode(), key)
            else:
                texts = words_of(series).explode() if is_list(series) else as_text(series)
                names = names_of_values(dataset, column)
                chosen = one_of(title_of(column), texts, f"{key}-{column}", names)
                conditions += [Condition(column, chosen)] if chosen else []
    if conditions:  # as `curate rows` and other commands take it
        st.code(" ".join(Filter(tuple(conditions)).options()), language=None)
    return Filter(tuple(conditions))


def _tags(words: pd.Series, key: str) -> list[Condition]:
    """Draw the widgets for tags: a row has any, all or none of them."""
    some = one_of("tags: any of", words, f"{key}-tags")
    every = one_of("tags: all of", words.dropna(), f"{key}-every")
    none = one_of("tags: none of", words.dropna(), f"{key}-none")
    conditions = [Condition("tags", some)] if some else []
    conditions += [Condition("tags", (word,)) for word in every]
    return conditions + ([Condition("tags", none, negated=True)] if none else [])


def _range(values: pd.Series, column: str, key: str) -> Condition:
    """Draw the widgets for a number: its range, and whether rows without one count."""
    measured = values.dropna()
    none = len(values) - len(measured)
    low, high = range_of(measured)
    bounds: Range = (low, high)
    label = title_of(column)
    if low < high:
        bounds = st.slider(label, low, high, (low, high), key=key)
    else:
        st.caption(f"{label}: {low:g}")
    if not none:
        return Condition(column, bounds=bounds)
    parts = {
        "measured": f"in the range ({count_within(measured, bounds):,})",
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
    ) or list(parts)  # with none chosen, all rows count
    return Condition(
        column, ("",) if "" in chosen else (), bounds if "measured" in chosen else None
    )


def one_of(
    label: str, texts: pd.Series, key: str, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """A list of a column's values to choose from, the most frequent first, with their counts.

    Missing values can be chosen too. Of very many values the most frequent are offered, and a field
    finds the others. names: value → its words for people, where these differ;
    of "" where missing has a word. label: harmless Markdown.
    """
    counts = counts_of(texts.fillna(""))
    values = [v for v in counts if v] + ([""] if "" in counts else [])
    offered = values
    if len(values) > OFFERED:
        sought = st.text_input(
            f"{label}: find among {len(values):,}",
            key=f"{key}-find",
            placeholder=f"find among {len(values):,} values",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        letters = (sought or "").casefold().strip()
        alike = [v for v in values if letters in (names or {}).get(v, v).casefold()]
        offered = list(dict.fromkeys([*widget_value(key, []), *alike[:OFFERED]]))
        more = len(alike) - OFFERED
        if more > 0:
            st.caption(f"{more:,} less frequent values are not in the list; type to find them.")
    lines = _titles(offered, counts, names or {})
    return tuple(st.multiselect(label, offered, key=key, format_func=lambda v: lines.get(v, v)))


def _titles(
    values: list[str], counts: Mapping[str, int], names: Mapping[str, str]
) -> dict[str, str]:
    """Value → its line in a list, no two alike."""
    lines: dict[str, str] = {}
    taken = set[str]()
    for n, value in enumerate(values):
        name = short(names.get(value, value or "none"), 80)
        name = f"{name} ({counts.get(value, 0):,})"
        lines[value] = name if name not in taken else f"{name} · {n + 1}"
        taken.add(lines[value])
    return lines
