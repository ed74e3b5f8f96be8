"""The computations of a comparison, as an operation asks for them, and as they are done without an engine.

Guarantee: the results are the same whoever does them, wherever the rows are cut, and whatever was
remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

Arrays = dict[str, np.ndarray]
"""Arrays by name."""

OfRows = Callable[..., Arrays]
"""(a frame with any rows, parameters) → arrays; a function of a module, whose result depends on no more."""


class Work:
    """Computes at once, in this process, and remembers nothing; the engine's does better."""

    def once(self, parts: Sequence[Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a function, remembered by all that they depend on besides the code."""
        return compute()

    def since(self, parts: Sequence[Any], compute: Callable[[Arrays | None], Arrays]) -> Arrays:
        """The arrays of a function that is given those of its last call with these parts, or None."""
        return compute(None)

    def latest(self, module: str, parts: Sequence[Any]) -> Arrays | None:
        """The arrays that `since` remembers for a function of a module with these parts, or None."""
        return None

    def of_rows(self, compute: OfRows, rows: pd.DataFrame, **params: Any) -> Arrays:
        """Arrays with a row for each row, remembered by batch; of a batch of other rows too."""
        return compute(rows, **params)

    def in_batches(self, compute: OfRows, rows: pd.DataFrame, **params: Any) -> Iterator[Arrays]:
        """Yield the arrays of slices of the rows, in order; nothing is remembered."""
        yield compute(rows, **params)


AT_ONCE = Work()
"""The work of a caller without an engine."""
