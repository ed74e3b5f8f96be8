"""Choices by distances alone: rows far from each other, and rows that are near to none before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.choosing.preference import Method, Preference, highest
from curation.vectors import Many, Vectors, some_of

BLOCK = 256
"""Rows whose similarities to others are computed together."""

TOGETHER = 1_024
"""Rows that are compared together with what was chosen since they were last looked at."""

NO_VECTOR = np.float32(-2)
"""The distance of a row without a vector, below that of any other, so that it comes last."""


def k_center(vectors: Many) -> Method:
    """Prefer the row that is farthest from every chosen one (Gonzalez 1985).

    vectors: unit length, (rows, width). The first is the row nearest to the mean. Any row is at most
    twice as far from a chosen one as with the best choice. Lazy evaluation is exact, since distances
    only fall: only rows that may be the farthest are compared with what was chosen since they were
    last looked at. Rows without a vector (zeros) come last. Ties go to the lower position.
    """

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        part = vectors if len(members) == len(vectors) else some_of(vectors, members)
        embedded = Vectors.of(part).each(lambda block: np.asarray(block.any(axis=1)))
        start = np.searchsorted(members, first)
        chosen = start[embedded[start]].tolist()
        # A distance is the negative cosine here; before anything is chosen it is how typical a row is.
        typical = part @ _mean(part, embedded) if embedded.any() else np.zeros(len(part))
        far = -_nearest(part, part[chosen]) if chosen else typical
        far = np.where(embedded, far, NO_VECTOR).astype(np.float32)
        far[start] = -np.inf
        compared, begun = np.full(len(part), len(chosen)), len(chosen) > 0
        while (far > -np.inf).any():
            window, limit = highest(far)
            some = part[window]
            values = np.minimum(far[window], -_fresh(some, part, chosen, compared[window]))
            alike, place = np.zeros((0, 0), dtype=np.float32), dict[int, int]()
            while True:
                best = int(values.argmax())
                if values[best] == -np.inf or (-values[best], window[best]) > limit:
                    break
                row, is_near = int(window[best]), bool(embedded[window[best]])
                distance = 1 + float(values[best]) if chosen and is_near else float("nan")
                taken = yield int(members[row]), distance
                values[best] = -np.inf
                if not taken or not is_near:
                    continue
                chosen.append(row)
                if len(chosen) == 1:
                    break
                if best not in place:
                    few = np.append(np.argsort(-values, kind="stable")[: BLOCK // 4], best)
                    alike, place = some[few] @ some.T, {int(r): i for i, r in enumerate(few)}
                np.minimum(values, -alike[place[best]], out=values)
            far[window], compared[window] = values, len(chosen)
            if chosen and not begun:  # from now on distances are those to the chosen
                begun = True
                far = np.where(embedded & (far > -np.inf), -(part @ part[chosen[0]]), far)
                compared[:] = 1

    return method


def _mean(vectors: Many, some: np.ndarray) -> np.ndarray:
    """The mean of the vectors of some rows, (width,) float32."""
    if not isinstance(vectors, Vectors):
        return np.asarray(vectors[some].mean(axis=0))
    blocks = vectors.of_rows(np.flatnonzero(some)).blocks()
    total = sum(block.sum(axis=0, dtype=np.float64) for block in blocks)
    return np.asarray(total / some.sum(), dtype=np.float32)


def _fresh(rows: np.ndarray, part: Many, chosen: Sequence[int], compared: np.ndarray) -> np.ndarray:
    """The greatest cosine of each row to the chosen ones after the first `compared` of them, (rows,)."""
    near = np.full(len(rows), -np.inf, dtype=np.float32)
    order = np.argsort(compared, kind="stable")
    for start in range(0, len(order), TOGETHER):
        some = order[start : start + TOGETHER]
        near[some] = _nearest(rows[some], part[chosen[int(compared[some[0]]) :]])
    return near


def _nearest(rows: Many, chosen: np.ndarray) -> np.ndarray:
    """The greatest cosine of each row to some chosen ones, (rows,)."""
    if isinstance(rows, Vectors):
        return rows.each(lambda block: _nearest(block, chosen))
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


def distinct(vectors: Many, score: np.ndarray, most: float) -> Method:
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
