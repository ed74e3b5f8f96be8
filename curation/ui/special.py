"""What is special about some examples beside the rest: words, sentences, and some that stand for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from curation.dataset import Dataset
from curation.selection import spread_out
from curation.ui.filters import numbers
from curation.ui.text import markdown

READ = 600
"""Chosen rows, spread over all of them, whose words are counted."""

COMPARED = 1_500
"""Rows of the rest, spread over all of it, with which those words are compared."""

SPREAD = 20
"""Examples that stand for a selection."""

CATEGORIES = ("language", "source", "label", "theme", "dropped_by")


@dataclass(frozen=True)
class Special:
    """What is special about a selection: its own words, sentences, and ids that stand for it."""

    words: list[str]
    lines: list[str]
    spread: list[str]


@st.cache_resource(max_entries=24, show_spinner=False)
def remembered(
    path: str,
    fingerprint: str,
    about: str,
    _dataset: Dataset,
    _chosen: np.ndarray,
    _rest: np.ndarray,
) -> Special:
    """What sets the chosen rows apart from the rest; `about` is a digest of which they are."""
    return special(_dataset, _chosen, _rest)


def special(dataset: Dataset, chosen: np.ndarray, rest: np.ndarray) -> Special:
    """What sets the chosen rows apart from the rest, both masks (rows,)."""
    rows, vectors = dataset.rows, dataset.vectors
    here, there = rows.iloc[evenly(chosen, READ)], rows.iloc[evenly(rest, COMPARED)]
    texts, others = (
        list(part["prompt"].fillna("") + " " + part["response"].fillna(""))
        for part in (here, there)
    )
    words = special_words(texts, others)
    few = evenly(chosen, 20_000)
    if vectors is not None:
        few = few[~np.isnan(vectors[few, 0])]
        few = few[spread_out(vectors[few], SPREAD)]
    lines = [*by_share(rows, chosen, rest), *by_median(rows, chosen, rest)]
    return Special(words, lines, list(rows.index[few[:SPREAD]]))


def evenly(chosen: np.ndarray, count: int) -> np.ndarray:
    """Positions of at most so many of the chosen rows, evenly spread over all of them."""
    at = np.flatnonzero(chosen)
    return at[np.unique(np.linspace(0, len(at) - 1, count).astype(int))] if len(at) else at


def special_words(texts: Sequence[str], others: Sequence[str], top: int = 8) -> list[str]:
    """Words that stand in more of these texts than of the others, by the log of the odds."""
    from curation.operations.topics import topic_words

    def documents(batch: Sequence[str]) -> Counter[str]:
        return Counter(w for text in batch for w in set(topic_words(text)))

    here, there = documents(texts), documents(others)
    n, m = max(1, len(texts)), max(1, len(others))

    def weight(word: str) -> float:
        a, b = (here[word] + 0.5) / (n + 1), (there[word] + 0.5) / (m + 1)
        return float(np.log(a / b) * np.sqrt(here[word]))

    common = [w for w, count in here.items() if count >= max(2, n * 0.02)]
    return sorted(common, key=weight, reverse=True)[:top]


def by_share(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[str]:
    """Categories that are more frequent here than elsewhere, as Markdown."""
    lines = []
    for column in CATEGORIES:
        if column in rows and rows[column][chosen].notna().any():
            share = rows[column][chosen].fillna("").value_counts(normalize=True)
            usual = rows[column][rest].fillna("").value_counts(normalize=True)
            lift = (share - usual.reindex(share.index).fillna(0)).sort_values(ascending=False)
            whole = column == "theme" and share.iloc[0] == 1 and not usual.get(share.index[0], 0)
            if lift.iloc[0] > 0.1 and lift.index[0] and not whole:  # a theme is all in itself
                lines.append(
                    f"{column.replace('_', ' ')} {markdown(lift.index[0])}: "
                    f"{share[lift.index[0]]:.0%} here, {usual.get(lift.index[0], 0):.0%} elsewhere"
                )
    return lines


def by_median(rows: pd.DataFrame, chosen: np.ndarray, rest: np.ndarray) -> list[str]:
    """The scores whose medians differ most, measured by their spread elsewhere."""
    found = []
    for column in numbers(Dataset(rows)):
        here, there = (rows[column][mask].dropna().astype(float) for mask in (chosen, rest))
        if len(here) and len(there) > 10:
            spread = float(there.quantile(0.9) - there.quantile(0.1))
            apart = float(here.median() - there.median())
            if spread > 0 and abs(apart) > 0.2 * spread:
                text = f"median {here.median():.3g} here, {there.median():.3g} elsewhere"
                found.append((-abs(apart) / spread, f"{column.replace('_', ' ')}: {text}"))
    return [line for _, line in sorted(found)[:4]]
