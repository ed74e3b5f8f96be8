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


class Together(NamedTuple):
    """Groups in the order of their draws: the place of each one's, and its rows, one group after another.

    ends: of each group among the rows, a zero before the first. A group has an entry for each stratum in
    which it has rows: the stratum, and how many. entries: ends of the groups among those, likewise.
    """

    ranks: np.ndarray
    rows: np.ndarray
    ends: np.ndarray
    strata: np.ndarray
    counts: np.ndarray
    entries: np.ndarray

    def group(self, number: int) -> Group:
        """One of the groups."""
        some = slice(self.entries[number], self.entries[number + 1])
        counts = dict(zip(self.strata[some].tolist(), self.counts[some].tolist(), strict=True))
        rows = self.rows[self.ends[number] : self.ends[number + 1]]
        return Group(int(self.ranks[number]), rows, counts)

    def where(self, mask: np.ndarray) -> Together:
        """The groups of a mask."""
        sizes, widths = np.diff(self.ends), np.diff(self.entries)
        rows, entries = np.repeat(mask, sizes), np.repeat(mask, widths)
        return Together(
            self.ranks[mask],
            self.rows[rows],
            _ends(sizes[mask]),
            self.strata[entries],
            self.counts[entries],
            _ends(widths[mask]),
        )


class Units(NamedTuple):
    """Rows that are placed, in the order of their draws, and the number of rows of each stratum.

    There may be a million, so these are held as arrays.
    """

    singles: Singles
    groups: Together
    sizes: Mapping[int, int]


def units_of(group: np.ndarray, strata: np.ndarray, ids: np.ndarray, seed: int) -> Units:
    """The units of rows; group, strata: a number for each row, ids: a text.

    A unit's draw is a hash of its least id and the seed.
    """
    _, first, codes, sizes = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    least = least_of(codes, ids)
    # A unit stands for the first of its rows, among units with equal draws too.
    units = np.argsort(first, kind="stable")
    draws = b"".join(_draw(seed, name) for name in ids[least[units]].tolist())
    units = units[np.argsort(np.frombuffer(draws, dtype=">u8"), kind="stable")]
    rank = np.empty(len(units), dtype=np.int64)
    rank[units] = np.arange(len(units))
    alone = first[units[sizes[units] == 1]]
    numbers, place, counts = np.unique(
        strata[np.lexsort((np.arange(len(group)), first[codes]))],
        return_index=True,
        return_counts=True,
    )
    in_order = {int(numbers[n]): int(counts[n]) for n in np.argsort(place)}
    singles = Singles(rank[codes[alone]], strata[alone], alone)
    return Units(singles, _together(rank[codes], strata, sizes[codes] > 1), in_order)


def _together(ranks: np.ndarray, strata: np.ndarray, together: np.ndarray) -> Together:
    """The groups of the rows of a mask; ranks: of each row's group."""
    rows = np.flatnonzero(together)
    rows = rows[np.argsort(ranks[rows], kind="stable")]
    own, sizes = np.unique(ranks[rows], return_counts=True)
    entries = np.lexsort((strata[rows], ranks[rows]))
    of_entry, of_stratum = ranks[rows][entries], strata[rows][entries]
    starts = np.ones(len(entries), dtype=bool)
    starts[1:] = (np.diff(of_entry) != 0) | (np.diff(of_stratum) != 0)
    begin = np.flatnonzero(starts)
    counts = np.diff(np.append(begin, len(entries)))
    widths = np.unique(of_entry[begin], return_counts=True)[1]
    return Together(own, rows, _ends(sizes), of_stratum[begin], counts, _ends(widths))


def _ends(sizes: np.ndarray) -> np.ndarray:
    return np.append(0, np.cumsum(sizes)).astype(np.int64)


def least_of(codes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The row with the least id of each group, (groups,); codes: each row's group, counted from 0."""
    by_id = np.argsort(ids, kind="stable")  # quick where the rows come in the order of their ids
    least = np.full(int(codes.max(initial=-1)) + 1, -1)
    least[codes[by_id[::-1]]] = by_id[::-1]  # of a group's rows the last one written stays
    return least


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
        chosen = groups.where(together)
        strata = np.repeat(chosen.strata, chosen.counts)
        for stratum, count in Counter([*singles.strata[alone].tolist(), *strata.tolist()]).items():
            due[stratum] -= count
        yield np.concatenate([singles.rows[alone], chosen.rows]), name
        singles, groups = singles.where(~alone), groups.where(~together)


def _first_ranks(singles: Singles, groups: Together) -> dict[int, int]:
    """The place of the first unit with rows of each stratum."""
    ranks = np.append(singles.ranks, np.repeat(groups.ranks, np.diff(groups.entries)))
    order = np.argsort(ranks, kind="stable")
    strata, place = np.unique(np.append(singles.strata, groups.strata)[order], return_index=True)
    return dict(zip(strata.tolist(), ranks[order][place].tolist(), strict=True))


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
    singles: Singles, groups: Together, places: dict[int, int], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the single rows and of the groups that fill a split; size: the number of its rows.

    In each stratum the single rows before a group have taken what places they could, so the group finds
    those that are left.
    """
    by_stratum = np.lexsort((singles.ranks, singles.strata))
    numbers, starts = np.unique(singles.strata[by_stratum], return_index=True)
    of_stratum = dict(zip(numbers.tolist(), np.split(by_stratum, starts[1:]), strict=False))
    before = _singles_before(singles, groups)
    alone = np.zeros(len(singles.rows), dtype=bool)
    together = np.zeros(len(groups.ranks), dtype=bool)
    for number in _fitting(groups, before, places):
        some = range(groups.entries[number], groups.entries[number + 1])
        wishes = [(int(groups.strata[e]), int(groups.counts[e]), int(before[e])) for e in some]
        if all(count <= places[stratum] - earlier for stratum, count, earlier in wishes):
            together[number] = True
            for stratum, count, _ in wishes:
                places[stratum] -= count
    for stratum, mine in of_stratum.items():
        alone[mine[: places[stratum]]] = True
        places[stratum] -= min(places[stratum], len(mine))
    sizes = np.diff(groups.ends)
    size -= int(alone.sum()) + int(sizes[together].sum())
    if size > 0:
        left = np.flatnonzero(~together & (sizes <= size)).tolist()
        number_of = {int(groups.ranks[number]): number for number in left}
        rest = [groups.group(number) for number in left]
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
                together[number_of[group.rank]] = True
    return alone, together


def _singles_before(singles: Singles, groups: Together) -> np.ndarray:
    """For each entry of the groups, the single rows of its stratum that were drawn before the group."""
    ranks = np.repeat(groups.ranks, np.diff(groups.entries))
    beyond = int(max(singles.ranks.max(initial=0), ranks.max(initial=0))) + 1
    keys = np.sort(singles.strata.astype(np.int64) * beyond + singles.ranks)
    base = groups.strata.astype(np.int64) * beyond
    return np.asarray(np.searchsorted(keys, base + ranks) - np.searchsorted(keys, base))


def _fitting(groups: Together, before: np.ndarray, places: Mapping[int, int]) -> list[int]:
    """The numbers of the groups for which there are places while no other group has taken any."""
    if not len(groups.ranks):
        return []
    strata, codes = np.unique(groups.strata, return_inverse=True)
    offered = np.array([places[stratum] for stratum in strata.tolist()])
    fits = groups.counts <= offered[codes] - before
    return np.flatnonzero(np.logical_and.reduceat(fits, groups.entries[:-1])).tolist()


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
