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

    why: each kept row's reason for being left out. formats: the rows of each format.
    """

    def __init__(
        self,
        dataset: Dataset,
        origin: Origin,
        people: People,
        why: pd.Series,
        formats: Mapping[str, Fitting],
    ) -> None:
        self._dataset, self._origin, self._people, self._why = dataset, origin, people, why
        self._refused = {name: fitting.refused for name, fitting in formats.items()}
        self._delivered = np.logical_or.reduce([f.delivered for f in formats.values()])
        self._reasons = reasons_of(dataset.rows, dataset.steps)

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
                    "left_out": self._why.reindex(mine.index, fill_value=""),
                    "not_in": self._not_in(mine.index),
                    "changed_by": [
                        people.text(text) for text in _changes(self._dataset, mine.index, changed)
                    ],
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

    def _not_in(self, index: pd.Index) -> list[str]:
        """Return the formats that refused each of some rows, with their codes."""
        codes: dict[str, list[str]] = {}
        for name, refused in self._refused.items():
            mine = refused[refused.index.isin(index)] if len(refused) else refused
            for example, code in mine.items():
                codes.setdefault(str(example), []).append(f"{name}: {code}")
        return [", ".join(codes.get(i, ())) for i in index]


def slices(rows: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK rows; an empty one for no rows."""
    for start in range(0, max(rows, 1), CHUNK):
        yield slice(start, min(start + CHUNK, rows))


def _changes(dataset: Dataset, index: pd.Index, changed: np.ndarray) -> list[str]:
    """Return the titles of steps and names of people that changed each row's text, by commas."""
    ids = index[changed]
    authors: dict[str, list[str]] = {i: [] for i in ids}
    for report in dataset.steps if len(ids) else ():
        if report.before is None:
            continue
        for example in ids[ids.isin(report.before.index)]:
            reason = report.delta["reason"].get(example) if report.kind == PEOPLE else None
            authors[example].append(str(reason) if isinstance(reason, str) else report.title)
    return [", ".join(authors.get(i, ())) for i in index]
