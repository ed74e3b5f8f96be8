"""Differences between chosen examples and the rest: words, values, and typical examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.choosing.distances import spread_out
from curation.dataset import Dataset
from curation.looking.columns import numbers

READ = 600
"""Chosen rows whose words are counted, evenly spread."""

COMPARED = 1_500
"""Rows of the rest whose words are compared, evenly spread."""

SPREAD = 20
"""Examples that represent a selection."""

CATEGORIES = ("language", "source", "label", "theme", "dropped_by")


@dataclass(frozen=True)
class Fact:
    """A column that differs inside from outside: by the shares of a value, or by the medians."""

    column: str
    value: str
    inside: float
    outside: float


@dataclass(frozen=True)
class Special:
    """The differences of a selection: its own words, facts, and ids that represent it."""

    words: list[str]
    facts: list[Fact]
    spread: list[str]


def special(dataset: Dataset, chosen: np.ndarray, rest: np.ndarray) -> Special:
    """Compare the chosen rows with the rest, both masks (rows,)."""
    rows, vectors = dataset.rows, dataset.vectors
    texts, others = (
        list(part["prompt"].fillna("") + " " + part["response"].fillna(""))
        for part in (rows.iloc[evenly(chosen, READ)], rows.iloc[evenly(rest, COMPARED)])
    )
    words = special_words(texts, others)
    few = evenly(chosen, 20_000)
    if vectors is not None:
        few = few[vectors.present[few]]
        few = few[spread_out(vectors[few], SPREAD)]
    facts = [*by_share(rows, chosen, rest), *by_median(rows, chosen, rest)]
    return Special(words, facts, list(rows.index[few[:SPREAD]]))


def evenly(chosen: np.ndarray, count: int) -> np.ndarray:
    """Return positions of at most so many of the chosen rows, evenly spread over them."""
    places = np.flatnonzero(chosen)
    if not len(places):
        return places
    evenly_spread = np.unique(np.linspace(0, len(places) - 1, count).astype(int))
    return np.asarray(places[evenly_spread])


def special_words(texts: Sequence[str], others: Sequence[str], top: int = 8) -> list[str]:
    """Return words that more of these texts contain than of the others, by the log of the odds."""
    from curation.operations.topics import topic_words

    def documents(batch: Sequence[str]) -> Counter[str]:
        return Counter(w for text in batch for w in set(topic_words(text)))

    inside, outside = documents(texts), documents(others)
    n, m = max(1, len(texts)), max(1, len(others))

    def weight(word: str) -> float:
        a, b = (inside[word] + 0.5) / (n + 1), (outside[word] + 0.5) / (m + 1)
        return float(np.log(a / b) * np.sqrt(inside[word]))

    common = [w for w, count in inside.items() if count >= max(2, n * 0.02)]
    return sorted(common, key=weight, reverse=True)[:top]


def _values(rows: pd.DataFrame, column: str, mask: np.ndarray) -> pd.Series:
    """Return the values of some rows, without their ids, which are texts to copy."""
    return pd.Series(rows[column].array[mask])


def by_share(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[Fact]:
    """Return categories that are more frequent inside than outside."""
    facts = []
    for column in CATEGORIES:
        if column in rows and (inside := _values(rows, column, chosen)).notna().any():
            share = inside.fillna("").value_counts(normalize=True)
            usual = _values(rows, column, rest).fillna("").value_counts(normalize=True)
            lift = (share - usual.reindex(share.index).fillna(0)).sort_values(ascending=False)
            whole = column == "theme" and share.iloc[0] == 1 and not usual.get(share.index[0], 0)
            if (
                lift.iloc[0] > 0.1 and lift.index[0] and not whole
            ):  # all rows of a theme have this theme
                value = lift.index[0]
                facts.append(Fact(column, value, share[value], usual.get(value, 0)))
    return facts


def by_median(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[Fact]:
    """Return the scores whose medians differ most, relative to their spread outside."""
    facts = list[tuple[float, str, Fact]]()
    for column in numbers(Dataset(rows)):
        inside, outside = (
            _values(rows, column, mask).dropna().astype(float) for mask in (chosen, rest)
        )
        if len(inside) and len(outside) > 10:
            spread = float(outside.quantile(0.9) - outside.quantile(0.1))
            apart = float(inside.median() - outside.median())
            if spread > 0 and abs(apart) > 0.2 * spread:
                fact = Fact(column, "", float(inside.median()), float(outside.median()))
                facts.append((-abs(apart) / spread, column, fact))
    return [fact for *_, fact in sorted(facts, key=lambda entry: entry[:2])[:4]]
