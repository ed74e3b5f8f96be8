"""Inputs for operations that run outside a step: rows that are to have vectors beside a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Progress, silent
from curation.registry import operation


def embedded(
    use: str,
    params: Mapping[str, Any],
    rows: pd.DataFrame,
    store: Any,
    progress: Progress = silent,
) -> np.ndarray:
    """Vectors of rows, (rows, width) float32, by an operation of the kind `embed`.

    Raises NotRemembered for a store that may only remember and lacks one, CurationError where the
    operation cannot do its work.
    """
    embed = operation(use)
    offers = {"rows": rows, "store": store, "progress": progress}
    answer = embed.run(*(offers[name] for name in embed.inputs), **params)
    return np.asarray(answer[0] if isinstance(answer, tuple) else answer)
