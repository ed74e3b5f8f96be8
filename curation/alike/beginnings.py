"""Answers that are the beginning of another row's answer, as a cut copy is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

LEAST = 60
"""Bytes from which an answer counts: "Yes." begins many answers, and is a copy of none."""

READ = 4 * LEAST
"""Characters in which the first bytes of an answer stand, unless it begins with much white space."""


def beginnings(texts: Sequence[str]) -> np.ndarray:
    """For each text the position of one that goes on after it, -1 for none, (texts,) int64.

    Case, white space and the signs that end a text do not count. A text shorter than LEAST bytes, or
    as long as the other, is the beginning of none. Of several longer ones the next by the alphabet is
    named, of equal ones the first.
    """
    longer = np.full(len(texts), -1, dtype=np.int64)
    heads = pd.factorize(np.array([_head(text) for text in texts], dtype=object))[0]
    shared = np.bincount(heads[heads >= 0], minlength=1) > 1
    some = np.flatnonzero((heads >= 0) & shared[heads])
    keys = {i: _plain(texts[i]).rstrip(" .…。") for i in some.tolist()}
    first = dict[str, int]()
    for position, key in keys.items():
        first.setdefault(key, position)
    ordered = sorted(first)
    goes_on = {
        key: first[after]
        for key, after in zip(ordered, ordered[1:], strict=False)
        if after.startswith(key) and len(_bytes(key)) >= LEAST
    }
    for position, key in keys.items():
        longer[position] = goes_on.get(key, -1)
    return longer


def _head(text: str) -> str | None:
    """The first characters of a text, of LEAST bytes or a few more; None for a shorter one.

    A text that goes on after another one has the same.
    """
    head = _plain(text[:READ])
    if len(text) > READ and len(_bytes(head)) < LEAST:
        head = _plain(text)
    if head.isascii():
        return head[:LEAST] if len(head) >= LEAST else None
    size = 0
    for n, character in enumerate(head[:LEAST]):
        size += len(_bytes(character))
        if size >= LEAST:
            return head[: n + 1]
    return None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
