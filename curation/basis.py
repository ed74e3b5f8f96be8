"""What an operation worked out once and keeps to, so that rows which come later move no others.

A map drawn afresh for one more row is another map, and topics found afresh are other topics. So an
operation may keep a table (places, centres, names) under its step, parameters and encoder, and lay
new rows into it, until somebody asks for it to be worked out anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation import files
from curation.cache import key, read_table, write_table


class Basis:
    """One operation's table; without a path nothing is kept, and everything is worked out anew."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def load(self) -> pa.Table | None:
        """The table kept last; None while there is none, or when it is damaged."""
        return None if self.path is None else read_table(self.path)

    def save(self, table: pa.Table) -> None:
        """Keep a table instead of the former one, whole or not at all."""
        if self.path is not None:
            write_table(self.path, table)


class Bases:
    """A folder of tables that operations keep to; without one, none is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def of(self, step: str, *about: object) -> Basis:
        """The table of a step; `about` is what it depends on, such as parameters and encoder."""
        if self.folder is None:
            return Basis()
        name = key(step, self.turn(step), *about)
        return Basis(self.folder / f"{step}-{name[:16]}.arrow")

    def turn(self, step: str) -> int:
        """How often a step was asked to be worked out anew."""
        return int(self._turns().get(step, 0))

    def renew(self, step: str) -> None:
        """Let a step be worked out anew at the next run."""
        assert self.folder is not None
        turns = {**self._turns(), step: self.turn(step) + 1}
        files.write_text(self.folder / "turns.json", json.dumps(turns, sort_keys=True))

    def _turns(self) -> Mapping[str, Any]:
        try:
            assert self.folder is not None
            found: Mapping[str, Any] = json.loads((self.folder / "turns.json").read_text("utf-8"))
            return found
        except (OSError, ValueError, AssertionError):
            return {}

    def digests(self) -> dict[str, str]:
        """SHA-256 of each table kept, by file name: what a delivery says its results rest on."""
        if self.folder is None or not self.folder.is_dir():
            return {}
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.glob("*.arrow"))
        }


def vector_keys(vectors: np.ndarray) -> np.ndarray:
    """Sixteen bytes that stand for each vector, (rows,) S16: equal vectors, equal keys."""
    data = np.ascontiguousarray(vectors, dtype=np.float16)
    width = data.shape[1] * 2
    view = data.tobytes()
    return np.array(
        [
            hashlib.blake2b(view[i * width : (i + 1) * width], digest_size=15).digest() + b"."
            for i in range(len(data))
        ],
        dtype="S16",  # which would lose zeros at the end, hence the full stop
    )
