"""Which rows of a dataset are meant: a mask over all of them, or positions in an order."""

from __future__ import annotations

import hashlib
import zlib
from typing import TypeAlias

import numpy as np

Mask: TypeAlias = np.ndarray
"""True for each row that is meant, (rows,) bool."""

Positions: TypeAlias = np.ndarray
"""Places of the rows that are meant, in the order in which they are shown."""

SHOWN = 2_000
"""Rows of a table sent to the browser; the counts and the actions are about all of them."""


def digest(chosen: Mask) -> str:
    """A digest of which rows are chosen, for a cache's key."""
    return hashlib.blake2b(np.packbits(chosen).tobytes(), digest_size=12).hexdigest()


def listed(positions: Positions) -> str:
    """A name for a list of positions: another list is another table, where no row is picked yet."""
    return f"{zlib.crc32(positions[:SHOWN].tobytes()):x}"
