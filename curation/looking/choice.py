"""A selection's result: order, reasons, and shares of topics, labels, sources and shapes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curation.columns import as_text
from curation.dataset import Dataset
from curation.report import StepReport
from curation.shapes import COLUMN, features, shapes

MEDIANS = {"quality": "Median quality", "response_tokens": "Median response tokens"}
"""Columns whose medians are compared between a choice and its pool → titles."""

GROUPS = {
    "topic": "Topic",
    "language": "Language",
    "source": "Source",
    "label": "Label",
    COLUMN: "Kind of conversation",
}
"""Columns whose shares before and after a choice are compared → titles."""

FEWEST = 5
"""Examples of a group that a fair choice would take at least, before it can be called starved."""


@dataclass(frozen=True)
class Choice:
    """The chosen rows of a recipe's selection, and its pool.

    chosen: ids, the first chosen first. pool: ids. report: report of the selection's step; its
    delta holds keep, reason and rank, and some methods' gain and covered_by.
    """

    chosen: pd.Index
    pool: pd.Index
    report: StepReport = field(repr=False)

    @classmethod
    def of(cls, dataset: Dataset) -> Choice | None:
        """Return the choice of a dataset's selection; None when none was run."""
        report = next((r for r in dataset.steps if r.kind == "select"), None)
        if report is None:
            return None
        delta = report.delta[report.delta["keep"]]
        order = delta.sort_values("rank", kind="stable") if "rank" in delta else delta
        return cls(order.index, report.delta.index, report)

    def medians(self, rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
        """Map title → medians of chosen rows and of the pool, for measured columns of MEDIANS."""
        return {
            title: (
                float(rows.loc[self.chosen, column].median()),
                float(rows.loc[self.pool, column].median()),
            )
            for column, title in MEDIANS.items()
            if column in rows
        }

    def reasons(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the chosen rows' texts with why they were chosen, the first chosen first.

        Columns: rank, reason, gain where the method has one, stands_for (others that it
        covers) where the method says what covers what, prompt, response.
        """
        delta = self.report.delta.loc[self.chosen]
        table = delta[[c for c in ("rank", "reason", "gain") if c in delta]]
        if "stands_for" in delta:
            table = table.assign(stands_for=delta["stands_for"].fillna(0).astype(int))
        return table.join(rows[["prompt", "response"]])

    def rejected(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the pool that were not chosen: reason, covered_by, prompt, response.

        covered_by: id of the chosen row that is near; "" for none. Rows that nothing covers come first.
        """
        delta = self.report.delta[~self.report.delta["keep"]]
        covered = as_text(delta["covered_by"]) if "covered_by" in delta else ""
        table = pd.DataFrame({"reason": delta["reason"], "covered_by": covered}, index=delta.index)
        return table.sort_values("covered_by", kind="stable").join(rows[["prompt", "response"]])


def groups(dataset: Dataset) -> list[str]:
    """Return the columns of GROUPS in which the kept and dropped rows of a dataset differ."""
    rows = dataset.rows
    several = [c for c in GROUPS if c != COLUMN and c in rows and as_text(rows[c]).nunique() > 1]
    return [*several, *([COLUMN] if shapes(rows).nunique() > 1 else [])]


def values_by(dataset: Dataset, column: str, ids: pd.Index) -> pd.Series:
    """Return the values of some rows in a column of GROUPS, as text; "missing" for none."""
    rows = dataset.rows.loc[ids]
    return shapes(rows) if column == COLUMN else as_text(rows[column]).replace("", "missing")


def shares(dataset: Dataset, choice: Choice, column: str) -> pd.DataFrame:
    """Return each group's share of the pool and of the chosen rows, the pool's largest first.

    Columns: pool, chosen; indexed by the values of a column of GROUPS.
    """
    values = values_by(dataset, column, choice.pool)
    parts = {"pool": values, "chosen": values.loc[choice.chosen]}
    table = pd.DataFrame({name: v.value_counts(normalize=True) for name, v in parts.items()})
    return table.fillna(0.0).sort_values("pool", ascending=False, kind="stable")


def both(one: Choice, other: Choice) -> tuple[pd.Index, pd.Index, pd.Index, pd.Index]:
    """Return the ids of a pool that neither of two choices holds, both, only the first, only the other."""
    pool = one.pool
    first, second = pool.isin(one.chosen), pool.isin(other.chosen)
    masks = (~first & ~second, first & second, first & ~second, second & ~first)
    neither, shared, only, others = (pool[mask] for mask in masks)
    return neither, shared, only, others


@dataclass(frozen=True)
class Starved:
    """The groups that a choice starves.

    groups: one row per group with fewer than half of its fair share: column (of GROUPS), value,
    pool, fair (places in proportion to the pool), chosen, and examples, three ids that were not
    chosen; the most missed first. by_chance: how many such groups a random choice would have.
    """

    groups: pd.DataFrame
    by_chance: float


def starved(dataset: Dataset, choice: Choice) -> Starved:
    """Return the groups of which fewer than half their share was chosen.

    A group counts when a fair choice would take FEWEST of it or more. Topics, languages, sources,
    labels and, each by itself, tools, several turns and system prompts.
    """
    from scipy.stats import hypergeom

    pool, size = choice.pool, len(choice.chosen)
    chosen = pool.isin(choice.chosen)
    lines, by_chance = list[dict[str, object]](), 0.0
    for column, value, has in _groups_of(dataset, pool):
        count, taken = int(has.sum()), int((has & chosen).sum())
        fair = count * size / len(pool)
        if fair < FEWEST or count == len(pool):
            continue
        by_chance += float(hypergeom.cdf(np.ceil(fair / 2) - 1, len(pool), count, size))
        if taken < fair / 2:
            examples = list(pool[has & ~chosen][:3])
            line = {"column": column, "value": value, "pool": count, "fair": fair}
            lines.append({**line, "chosen": taken, "examples": examples})
    names = ["column", "value", "pool", "fair", "chosen", "examples"]
    table = pd.DataFrame(lines, columns=names)
    order = (table["fair"] - table["chosen"]).sort_values(ascending=False, kind="stable").index
    return Starved(table.loc[order].reset_index(drop=True), by_chance)


def _groups_of(dataset: Dataset, pool: pd.Index) -> list[tuple[str, str, np.ndarray]]:
    """Return column, value and members (True for rows of the pool) of every group."""
    rows, listed = dataset.rows.loc[pool], list[tuple[str, str, np.ndarray]]()
    for column in GROUPS:
        if column in rows and column != COLUMN:
            values = as_text(rows[column])
            names = [name for name in values.unique() if name]
            listed += [(column, name, (values == name).to_numpy()) for name in names]
    return listed + [(COLUMN, name, has.to_numpy()) for name, has in features(rows).items()]
