"""The examples of a project as imported, kept in memory until they change."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

from curation.cache import Cache
from curation.columns import FileColumns
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.imports import Imports
from curation.overlay import Source
from curation.unwritten import absent


class Examples:
    """The examples' table as a dataset; safe for many threads.

    cache: the folder in which columns of the files are remembered.
    """

    def __init__(self, imports: Imports, cache: Path) -> None:
        self._imports = imports
        self._cache = Cache(cache)
        self._reading = Lock()
        self._newest: Source | None = None

    def now(self) -> Source:
        """The examples and the digest of their table, read as one.

        A file that is not as it was written is found by its checksum and rebuilt from `source/`.
        Raises CurationError when there are no examples.
        """
        with self._reading:
            written = self._imports.examples_sha256
            if written is None:
                raise CurationError(self._imports.why_empty())
            if self._newest is None or self._newest.digest != written:
                digest, table = self._imports.table("examples")
                rows = table.set_index("id").drop(columns=["content_hash", "imported_as"])
                missing = absent(rows.index)
                rows = rows.assign(dropped_by=missing, split=missing)
                own = FileColumns(rows["metadata"], digest, self._cache)
                self._newest = Source(digest, Dataset(rows, own=own))
            return self._newest

    def with_files(self) -> tuple[Source, list[dict[str, Any]]]:
        """The source, and the files that it was read from, whoever imports meanwhile."""
        while True:
            source = self.now()
            imports = self._imports.entries_of(source.digest)
            if imports is not None:
                return source, imports
