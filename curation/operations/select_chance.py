"""Selection by chance: plain, and with a fair share for each value of a column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd

from curation.choosing.budget import (
    Balance,
    Budget,
    Pool,
    Quotas,
    Rules,
    Shares,
    SharesOf,
    Units,
    shortfall,
)
from curation.choosing.preference import in_order
from curation.columns import as_text
from curation.registry import SEEDS, Column, Range, select

Seed = Annotated[int, "another seed, another sample", Range(0, SEEDS - 1)]


def by_chance(ids: pd.Index, seed: int) -> np.ndarray:
    """Positions by a hash of seed and id, so that rows that come or go change no other's place."""
    draws = [hashlib.blake2b(f"{seed}\x00{i}".encode(), digest_size=8).digest() for i in ids]
    return np.array(sorted(range(len(ids)), key=lambda i: draws[i]), dtype=np.int64)


@select("Random", makes=("rank",), notes=shortfall)
def select_random(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    balance: Balance = None,
    shares: SharesOf = "equal",
    quotas: Quotas = [],  # noqa: B006 - read only, and a form shows it as a list
    seed: Seed = 0,
) -> pd.DataFrame:
    """Choose examples by chance: the baseline that every other method has to beat.

    What it does:
        Each example's place is a hash of seed and id, so rows that come or go change no other row's
        place. Rows that a person kept come first and count. Raises CurationError for a budget above
        what is kept, and for quotas that cannot be read.
    Why:
        A method that is no better than chance is not worth its time.
    Example:
        with: {budget: 1, seed: 0}
        {prompt: Name a planet., response: Saturn.} → dropped
        {prompt: Name a star., response: Sirius.} → kept
    Measured precision:
        500 of 5,000 rows of Alpaca, static vectors: the mean similarity of a row to its nearest
        chosen is 0.737, of ten other random choices 0.731 to 0.738.
    Source:
        A uniform draw without replacement, by BLAKE2b.
    """
    pool = Pool(rows, Rules(budget, unit, balance, shares, quotas))
    chosen = pool.choose(in_order(by_chance(rows.index, seed)))
    return pool.answer(chosen, lambda i: "drawn by chance")


def _balancing(rows: pd.DataFrame) -> str:
    """The first of label, topic and source that has two values; source where none has."""
    several = (c for c in ("label", "topic") if c in rows and rows[c].nunique(dropna=False) > 1)
    return next(several, "source")


def _notes(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Name the column that the choice is balanced by, where nobody named one."""
    fewer = shortfall({**params, "by": params["by"] or _balancing(rows)}, rows, answer)
    if params["by"]:
        return fewer
    return [
        f"The choice is balanced by {_balancing(rows)}: the first of label, topic and source with "
        "two values.",
        *fewer,
    ]


@select("Random, balanced", makes=("rank",), notes=_notes)
def select_balanced(
    rows: pd.DataFrame,
    *,
    budget: Budget = 1_000,
    unit: Units = "examples",
    by: Annotated[
        Column | None,
        "the column whose values share the places; empty for the first of label, topic and source "
        "with two values",
    ] = None,
    shares: Annotated[
        Shares,
        "a value's share: equal, by the root of its examples, in proportion to them, or free, where "
        "only the quotas count",
    ] = "root",
    quotas: Annotated[
        list[str],
        "how many of a value: at most, as `cooking = 40`, or at least, as `cooking >= 40`",
    ] = [],  # noqa: B006 - read only, and a form shows it as a list
    seed: Seed = 0,
) -> pd.DataFrame:
    """Choose examples by chance, with a fair share for each value of a column.

    What it does:
        Awards the places one after the other to the value that is furthest below its share, and
        draws the example by a hash of seed and id. What a small value cannot take goes to the
        others. Ranks are in that order, so half of a choice is the choice of half the budget.
        Rows that a person kept come first and count. Raises CurationError for a budget above what
        is kept, and for quotas that cannot be read or name a value that no row has.
    Why:
        A plain draw repeats the imbalance of the data: rare labels and topics get few examples.
    Example:
        with: {budget: 2}
        {prompt: Shares fell., label: business} → dropped
        {prompt: Oil rose., label: business} → dropped
        {prompt: The bank opens., label: business} → kept
        {prompt: The striker scored., label: sports} → kept
    Measured precision:
        500 rows of AG News, THUCNews titles and 30 intents of CLINC with planted faults (benchmarks,
        lift): beside a plain random choice +0.161, +0.141 and +0.073 of macro-F1 after
        drop_wrong_labels, and without it +0.005, +0.030 and +0.023 (ten seeds): balance alone
        draws the wrong rows of rare labels.
    Source:
        Places by the method of Webster and Sainte-Laguë.
    """
    column = by or _balancing(rows)
    pool = Pool(rows, Rules(budget, unit, column, shares, quotas))
    values = as_text(rows[column]).tolist()
    chosen = pool.choose(in_order(by_chance(rows.index, seed)))
    return pool.answer(chosen, lambda i: f"drawn by chance, {column} is {values[i] or 'missing'}")
