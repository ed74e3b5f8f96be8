"""Choices by distances alone: rows far from each other, and rows that are near to none before them."""

from __future__ import annotations

import numpy as np

from curation.choosing.preference import Method, Preference

BLOCK = 256
"""Rows whose similarities to all others are computed together."""

CELLS = 64_000_000
"""Similarities that are kept at a time at most: 256 MB."""


def k_center(vectors: np.ndarray) -> Method:
    """Prefer the row that is farthest from every chosen one (Gonzalez 1985).

    vectors: unit length, (rows, width). The first is the row nearest to the mean. Any row is at most
    twice as far from a chosen one as with the best choice. Rows without a vector (zeros) come last.
    Ties go to the lower position.
    """

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        part = np.ascontiguousarray(vectors[members])
        embedded = np.asarray(part.any(axis=1))
        start = np.searchsorted(members, first)
        typical = part @ part[embedded].mean(axis=0) if embedded.any() else np.zeros(len(part))
        # What is nearest to the chosen has the greatest value; infinity is out of the question.
        near = np.where(embedded, -typical, np.float32(2)).astype(np.float32)
        if len(start):
            near = np.where(embedded, _nearest(part, part[start]), np.float32(2))
            near[start] = np.inf
        alike, place = np.zeros((0, 0), dtype=np.float32), dict[int, int]()
        chosen = len(start) > 0
        for _ in range(len(members) - len(start)):
            row = int(near.argmin())
            distance = 1 - float(near[row]) if chosen and embedded[row] else float("nan")
            taken = yield int(members[row]), distance
            if taken and embedded[row]:
                if row not in place:
                    count = min(max(16, CELLS // len(near)), BLOCK, len(near))
                    few = np.append(np.argpartition(near, count - 1)[:count], row)
                    alike, place = part[few] @ part.T, {int(r): i for i, r in enumerate(few)}
                similar = alike[place[row]]
                open_ = np.isfinite(near) & embedded
                near[open_] = similar[open_] if not chosen else np.maximum(near, similar)[open_]
                chosen = True
            near[row] = np.inf

    return method


def _nearest(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The greatest cosine of each row to some chosen ones, (rows,)."""
    near = np.full(len(rows), -np.inf, dtype=np.float32)
    for start in range(0, len(chosen), BLOCK):
        np.maximum(near, (rows @ chosen[start : start + BLOCK].T).max(axis=1), out=near)
    return near


def spread_out(vectors: np.ndarray, count: int) -> np.ndarray:
    """Positions of `count` rows that lie far from each other, the most typical first.

    vectors: (rows, width), unit length. See `k_center`.
    """
    preference = k_center(vectors)(np.arange(len(vectors)), np.zeros(0, dtype=np.int64))
    chosen = list[int]()
    pick = next(preference, None)
    while pick is not None and len(chosen) < count:
        chosen.append(pick[0])
        pick = preference.send(True) if len(chosen) < min(count, len(vectors)) else None
    return np.array(chosen, dtype=int)


def distinct(vectors: np.ndarray, score: np.ndarray, most: float) -> Method:
    """Prefer rows by a score, the highest first, without those near to one already taken (DEITA).

    vectors: unit length, (rows, width). A row is passed over for good when its cosine to a taken row
    is above `most`; that the comparison is strict, and that a row is compared with taken rows alone,
    is as in the authors' IterativeFilter (hkust-nlp/deita) with its default batch of one row. score:
    missing ones come last. Ties go to the lower position, which theirs leave open. The gain of a row
    is its distance to the nearest taken one.
    """

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        rest = members[~np.isin(members, first)]
        values = np.where(np.isfinite(score[rest]), score[rest], -np.inf)
        order = rest[np.lexsort([rest, -values])]
        taken_rows = first.tolist()
        for start in range(0, len(order), BLOCK):
            block = order[start : start + BLOCK]
            near = _nearest(vectors[block], vectors[taken_rows])
            among = vectors[block] @ vectors[block].T
            for i, row in enumerate(block.tolist()):
                if near[i] > most:
                    continue
                if (yield row, 1 - float(near[i]) if taken_rows else float("nan")):
                    taken_rows.append(row)
                    np.maximum(near, among[i], out=near)

    return method
