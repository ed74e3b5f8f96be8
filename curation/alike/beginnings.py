"""Answers that are the beginning of another row's answer, as a cut copy is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST = 60
"""Bytes from which an answer counts: "Yes." begins many answers, and is a copy of none."""


def beginnings(texts: Sequence[str]) -> np.ndarray:
    """For each text the position of one that goes on after it, -1 for none, (texts,) int64.

    Case, white space and the signs that end a text do not count. A text shorter than LEAST bytes, or
    as long as the other, is the beginning of none. Of several longer ones the next by the alphabet is
    named, of equal ones the first.
    """
    keys = [" ".join(text.casefold().split()).rstrip(" .…。") for text in texts]
    longer, first = np.full(len(keys), -1, dtype=np.int64), dict[str, int]()
    for position, key in enumerate(keys):
        first.setdefault(key, position)
    ordered = sorted(first)
    goes_on = {
        key: first[after]
        for key, after in zip(ordered, ordered[1:], strict=False)
        if after.startswith(key) and len(key.encode("utf-8", "replace")) >= LEAST
    }
    for position, key in enumerate(keys):
        longer[position] = goes_on.get(key, -1)
    return longer
