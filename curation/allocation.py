"""Splits filled with groups of rows: each gets its share of the whole and of each stratum.

Guarantee: a group is placed whole, and the same groups and seed give the same splits in any order of
rows. Accepted: a split may differ from its share by less than a group.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Group(NamedTuple):
    """Rows that are placed together: the place of their draw among all, and their number in each stratum."""

    rank: int
    rows: np.ndarray
    counts: Mapping[int, int]


class Singles(NamedTuple):
    """Rows that are placed alone, in the order of their draws: the places of these, strata and rows."""

    ranks: np.ndarray
    strata: np.ndarray
    rows: np.ndarray

    def where(self, mask: np.ndarray) -> Singles:
        """The rows of a mask."""
        return Singles(*(values[mask] for values in self))


class Units(NamedTuple):
    """Rows that are placed, in the order of their draws, and the number of rows of each stratum.

    Most rows are alone, and there may be a million, so these are held as arrays.
    """

    singles: Singles
    groups: list[Group]
    sizes: Mapping[int, int]


def units_of(group: np.ndarray, strata: np.ndarray, ids: np.ndarray, seed: int) -> Units:
    """The units of rows; group, strata: a number for each row, ids: a text.

    A unit's draw is a hash of its least id and the seed.
    """
    together, own = members(group), np.arange(len(group))
    head, least = own.copy(), ids.copy()
    for rows in together:
        head[rows] = rows[0]
        least[rows[0]] = min(ids[rows])
    first = np.flatnonzero(head == own)
    draws = b"".join(_draw(seed, name) for name in least[first].tolist())
    order = first[np.argsort(np.frombuffer(draws, dtype=">u8"), kind="stable")]
    rank = np.empty(len(own), dtype=np.int64)
    rank[order] = np.arange(len(order))
    alone = order[np.bincount(head, minlength=len(own))[order] == 1]
    groups = [Group(int(rank[r[0]]), r, Counter(strata[r].tolist())) for r in together]
    numbers, place, counts = np.unique(
        strata[np.lexsort((own, head))], return_index=True, return_counts=True
    )
    sizes = {int(numbers[n]): int(counts[n]) for n in np.argsort(place)}
    return Units(
        Singles(rank[alone], strata[alone], alone),
        sorted(groups, key=lambda some: some.rank),
        sizes,
    )


def members(group: np.ndarray) -> list[np.ndarray]:
    """The rows of each group of two rows or more, in order; the groups in that of their first rows."""
    _, first, codes, sizes = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    some = np.flatnonzero(sizes[codes] > 1)
    head = first[codes[some]]
    order = np.argsort(head, kind="stable")
    if not len(some):
        return []
    return np.split(some[order], np.flatnonzero(np.diff(head[order])) + 1)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}\x00{name}".encode(), digest_size=8).digest()


def assignments(units: Units, shares: Mapping[str, float]) -> Iterator[tuple[np.ndarray, str]]:
    """Rows with the split that they go to; the others stay in train.

    Each split is filled in the order of the draws: first with units that fit its places in their
    strata, then, up to its share of the whole, with units that exceed these places by the least.
    """
    singles, groups, sizes = units
    total = sum(sizes.values())
    due = dict.fromkeys(sizes, 0.0)
    for name, share in shares.items():
        due = {stratum: due[stratum] + share * size for stratum, size in sizes.items()}
        rows = round(share * total)
        first = _first_ranks(singles, groups)
        places = _places(rows, share, sizes, due, first)
        alone, together = _filled(singles, groups, places, rows)
        for stratum, count in Counter(singles.strata[alone].tolist()).items():
            due[stratum] -= count
        for group in together:
            for stratum, count in group.counts.items():
                due[stratum] -= count
        yield np.concatenate([singles.rows[alone], *(group.rows for group in together)]), name
        taken = {group.rank for group in together}
        singles, groups = singles.where(~alone), [g for g in groups if g.rank not in taken]


def _first_ranks(singles: Singles, groups: Sequence[Group]) -> dict[int, int]:
    """The place of the first unit with rows of each stratum."""
    strata, place = np.unique(singles.strata, return_index=True)
    first = dict(zip(strata.tolist(), singles.ranks[place].tolist(), strict=True))
    for group in groups:
        for stratum in group.counts:
            first[stratum] = min(group.rank, first.get(stratum, group.rank))
    return first


def _places(
    rows: int,
    share: float,
    sizes: Mapping[int, int],
    due: Mapping[int, float],
    first: Mapping[int, int],
) -> dict[int, int]:
    """Number of places of each stratum, by largest remainders.

    due: places that a stratum should have so far, so that one that was rounded up before comes later.
    Ties are broken by the draws of the units that are left; first: the first of each stratum.
    """
    places = {stratum: int(share * size + 1e-9) for stratum, size in sizes.items()}
    order = sorted(
        (s for s in sizes if s in first),
        key=lambda s: (-round(due[s] - places[s], 9), first[s]),
    )
    for stratum in order[: max(0, rows - sum(places.values()))]:
        places[stratum] += 1
    return places


def _filled(
    singles: Singles, groups: Sequence[Group], places: dict[int, int], size: int
) -> tuple[np.ndarray, list[Group]]:
    """A mask of the single rows that fill a split, and the groups; size: the number of its rows.

    In each stratum the single rows before a group have taken what places they could, so the group finds
    those that are left.
    """
    by_stratum = np.argsort(singles.strata, kind="stable")
    numbers, starts = np.unique(singles.strata[by_stratum], return_index=True)
    of_stratum = dict(zip(numbers.tolist(), np.split(by_stratum, starts[1:]), strict=False))
    ranks = {stratum: singles.ranks[some] for stratum, some in of_stratum.items()}
    nobody = np.zeros(0, dtype=np.int64)

    def fits(group: Group) -> bool:
        before = {s: np.searchsorted(ranks.get(s, nobody), group.rank) for s in group.counts}
        return all(count <= places[s] - before[s] for s, count in group.counts.items())

    alone, together = np.zeros(len(singles.rows), dtype=bool), list[Group]()
    for group in groups:
        if fits(group):
            together.append(group)
            for stratum, count in group.counts.items():
                places[stratum] -= count
    for stratum, some in of_stratum.items():
        alone[some[: places[stratum]]] = True
        places[stratum] -= min(places[stratum], len(some))
    size -= int(alone.sum()) + sum(len(group.rows) for group in together)
    if size > 0:
        taken = {group.rank for group in together}
        rest = [g for g in groups if g.rank not in taken and len(g.rows) <= size]
        # Each of the others exceeds a full stratum by one row, and no more than fit are ever taken.
        others = np.flatnonzero(~alone)[:size]
        place_of = dict(zip(singles.ranks[others].tolist(), others.tolist(), strict=True))
        for rank, place in place_of.items():
            stratum = int(singles.strata[place])
            rest.append(Group(rank, singles.rows[[place]], {stratum: 1}))
        for group in _exceeding(rest, places, size):
            if group.rank in place_of:
                alone[place_of[group.rank]] = True
            else:
                together.append(group)
    return alone, together


def _exceeding(groups: Sequence[Group], places: dict[int, int], size: int) -> Iterator[Group]:
    """Yield groups for so many rows, those first that exceed the places of their strata by the least."""

    def excess(group: Group) -> int:
        return sum(max(0, count - max(0, places[s])) for s, count in group.counts.items())

    by_rank = {group.rank: group for group in groups}
    rest = [(excess(group), rank) for rank, group in by_rank.items()]
    heapq.heapify(rest)
    while rest and size > 0:  # excess only grows as places are taken, so the least is the least
        former, rank = heapq.heappop(rest)
        group = by_rank[rank]
        if len(group.rows) > size:
            continue
        current = excess(group)
        if current == former:
            yield group
            size -= len(group.rows)
            for stratum, count in group.counts.items():
                places[stratum] -= count
        else:
            heapq.heappush(rest, (current, rank))
