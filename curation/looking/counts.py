"""Counts of a dataset: totals, rows by file, and people's progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curation.dataset import Dataset
from curation.looking.masks import is_kept, number_kept
from curation.looking.teamwork import by_person

if TYPE_CHECKING:
    from curation.decisions.state import State


@dataclass(frozen=True)
class Counts:
    """The totals of a dataset.

    attention: kept examples that a trainer cannot use as they are. refused: lines refused on
    import. decided: examples with a decision of a person.
    """

    examples: int
    kept: int
    attention: int
    refused: int
    decided: int

    @classmethod
    def of(
        cls, dataset: Dataset, imports: Sequence[Mapping[str, Any]], people: State | None
    ) -> Counts:
        """Count a dataset, the entries of its imports, and people's decisions."""
        attention = (dataset.rows["attention"] != "").to_numpy(dtype=bool)
        return cls(
            examples=len(dataset),
            kept=number_kept(dataset),
            attention=int(np.count_nonzero(attention & is_kept(dataset))),
            refused=sum(entry["report"]["rejected"] for entry in imports),
            decided=0 if people is None else len(people.frame()),
        )

    @property
    def dropped(self) -> int:
        """The number of examples that a step or a person dropped."""
        return self.examples - self.kept

    @property
    def share_kept(self) -> float:
        """The share of the examples that is kept."""
        return self.kept / max(1, self.examples)


def by_source(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each file, the largest first: source, examples, kept, format, share kept."""
    table = (
        rows.assign(kept=rows["dropped_by"].isna())
        .groupby("source", observed=True)
        .agg(
            examples=("kept", "size"),
            kept=("kept", "sum"),
            format=("format", lambda f: ", ".join(sorted(set(f)))),
        )
        .reset_index()
        .sort_values("examples", ascending=False)
    )
    table["share kept"] = table["kept"] / table["examples"]
    return table


@dataclass(frozen=True)
class Progress:
    """People's progress: the examples that they decided about, of all.

    by_person: a line for each person with an answer that is on, as the Team page has it; see
    `curation.looking.teamwork`. verdicts: keep or drop of each example with a verdict.
    """

    decided: int
    total: int
    by_person: pd.DataFrame
    verdicts: pd.Series

    @classmethod
    def of(cls, people: State | None, total: int) -> Progress | None:
        """Return people's progress through `total` examples; None before the first decision."""
        table = pd.DataFrame() if people is None else people.frame()
        if people is None or table.empty:
            return None
        return cls(
            decided=len(table),
            total=total,
            by_person=by_person(people.opinions_frame(), total),
            verdicts=table.loc[table["verdict"] != "", "verdict"],
        )

    @property
    def share(self) -> float:
        """The decided share of all examples, at most 1, because a decided example may be gone."""
        return min(1.0, self.decided / max(1, self.total))
