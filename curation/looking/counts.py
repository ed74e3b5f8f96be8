"""Counts of a dataset: rows by file and by annotator, medians of a part beside another."""

from __future__ import annotations

import pandas as pd


def by_source(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each file, the largest first: source, examples, kept, format, share kept."""
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


def by_annotator(decided: pd.DataFrame) -> pd.DataFrame:
    """A line for each person: annotator, and examples that were decided."""
    return decided.groupby("annotator").size().rename("examples").reset_index()


def medians(values: pd.Series, chosen: pd.Index, pool: pd.Index) -> tuple[float, float]:
    """The median of a column among the chosen rows and among those they were chosen from."""
    return float(values.loc[chosen].median()), float(values.loc[pool].median())
