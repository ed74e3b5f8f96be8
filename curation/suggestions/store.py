"""The file of a project's suggestions, `suggestions.parquet`.

Suggestions are no decisions: the file can be made anew or deleted, and people's answers stay.
Guarantee: the file is whole or as before, also where two programs write at once.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation import lock, roles
from curation.errors import CurationError
from curation.files import replacing
from curation.sources.columnar import bounded, plain_size
from curation.sources.limits import Refused
from curation.suggestions.table import Suggestion, Table

FILE = "suggestions.parquet"

SCHEMA = pa.schema(
    [
        ("example", pa.string()),
        ("question", pa.string()),
        ("value", pa.string()),
        ("source", pa.string()),
        ("score", pa.float64()),
        ("content", pa.string()),
    ]
)
"""Columns of the file; value is JSON."""

MOST = 256 * 2**20
"""Bytes of all suggestions, each written out: some two million."""

NOTHING = Table()


class Suggestions:
    """The suggestions of a project folder."""

    def __init__(self, project: Path) -> None:
        self.path = project / FILE

    def table(self) -> Table:
        """Return all suggestions, kept in memory while the file stays.

        Raises CurationError for a file that cannot be read.
        """
        try:
            about = self.path.stat()
        except OSError:
            return NOTHING
        return _read(self.path, about.st_ino, about.st_size, about.st_mtime_ns)

    def put(self, fresh: Iterable[Suggestion], answered: Collection[tuple[str, str]] = ()) -> int:
        """Save suggestions in the place of their sources' former ones to the same questions.

        Returns the number of those that are new.

        answered: examples and questions that somebody answered. There a source keeps its former
        suggestion, so that everybody answers beside the same one.
        """
        roles.need(self.path.parent, roles.OWNER)
        new = list(fresh)
        sources = {(row.source, row.question) for row in new}
        with lock.locked(self.path.with_name(f".{FILE}.lock")):
            former = self.table().rows
            fixed = {
                (row.source, row.example, row.question): row
                for row in former
                if (row.source, row.question) in sources and (row.example, row.question) in answered
            }
            others = [row for row in former if (row.source, row.question) not in sources]
            new = [r for r in new if (r.source, r.example, r.question) not in fixed]
            self._write([*others, *fixed.values(), *new])
        return len(new)

    def remove(self, source: str) -> int:
        """Remove the suggestions of a source and return their number; raises CurationError for none."""
        roles.need(self.path.parent, roles.OWNER)
        with lock.locked(self.path.with_name(f".{FILE}.lock")):
            former = self.table().rows
            others = [row for row in former if row.source != source]
            if len(others) == len(former):
                sources = ", ".join(sorted({row.source for row in former})) or "none"
                raise CurationError(
                    f"There is no source {source!r} of suggestions; there are: {sources}."
                )
            self._write(others)
        return len(former) - len(others)

    def _write(self, rows: Iterable[Suggestion]) -> None:
        lines = [
            {name: getattr(row, name) for name in SCHEMA.names}
            | {"value": orjson.dumps(row.value).decode()}
            for row in rows
        ]
        table = pa.Table.from_pylist(lines, SCHEMA)
        if sum(map(plain_size, table.to_batches())) > MOST:
            raise CurationError(
                f"A project holds {MOST // 2**20} MB of suggestions at most, and these are more. Remove a "
                "source, or suggest fewer."
            )
        with replacing(self.path) as temporary:
            pq.write_table(table, temporary, compression="zstd")


@functools.lru_cache(maxsize=8)
def _read(path: Path, *version: int) -> Table:
    """Return the suggestions of a file; version: numbers that change with it."""
    try:
        return Table(
            Suggestion(**{**line, "value": orjson.loads(line["value"])}) for line in _lines(path)
        )
    except Refused as refused:
        raise CurationError(
            f"{FILE} cannot be read. {refused} Delete it, or make it anew."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        raise CurationError(
            f"{FILE} holds no suggestions that can be read. Delete it, or make them anew."
        ) from None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, whose columns are those of SCHEMA."""
    for batch in bounded(path, MOST):
        yield from pa.Table.from_batches([batch]).cast(SCHEMA).to_pylist()
