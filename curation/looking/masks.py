"""Sets of rows of a dataset: a mask over all rows, or positions in an order."""

from __future__ import annotations

import hashlib
import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
"""True for each row of the set, (rows,) bool."""

Positions: TypeAlias = NDArray[np.int64]
"""Positions of the rows of the set, in the order in which they are shown."""

Scores: TypeAlias = NDArray[np.floating]
"""A number for each row, (rows,) float; NaN for a row that was not measured."""

SHOWN = 2_000
"""Rows of a table sent to the browser; counts and actions cover all rows."""


def digest(chosen: Mask) -> str:
    """Return a digest of the chosen rows, for a cache's key."""
    return hashlib.blake2b(np.packbits(chosen).tobytes(), digest_size=12).hexdigest()


def listed(positions: Positions) -> str:
    """Return a name for a list of positions; another list is a new table without a picked row."""
    return f"{zlib.crc32(positions[:SHOWN].tobytes()):x}"
