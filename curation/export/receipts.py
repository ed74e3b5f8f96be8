"""A receipt for every row: where it came from, what became of it, and by whom."""

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
    """A table as Parquet."""
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
    """One row per source example.

    delivered: whether any file holds it. left_out: why it was offered to no format. not_in: the
    formats that refused it, each with its code. changed_by: what changed its text since it was
    read; before, after: its turns then and now, where it is delivered and was changed. decided_by,
    tags, rating, note, flags: what people said of it.
    """
    rows = dataset.rows
    delivered = rows.index.isin(set().union(*(f.records for f in formats.values())))
    refusals: dict[str, list[str]] = {}
    for name, made in formats.items():
        for example, code in made.refused.items():
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
    """Why each row was dropped; "" for rows that were not."""
    rows = dataset.rows
    reasons = pd.Series("", index=rows.index, dtype="str")
    for report in dataset.steps:
        if "reason" in report.delta:
            mine = rows.index[(rows["dropped_by"] == report.name).to_numpy()]
            gone = mine.intersection(report.delta.index)
            reasons.loc[gone] = report.delta.loc[gone, "reason"].fillna("")
    return reasons


def _changes(dataset: Dataset, changed: np.ndarray) -> pd.Series:
    """What changed the text of each of those rows, by commas: titles of steps, names of people."""
    ids = dataset.rows.index[changed]
    said: dict[str, list[str]] = {i: [] for i in ids}
    for report in dataset.steps:
        if report.before is None:
            continue
        for example in ids.intersection(report.before.index):
            reason = report.delta["reason"].get(example) if report.kind == PEOPLE else None
            said[example].append(str(reason) if isinstance(reason, str) else report.title)
    texts = pd.Series({i: ", ".join(names) for i, names in said.items()}, dtype="str")
    return texts.reindex(dataset.rows.index, fill_value="")
