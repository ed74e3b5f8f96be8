"""Preferences: generators that yield the row a method would take next, and hear if it was taken.

Rows are positions in the pool. A preference yields (row, gain) and is sent True when the row was taken,
False when it may not be; either way it never yields that row again.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from curation.errors import CurationError

Pick = tuple[int, float]
"""A row, and what it adds by the method's own measure; NaN where the method has none."""

Preference = Generator[Pick, bool, None]

Method = Callable[[np.ndarray, np.ndarray], Preference]
"""(members, first) → a preference among the members that are not among the first, which are chosen.

Both are sorted positions; the first are a part of the members.
"""

WINDOW, SHARE = 2_048, 128
"""Rows of the highest bounds among which the best is sought, before the others are looked at again: so
many at least, and of many rows one in SHARE, since a look at a million bounds costs 7 ms."""


def following(preference: Preference, taken: bool | None = None) -> Pick | None:
    """Return the next pick after the last one was taken or refused, None at the end.

    taken: None for the first pick.
    """
    try:
        return next(preference) if taken is None else preference.send(taken)
    except StopIteration:
        return None


def highest(bounds: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the rows of the highest bounds, sorted, and (−bound, row) of the best of the others.

    For lazy evaluation: while the best of a window, evaluated, comes before that pair, no other row
    need be looked at.
    """
    size = max(WINDOW, len(bounds) // SHARE)
    if len(bounds) <= size:
        return np.arange(len(bounds)), (np.inf, np.inf)
    few = np.argpartition(bounds, -size - 1)[-size - 1 :]
    least = bounds[few].min()
    above, tied = np.flatnonzero(bounds > least), np.flatnonzero(bounds == least)
    window = np.sort(np.append(above, tied[: size - len(above)]))
    rest = tied[size - len(above) :]
    return window, (-float(least), float(rest[0]))


def in_order(order: np.ndarray) -> Method:
    """Prefer rows in a fixed order of all positions."""
    place = np.argsort(order, kind="stable")

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        rest = members[~np.isin(members, first)]
        for row in rest[np.argsort(place[rest], kind="stable")].tolist():
            yield row, float("nan")

    return method


@dataclass(frozen=True)
class Groups:
    """Groups of rows that share a budget.

    numbers: the group of each row, (rows,). weights: the share of each group. room: the most rows of
    each. least: rows of each that come before all others. costs: what each row spends, (rows,).
    """

    numbers: np.ndarray
    weights: np.ndarray
    room: np.ndarray
    least: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, power: float, costs: np.ndarray) -> Groups:
        """Groups without limits whose shares are their sizes to a power."""
        sizes = np.bincount(numbers)
        return cls(numbers, sizes**power, sizes, np.zeros_like(sizes), costs)


def in_shares(groups: Groups, method: Method) -> Method:
    """Prefer the best row of the group that is furthest below its share.

    The next row is of the group with the greatest weight / (2 · spent + 1) that has room (the method
    of Webster and Sainte-Laguë): shares are in proportion to the weights, and what a small group
    cannot take goes to the others. Groups below their least number come first. Ties go to the
    lower group. Each group has its own preference, which counts the rows of the group alone.
    """

    def shared(members: np.ndarray, first: np.ndarray) -> Preference:
        part = groups.numbers[members]
        order = np.argsort(part, kind="stable")
        starts = np.searchsorted(part[order], np.arange(len(groups.weights) + 1))
        spent = np.bincount(groups.numbers[first], groups.costs[first], len(groups.weights))
        counts = np.bincount(groups.numbers[first], minlength=len(groups.weights))
        preferences, picks = dict[int, Preference](), dict[int, Pick]()

        def rank(g: int) -> tuple[bool, float, int]:
            return bool(counts[g] >= groups.least[g]), -groups.weights[g] / (2 * spent[g] + 1), g

        heap = [rank(g) for g in np.unique(part).tolist() if counts[g] < groups.room[g]]
        heapq.heapify(heap)
        while heap:
            g = heapq.heappop(heap)[2]
            if g not in preferences:
                own = members[order[starts[g] : starts[g + 1]]]
                preferences[g] = method(own, first[groups.numbers[first] == g])
                pick = following(preferences[g])
            else:
                pick = picks.pop(g, None)
            if pick is None:
                continue
            taken = yield pick
            if taken:
                spent[g] += groups.costs[pick[0]]
                counts[g] += 1
            if counts[g] < groups.room[g]:
                after = following(preferences[g], taken)
                if after is not None:
                    picks[g] = after
                    heapq.heappush(heap, rank(g))

    return shared


def within_limits(groups: Groups, method: Method) -> Method:
    """Prefer the least number of each group first, and then what the method prefers of all rows.

    A row whose group has no room is refused.
    """

    def limited(members: np.ndarray, first: np.ndarray) -> Preference:
        counts = np.bincount(groups.numbers[first], minlength=len(groups.room))
        chosen = first.tolist()
        for g in np.flatnonzero(groups.least > counts).tolist():
            own = members[groups.numbers[members] == g]
            preference = method(own, first[groups.numbers[first] == g])
            yield from _refusing(preference, groups, counts, int(groups.least[g]), chosen)
        preference = method(members, np.sort(np.array(chosen, dtype=np.int64)))
        yield from _refusing(preference, groups, counts, None, chosen)

    return limited


def _refusing(
    preference: Preference,
    groups: Groups,
    counts: np.ndarray,
    most: int | None,
    chosen: list[int],
) -> Preference:
    """The picks of a preference whose groups have room; at most so many of one group."""
    pick = following(preference)
    while pick is not None:
        g = groups.numbers[pick[0]]
        if most is not None and counts[g] >= most:
            return
        taken = False
        if counts[g] < groups.room[g]:
            taken = yield pick
        if taken:
            counts[g] += 1
            chosen.append(pick[0])
        pick = following(preference, taken)


_QUOTA = re.compile(r"(|.*[^\s>])\s*(>=|=)\s*([0-9]+)", re.DOTALL)
"""A value, what its number means, and the number; a value may hold = itself."""


def limits_of(
    lines: Iterable[str], names: Sequence[str]
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Read quotas: at least and at most, by value; and the values that are none of the names.

    A line is `value = count` for the most or `value >= count` for the least of a value. Raises
    CurationError for a line that cannot be read, or whose value has a quota of that kind already.
    """
    least, most = dict[str, int](), dict[str, int]()
    for line in lines:
        parts = _QUOTA.fullmatch(line.strip())
        if not parts:
            raise CurationError(
                f"The quota {line!r} is not a value, = or >=, and a whole number, as in cooking = 40."
            )
        name, sign, count = parts.groups()
        limits = least if sign == ">=" else most
        if name in limits:
            raise CurationError(f"There are two quotas for {name!r}; leave one of them out.")
        limits[name] = int(count)
    return least, most, [name for name in (*least, *most) if name not in names]
