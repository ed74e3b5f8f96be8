"""A receipt for every row: its source, its fate, and who decided; and the rows not delivered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.dataset import Dataset
from curation.export.fitting import Fitting
from curation.export.folder import entry
from curation.export.origin import REFUSED, Origin, People
from curation.personal import KINDS, is_personal
from curation.personal.redaction import REDACTED, Redaction
from curation.report import PEOPLE, reasons_of

CHUNK = 50_000
"""Rows of a table that are made at once."""

_TYPES = {"delivered": pa.bool_(), "raw": pa.binary()}
_TYPES |= dict.fromkeys(("row", "source_row", "line", "offset"), pa.int64())
"""Types of columns; all others are texts."""


def write(folder: Path, path: str, parts: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Write a table part by part as Parquet, and return the file's entry for the manifest."""
    writer = None
    with files.replacing(folder / path) as temporary, open(temporary, "wb") as stream:
        for part in parts:
            schema = pa.schema([(name, _TYPES.get(str(name), pa.string())) for name in part])
            writer = writer or pq.ParquetWriter(stream, schema, compression="zstd")
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))
        assert writer is not None, "a table has at least an empty part"
        writer.close()
    return entry(folder, path)


class Tables:
    """Tables about the rows of a delivery, made in parts.

    why: each kept row's reason for being left out, by place. formats: the rows of each format.
    """

    def __init__(
        self,
        dataset: Dataset,
        origin: Origin,
        people: People,
        why: pd.Series,
        formats: Mapping[str, Fitting],
    ) -> None:
        self._dataset, self._origin, self._people = dataset, origin, people
        self._left_out = np.full(len(dataset), "", dtype=object)
        self._left_out[why.index.to_numpy()] = why.to_numpy(dtype=object)
        self._formats = formats
        self._delivered = np.logical_or.reduce([f.delivered for f in formats.values()])
        self._reasons = reasons_of(dataset.rows, dataset.steps)
        self._reworded = [
            (report, dataset.rows.index.isin(report.before.index))
            for report in dataset.steps
            if report.before is not None
        ]

    def receipts(self) -> Iterator[pd.DataFrame]:
        """Yield one row per source example.

        delivered: whether any file holds it. left_out: codes for which no format got it. not_in: the
        formats that refused it, each with its code. changed_by: steps and people that changed its
        text. before, after: its turns as read and now, where it is delivered and was changed; where
        personal data were redacted neither, as the originals stay in the project.
        decided_by, tags, rating, note, flags, answers: people's decisions about it.
        """
        rows, people = self._dataset.rows, self._people
        imported = self._origin.imported
        if not imported.index.equals(rows.index):
            imported = imported.reindex(rows.index)
        for part in slices(len(rows)):
            mine, delivered, before = rows.iloc[part], self._delivered[part], imported.iloc[part]
            changed = (before.notna() & (before != mine["messages"])).to_numpy(dtype=bool)
            shown = changed & delivered & ~self._is_withheld(before, mine)
            reasons = self._reasons.iloc[part]
            table = pd.DataFrame(
                {
                    "id": mine.index,
                    "source": mine["source"],
                    "source_row": mine["source_row"],
                    "delivered": delivered,
                    "dropped_by": mine["dropped_by"],
                    "reason": [people.text(reason) for reason in reasons],
                    "split": mine["split"],
                    "left_out": self._left_out[part],
                    "not_in": self._not_in(part),
                    "changed_by": self._changes(mine.index, part, changed),
                    "before": before.where(shown),
                    "after": mine["messages"].where(shown),
                }
            )
            yield pd.concat([table, people.table(mine.index)], axis=1)

    def dropped(self) -> Iterator[pd.DataFrame]:
        """Yield the rows that a step or a person dropped, with their texts and the reason."""
        rows = self._dataset.rows
        for part in slices(len(rows)):
            mine = rows.iloc[part]
            dropped = mine["dropped_by"].notna().to_numpy()
            mine, reasons = mine[dropped], self._reasons.iloc[part][dropped]
            yield pd.DataFrame(
                {
                    "id": mine.index,
                    "source": mine["source"],
                    "source_row": mine["source_row"],
                    "step": mine["dropped_by"],
                    "reason": [self._people.text(reason) for reason in reasons],
                    **{name: mine[name] for name in ("messages", "label", "tools", "metadata")},
                }
            )

    def rejected(self) -> Iterator[pd.DataFrame]:
        """Yield the lines of files that the import refused, as bytes and with the reason.

        Where personal data were redacted, the bytes are left out and the reasons are redacted too.
        """
        table = self._origin.rejected[list(REFUSED)]
        if REDACTED in self._dataset.rows and len(table):
            reasons = [Redaction(tuple(KINDS), [text]).text(text) for text in table["message"]]
            table = table.assign(message=reasons, raw=None)
        yield table

    def _is_withheld(self, before: pd.Series, mine: pd.DataFrame) -> np.ndarray:
        """Whether a row's text as read stays in the project, for personal data were redacted."""
        if REDACTED not in self._dataset.rows:
            return np.zeros(len(mine), dtype=bool)
        personal = before.fillna("").map(is_personal) | mine[REDACTED].notna()
        return personal.to_numpy(dtype=bool)

    def _not_in(self, part: slice) -> np.ndarray:
        """Return the formats that refused each of some rows, with their codes."""
        names = np.full(part.stop - part.start, "", dtype=object)
        for name, fitting in self._formats.items():
            codes = fitting.codes(part)
            some = codes != ""
            before = np.where(names[some] == "", "", names[some] + ", ")
            names[some] = before + f"{name}: " + codes[some]
        return names

    def _changes(self, index: pd.Index, part: slice, changed: np.ndarray) -> np.ndarray:
        """Return the titles of steps and names of people that changed each row's text, by commas."""
        names = np.full(len(index), "", dtype=object)
        for report, reworded in self._reworded:
            some = changed & reworded[part]
            if report.kind == PEOPLE:
                reasons = report.delta["reason"].reindex(index[some])
                who = reasons.where(reasons.notna(), report.title).to_numpy(dtype=object)
            else:
                who = np.full(int(some.sum()), report.title, dtype=object)
            names[some] = np.where(names[some] == "", "", names[some] + ", ") + who
        names[changed] = [self._people.text(text) for text in names[changed]]
        return names


def slices(rows: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK rows; an empty one for no rows."""
    for start in range(0, max(rows, 1), CHUNK):
        yield slice(start, min(start + CHUNK, rows))
