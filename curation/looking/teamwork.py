"""Work of a team: who answered how much, how fast, and what."""

from __future__ import annotations

import pandas as pd

DAY = 86_400.0


def by_person(opinions: pd.DataFrame, total: int) -> pd.DataFrame:
    """Return a line per person, the busiest first.

    opinions: as `State.opinions_frame`. total: number of examples of the project. Columns: who,
    examples, share (of `total`, at most 1), answers, pace (answers per day on which the person
    answered, by UTC), newest (date of the newest answer).
    """
    groups = opinions.assign(day=opinions["when"] // DAY).groupby("who")
    table = pd.DataFrame({"examples": groups["example"].nunique(), "answers": groups.size()})
    table["share"] = (table["examples"] / max(1, total)).clip(upper=1)
    table["pace"] = table["answers"] / groups["day"].nunique()
    table["newest"] = pd.to_datetime(groups["when"].max(), unit="s").dt.strftime("%Y-%m-%d")
    table = table.sort_values(["answers", "examples"], ascending=False, kind="stable")
    return table.rename_axis("who").reset_index()


def by_value(opinions: pd.DataFrame, question: str) -> pd.DataFrame:
    """Return how often each person gave each value: columns who, value, answers and share (of the person's)."""
    part = opinions[opinions["question"] == question]
    sizes = part.groupby(["who", "value"]).size().rename("answers").reset_index()
    sizes["share"] = sizes["answers"] / sizes.groupby("who")["answers"].transform("sum")
    return sizes.sort_values(["who", "answers"], ascending=[True, False], ignore_index=True)
