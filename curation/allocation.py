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


class Unit(NamedTuple):
    """Rows that are placed together, their number in each stratum, and their random draw."""

    rows: list[int]
    counts: Mapping[int, int]
    draw: bytes


def units_of(
    positions: np.ndarray, group: np.ndarray, strata: np.ndarray, ids: Sequence[str], seed: int
) -> list[Unit]:
    """The groups of the rows at some positions."""
    members: dict[int, list[int]] = {}
    for position, number in zip(positions.tolist(), group[positions].tolist(), strict=True):
        members.setdefault(number, []).append(position)
    of_row = strata.tolist()
    units = []
    for rows in members.values():
        least = min(ids[row] for row in rows)
        draw = hashlib.blake2b(f"{seed}\x00{least}".encode(), digest_size=8).digest()
        units.append(Unit(rows, Counter(of_row[row] for row in rows), draw))
    return units


def assignments(units: Sequence[Unit], shares: Mapping[str, float]) -> Iterator[tuple[Unit, str]]:
    """Units with the split that they go to; the other units stay in train.

    Each split is filled in the order of the draws: first with units that fit its places in their
    strata, then, up to its share of the whole, with units that exceed these places by the least.
    """
    sizes: dict[int, int] = {}
    for unit in units:
        for stratum, count in unit.counts.items():
            sizes[stratum] = sizes.get(stratum, 0) + count
    total = sum(sizes.values())
    left = sorted(units, key=lambda unit: unit.draw)
    due = dict.fromkeys(sizes, 0.0)
    for name, share in shares.items():
        due = {stratum: due[stratum] + share * size for stratum, size in sizes.items()}
        rows = round(share * total)
        places = _places(rows, share, sizes, due, left)
        taken = _filled(left, places, rows)
        for unit in taken:
            for stratum, count in unit.counts.items():
                due[stratum] -= count
            yield unit, name
        taken_ids = set(map(id, taken))
        left = [unit for unit in left if id(unit) not in taken_ids]


def _places(
    rows: int,
    share: float,
    sizes: Mapping[int, int],
    due: Mapping[int, float],
    left: Sequence[Unit],
) -> dict[int, int]:
    """Number of places of each stratum, by largest remainders.

    due: places that a stratum should have so far, so that one that was rounded up before comes later.
    Ties are broken by the draws of the units that are left.
    """
    places = {stratum: int(share * size + 1e-9) for stratum, size in sizes.items()}
    first_unit: dict[int, int] = {}
    for n, unit in enumerate(left):
        for stratum in unit.counts:
            first_unit.setdefault(stratum, n)
    order = sorted(
        (s for s in sizes if s in first_unit),
        key=lambda s: (-round(due[s] - places[s], 9), first_unit[s]),
    )
    for stratum in order[: max(0, rows - sum(places.values()))]:
        places[stratum] += 1
    return places


def _filled(units: Sequence[Unit], places: dict[int, int], size: int) -> list[Unit]:
    """The units that fill a split; size: the number of its rows."""
    taken = list[Unit]()

    def excess(unit: Unit) -> int:
        return sum(max(0, count - max(0, places[s])) for s, count in unit.counts.items())

    def take(unit: Unit) -> None:
        nonlocal size
        taken.append(unit)
        size -= len(unit.rows)
        for stratum, count in unit.counts.items():
            places[stratum] -= count

    rest = list[tuple[int, int]]()
    for n, unit in enumerate(units):
        if len(unit.rows) <= size and excess(unit) == 0:
            take(unit)
        else:
            rest.append((0, n))
    rest = [(excess(units[n]), n) for _, n in rest if len(units[n].rows) <= size]
    heapq.heapify(rest)
    while rest and size > 0:  # excess only grows as places are taken, so the least is the least
        former, n = heapq.heappop(rest)
        if len(units[n].rows) > size:
            continue
        current = excess(units[n])
        if current == former:
            take(units[n])
        else:
            heapq.heappush(rest, (current, n))
    return taken
