"""A receipt for every row: its source, its fate, and who decided."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset import Dataset
from curation.export.fitting import Fitted
from curation.export.origin import Origin, People
from curation.report import PEOPLE


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()


def receipts(
    dataset: Dataset,
    origin: Origin,
    people: People,
    why: pd.Series,
    formats: Mapping[str, Fitted],
) -> pd.DataFrame:
    """Return one row per source example.

    delivered: whether any file holds it. left_out: codes for which no format got it. not_in: the
    formats that refused it, each with its code. changed_by: steps and people that changed its text.
    before, after: its turns as read and now, where it is delivered and was changed. decided_by,
    tags, rating, note, flags: people's decisions about it.
    """
    rows = dataset.rows
    delivered = rows.index.isin(set().union(*(f.records for f in formats.values())))
    refusals: dict[str, list[str]] = {}
    for name, result in formats.items():
        for example, code in result.refused.items():
            refusals.setdefault(example, []).append(f"{name}: {code}")
    before = origin.imported.reindex(rows.index)
    changed = (before.notna() & (before != rows["messages"])).to_numpy()
    shown = changed & delivered
    table = pd.DataFrame(
        {
            "id": rows.index,
            "source": rows["source"],
            "source_row": rows["source_row"],
            "delivered": delivered,
            "dropped_by": rows["dropped_by"],
            "reason": [people.text(reason) for reason in _reasons(dataset)],
            "split": rows["split"],
            "left_out": why.reindex(rows.index, fill_value=""),
            "not_in": [", ".join(refusals.get(i, ())) for i in rows.index],
            "changed_by": [people.text(text) for text in _changes(dataset, changed)],
            "before": before.where(shown),
            "after": rows["messages"].where(shown),
        }
    )
    return pd.concat([table, people.table(rows.index)], axis=1)


def _reasons(dataset: Dataset) -> pd.Series:
    """Return each row's reason for being dropped; "" for rows that were not."""
    rows = dataset.rows
    reasons = pd.Series("", index=rows.index, dtype="str")
    for report in dataset.steps:
        if "reason" in report.delta:
            mine = rows.index[(rows["dropped_by"] == report.name).to_numpy()]
            dropped = mine.intersection(report.delta.index)
            reasons.loc[dropped] = report.delta.loc[dropped, "reason"].fillna("")
    return reasons


def _changes(dataset: Dataset, changed: np.ndarray) -> pd.Series:
    """Return the titles of steps and names of people that changed each row's text, by commas."""
    ids = dataset.rows.index[changed]
    authors: dict[str, list[str]] = {i: [] for i in ids}
    for report in dataset.steps:
        if report.before is None:
            continue
        for example in ids.intersection(report.before.index):
            reason = report.delta["reason"].get(example) if report.kind == PEOPLE else None
            authors[example].append(str(reason) if isinstance(reason, str) else report.title)
    texts = pd.Series({i: ", ".join(names) for i, names in authors.items()}, dtype="str")
    return texts.reindex(dataset.rows.index, fill_value="")
