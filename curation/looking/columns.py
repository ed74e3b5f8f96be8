"""The columns of a dataset that are useful as filter, colour or order, and their values."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from curation.columns import as_numbers, as_text
from curation.dataset import ATTENTION, BASE_COLUMNS, Dataset
from curation.report import ANSWERS, PEOPLE

CATEGORIES = (
    "source",
    "format",
    "label",
    "language",
    "topic",
    "conversation",
    "dropped_by",
    "split",
    "attention",
    "problems",
    "tags",
    "flags",
    "verdict",
    "suggested_label",
    "wrong_label",
    "covered_by",
)
"""Columns of few values that a dataset may have besides its files' own."""

LISTS = ("attention", "problems", "tags", "flags")
"""Columns that hold several words, separated by commas."""


CODES = ("attention", "problems")
"""Columns that hold names of rules as the code has them."""

IDS = ("duplicate_group", "duplicate_of", "beginning_of", "covered_by")
"""Columns that hold the id of another row."""

COLOURS = (
    "theme",
    "topic",
    "dropped_by",
    "verdict",
    "disagreement",
    "label",
    "problems",
    "tags",
    "source",
    "language",
    "split",
    "quality",
    "response_tokens",
)
"""Columns that can colour the map, in this order; other columns of numbers follow."""


PLAIN_NAMES = {
    "ifd_ngrams": "IFD (n-grams)",
    "ifd_model": "IFD (model)",
    "perplexity_ngrams": "perplexity per character (n-grams)",
    "perplexity_model": "perplexity per token (model)",
    "cut_ngrams": "characters left out",
    "cut_model": "tokens left out",
    "readability": "readability (100 is easy)",
    "tokens_unknown": "share of tokens that the model does not know",
    "disagreement": "disagreement between people",
    "code_share": "share of code",
    "maths_share": "share of mathematics",
}
"""Column → its name for people, with its unit, where the name of the column does not say both."""


def plain_name(column: str) -> str:
    """Return a column's name for people."""
    name = column.replace("_", " ")
    if column.startswith(ANSWERS):
        return f"{name.removeprefix(ANSWERS)} (people's answers)"
    return PLAIN_NAMES.get(column) or name


def is_list(column: pd.Series) -> bool:
    """Return whether a column holds words between commas: one of LISTS, or people's answers."""
    name = str(column.name)
    return name in LISTS or (name.startswith(ANSWERS) and not is_numeric_dtype(column))


def words_of(column: pd.Series) -> pd.Series:
    """Return the words of each row of a column that `is_list`, as a set."""
    return as_text(column).map(lambda text: {w.strip() for w in text.split(",") if w.strip()})


def numbers(dataset: Dataset, own: bool = True) -> list[str]:
    """Return columns of numbers, measured ones first; own: the files' own columns too."""
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
    """Return columns that can be filtered by value: those of few values, and the files' own."""
    rows, kinds = dataset.rows, dataset.own.kinds
    base = [c for c in CATEGORIES if c in rows and _has_text(rows[c])]
    answers = [str(c) for c in rows if str(c).startswith(ANSWERS)]
    base += [c for c in answers if not is_numeric_dtype(rows[c])]
    return base + [n for n, name in dataset.own_names.items() if kinds[name] in ("text", "boolean")]


def _has_text(values: pd.Series) -> bool:
    """Return whether a column has a value in some row; "" is none."""
    if values.dtype != "str":
        return bool((as_text(values) != "").any())
    lengths = pc.binary_length(pa.array(values, from_pandas=True))
    return bool(pc.any(pc.greater(lengths, 0)).as_py())


def nameable(dataset: Dataset, step: str) -> tuple[list[str], list[str]]:
    """Return the columns that a step may name, and those of them that hold numbers.

    step: its name in the recipe. The columns are those that earlier steps measured, columns of few
    values, and the files' own.
    """
    reports = takewhile(lambda report: report.name != step, dataset.steps)
    earlier = dict.fromkeys(column for report in reports for column in report.columns)
    before = [c for c in earlier if c in dataset.rows and c not in BASE_COLUMNS]
    base = [c for c in categories(dataset) if c in BASE_COLUMNS and c != "dropped_by"]
    own = list(dataset.own_names)
    measured = set(numbers(dataset, own=False))
    of_numbers = [c for c in before if c in measured] + [c for c in own if c in dataset.numbers]
    return list(dict.fromkeys([*before, *base, *own])), of_numbers


def range_of(values: pd.Series) -> tuple[float, float]:
    """Return the least and the greatest number of a column that has one."""
    return float(values.min()), float(values.max())


def count_within(values: pd.Series, bounds: tuple[float, float]) -> int:
    """Return how many numbers of a column lie within bounds, both included."""
    return int(values.between(*bounds).sum())


def counts_of(texts: pd.Series) -> dict[str, int]:
    """Map the values of a column to their numbers of rows, the most frequent first."""
    return {str(value): int(count) for value, count in texts.value_counts().items()}


def values_of(dataset: Dataset, column: str) -> list[str]:
    """Return the values of a column as text, the most frequent first; none for a missing column."""
    values = dataset.column(column)
    if values is None:
        return []
    return [str(value) for value in as_text(values).value_counts().index if value]


def in_words(values: pd.Series) -> pd.Series:
    """A column for people: the names of rules in a column of CODES without underscores."""
    return values.str.replace("_", " ") if values.name in CODES else values


def shown(dataset: Dataset, column: str) -> pd.Series | None:
    """Return a column for a chart: numbers as float64, anything else as text."""
    values = dataset.column(column)
    if values is None or column in dataset.rows:
        return values
    return as_numbers(values) if column in numbers(dataset) else as_text(values)


def with_shown(dataset: Dataset, column: str) -> pd.DataFrame:
    """Return the rows with a column for a chart, and with titles where that is dropped_by."""
    if column == "dropped_by":
        return with_titles(dataset, dataset.rows)
    values = shown(dataset, column)
    if values is None or column in dataset.rows:
        return dataset.rows
    return dataset.rows.assign(**{column: values})


def names_of_values(dataset: Dataset, column: str) -> dict[str, str]:
    """Return value → its words for people, where a column holds names of the code."""
    if column == "dropped_by":
        return {"": "kept", **titles(dataset)}
    return dict(ATTENTION) if column == "attention" else {}


def titles(dataset: Dataset) -> dict[str, str]:
    """Value of dropped_by → the title of the step that it names, or `a person`."""
    return {**{report.name: report.title for report in dataset.steps}, PEOPLE: "a person"}


def with_titles(dataset: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the dataset with titles in dropped_by and words for CODES, for a reader."""
    named = titles(dataset)
    dropped_by = rows["dropped_by"].map(lambda name: named.get(name, name), na_action="ignore")
    words = {column: in_words(rows[column]) for column in CODES if column in rows}
    return rows.assign(dropped_by=dropped_by, **words)


def ordered(dataset: Dataset, positions: np.ndarray, column: str) -> np.ndarray:
    """Sort positions of rows by a column, the highest number first; unchanged without a column."""
    values = dataset.column(column) if column else None
    if values is None:
        return positions
    sizes = as_numbers(values).to_numpy()[positions]
    return positions[np.argsort(-sizes, kind="stable")]  # rows without a number come last


def colours(dataset: Dataset) -> list[str]:
    """Return columns that can colour the map: each has a value in some row."""
    rows = dataset.rows
    chosen = [c for c in COLOURS if c in rows and rows[c].notna().any()]
    return list(dict.fromkeys([*chosen, *numbers(dataset), *dataset.own_names]))
