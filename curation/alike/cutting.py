"""Near pairs, found once down to a floor, and cut at any threshold: who stays, and who goes for whom.

Guarantee: a row goes exactly where it is near to a row that stays and comes before it in the order of
preference, so that no chain of pairs takes a row that is near to nothing that stays. Accepted: rows of
one class (equal ones) share their pairs, except one that a person told apart from another row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from curation.alike.pairs import NO_PAIRS, Pairs, joined

ROUNDING = 1e-5
"""Error of a cosine of float32 vectors: equal ones need not have a cosine of 1."""

More = Callable[[np.ndarray, np.ndarray, float], Pairs]
"""(classes that stay, in order of preference; full classes; threshold) → near pairs of the two that may
be new."""


@dataclass(frozen=True)
class Nearby:
    """Rows in classes of equal ones, and pairs of classes that are near.

    codes: the class of each row, (rows,). pairs: of classes. full: the similarity up to which a class
    may be near to more classes than the pairs say, 0 for one that is not, (classes,).
    """

    codes: np.ndarray
    pairs: Pairs
    full: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, for `of`."""
        return {"codes": self.codes, "full": self.full, **self.pairs._asdict()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Nearby:
        """The pairs and classes that `arrays` wrote down."""
        pairs = Pairs(*(arrays[name] for name in Pairs._fields))
        return cls(arrays["codes"], pairs, arrays["full"])


@dataclass(frozen=True)
class Kept:
    """The row that stays for each row.

    leader: positions, (rows,); a row's own where it stays. similarity: to the leader. near: (pairs, 2)
    positions, a row that goes and a row that stays and is near to it, in order. cut: rows that stay and
    may be near to others that stay, since they resemble too many.
    """

    leader: np.ndarray
    similarity: np.ndarray
    near: np.ndarray
    cut: int = 0


def classes_of(keys: np.ndarray) -> Nearby:
    """Rows with equal keys as one class, near to no other; a negative key equals none."""
    keys = keys.copy()
    keys[keys < 0] = keys.max(initial=0) + 1 + np.arange((keys < 0).sum())
    _, codes = np.unique(keys, return_inverse=True)
    return Nearby(codes, NO_PAIRS, np.zeros(codes.max(initial=-1) + 1))


def cut(
    nearby: Nearby,
    order: np.ndarray,
    threshold: float,
    apart: np.ndarray | None = None,
    more: More | None = None,
    every: bool = False,
) -> Kept:
    """Keep, in an order of preference, each row that is near to no row that is kept before it.

    order: positions of all rows, the best to keep first. apart: pairs of positions, (pairs, 2), that
    are no duplicates. more: finds pairs that `nearby` may lack between full classes and those that
    stay. every: whether it looks for every row that is near to one that goes, too, and not to leaders
    alone.
    """
    rows = len(nearby.codes)
    apart = np.zeros((0, 2), dtype=np.int64) if apart is None else apart
    codes, pairs = _split(nearby, apart)
    best = np.full(codes.max(initial=-1) + 1, -1)
    best[codes[order[::-1]]] = order[::-1]
    rank = np.empty(rows, dtype=np.int64)
    rank[order] = np.arange(rows)
    class_rank = rank[best]
    full = np.zeros(len(best))
    full[: len(nearby.full)] = nearby.full
    barred = _keys(codes[apart[:, 0]], codes[apart[:, 1]], len(best))
    reaching = _without(pairs.where(pairs.similarity >= threshold - ROUNDING), barred, len(best))
    while True:
        leader, similarity = _cut(reaching, class_rank)
        stays = leader == np.arange(len(best))
        doubtful = np.flatnonzero(stays & (full >= threshold - ROUNDING))
        if more is None or not len(doubtful):
            break
        others = _ranked(stays[: len(nearby.full)], class_rank)
        fresh = _without(more(others, doubtful, threshold), barred, len(best))
        fresh = fresh.where(stays[fresh.first] & stays[fresh.second])
        if not len(fresh.first):
            break
        reaching = joined([reaching, fresh])
    leader_of_row = best[leader[codes]]
    near = np.zeros((0, 2), dtype=np.int64)
    if every:
        crowded = np.flatnonzero(~stays & (full >= threshold - ROUNDING))
        if more is not None and len(crowded):
            others = _ranked(stays[: len(nearby.full)], class_rank)
            reaching = joined(
                [reaching, _without(more(others, crowded, threshold), barred, len(best))]
            )
        near = _near_kept(codes, reaching, best, leader_of_row)
    return Kept(
        leader_of_row,
        np.where(best[codes] == leader_of_row, 1.0, similarity[codes]),
        near,
        len(doubtful),
    )


def _ranked(stays: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """The classes that stay, in order of preference."""
    classes = np.flatnonzero(stays)
    return np.asarray(classes[np.argsort(rank[classes])])


def _near_kept(codes: np.ndarray, pairs: Pairs, best: np.ndarray, leader: np.ndarray) -> np.ndarray:
    """Each row that goes and each row that stays and is equal or near to it, (pairs, 2), in order."""
    rows = len(codes)
    stays = leader[best] == best
    equal = np.flatnonzero(stays)
    one = np.concatenate([pairs.first, pairs.second, equal])
    other = np.concatenate([pairs.second, pairs.first, equal])
    beside_kept = stays[other]
    goes = np.flatnonzero(leader != np.arange(rows))
    row, pair = _equal(codes[goes], one[beside_kept])
    near = np.unique(goes[row] * rows + best[other[beside_kept]][pair])
    return np.stack(np.divmod(near, max(1, rows)), axis=1)


def _cut(pairs: Pairs, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class that stays for each class, the nearest before it, and the similarity to it.

    Each round decides all classes that no undecided class before them is near to.
    """
    swapped = rank[pairs.first] > rank[pairs.second]
    ahead = np.where(swapped, pairs.second, pairs.first)
    behind = np.where(swapped, pairs.first, pairs.second)
    dropped = np.zeros(len(rank), dtype=bool)
    first, second = ahead, behind
    while len(first):
        blocked = np.zeros(len(rank), dtype=bool)
        blocked[second] = True
        dropped[second[~blocked[first]]] = True
        live = blocked[first] & ~dropped[first] & ~dropped[second]
        first, second = first[live], second[live]
    leader, similarity = np.arange(len(rank)), np.ones(len(rank))
    goes = dropped[behind] & ~dropped[ahead]
    ahead, behind, near = ahead[goes], behind[goes], pairs.similarity[goes]
    nearest = np.lexsort((rank[ahead], -near, behind))[::-1]  # the nearest is written last
    leader[behind[nearest]] = ahead[nearest]
    similarity[behind[nearest]] = np.minimum(near[nearest], 1.0)
    return leader, similarity


def _split(nearby: Nearby, apart: np.ndarray) -> tuple[np.ndarray, Pairs]:
    """Codes and pairs in which a row that is apart from another is a class of its own.

    It leaves its class, unless no other would stay in it, and is near to the class and to what that
    is near to.
    """
    if not len(apart):
        return nearby.codes, nearby.pairs
    codes, leaving = nearby.codes.copy(), np.unique(apart)
    stays = np.ones(len(codes), dtype=bool)
    stays[leaving] = False
    shared = np.zeros(len(nearby.full), dtype=bool)
    shared[codes[stays]] = True
    alone = ~shared[codes[leaving]]
    _, first = np.unique(codes[leaving[alone]], return_index=True)
    leaving = np.setdiff1d(leaving, leaving[alone][first])
    former, own = codes[leaving], len(nearby.full) + np.arange(len(leaving))
    codes[leaving] = own
    classes, others, near = _around(nearby.pairs, np.unique(former))
    row, pair = _equal(former, classes)
    fresh = Pairs(others[pair], own[row], near[pair])
    pair, row = _equal(fresh.first, former)
    between = Pairs(own[row], fresh.second[pair], fresh.similarity[pair])
    return codes, joined([nearby.pairs, fresh, between.where(between.first < between.second)])


def _around(pairs: Pairs, classes: np.ndarray) -> Pairs:
    """Pairs of one of some classes and one that is near to it, or itself."""
    chosen = np.zeros(max(pairs.second.max(initial=-1), classes.max(initial=-1)) + 1, dtype=bool)
    chosen[classes] = True
    first, second = chosen[pairs.first], chosen[pairs.second]
    one = np.concatenate([pairs.first[first], pairs.second[second], classes])
    other = np.concatenate([pairs.second[first], pairs.first[second], classes])
    near = [pairs.similarity[first], pairs.similarity[second], np.ones(len(classes))]
    return Pairs(one, other, np.concatenate(near))


def _equal(some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions in both arrays of each two values that are equal."""
    order = np.argsort(others, kind="stable")
    start, end = (np.searchsorted(others[order], some, side) for side in ("left", "right"))
    count = end - start
    skipped = np.repeat(start - np.cumsum(count) + count, count)
    return np.repeat(np.arange(len(some)), count), order[skipped + np.arange(count.sum())]


def _keys(first: np.ndarray, second: np.ndarray, classes: int) -> np.ndarray:
    return np.asarray(np.minimum(first, second) * classes + np.maximum(first, second))


def _without(pairs: Pairs, barred: np.ndarray, classes: int) -> Pairs:
    if not len(barred):
        return pairs
    return pairs.where(~np.isin(_keys(pairs.first, pairs.second, classes), barred))
