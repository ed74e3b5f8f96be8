"""Queues of examples that wait for a person, their order, and reservations by open pages.

A queue is a function of the rows and of people's decisions; it is stored nowhere. Reservations live
in memory only. Accepted cost: after a restart two people may see the same example once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curation.report import PEOPLE

if TYPE_CHECKING:
    from curation.decisions.state import State

QUEUES = {
    "undecided": ("Undecided", "Kept examples that nobody decided yet."),
    "review": ("To review", "Examples that somebody sent to review."),
    "attention": ("Needs attention", "Examples that a trainer cannot use as they stand."),
    "contaminated": (
        "Holds a benchmark's row",
        "Kept examples that hold a row of a benchmark or of another reference set.",
    ),
    "dropped": ("Dropped by the recipe", "What the machine dropped, for a second look."),
    "everything": ("Everything", "All examples, decided or not."),
}
"""Name in the address → title, and its contents in a sentence."""

FIRST = "undecided"
"""The queue that a page opens with."""

EXPIRES = 600.0
"""Seconds after which a silent page loses its reservations."""

REVIEW = "review"
"""The reason of the flag that sends an example to the queue of that name."""


def queue(
    rows: pd.DataFrame, people: State | None, name: str, reserved: Sequence[str] = ()
) -> np.ndarray:
    """Return the positions of the rows that wait in a queue, in its order.

    Decided examples leave at once. Skipped ones go to the end, the longest skipped first. reserved:
    ids that other pages reserve, best first; they come last and in reverse, so that two people who
    share a short queue work towards each other. The queue `everything` always holds all rows.
    """
    from curation.decisions.state import (
        State,
    )  # imported late, because it loads the database driver

    now = people or State()
    if name == "everything":
        return np.arange(len(rows))
    waits = _candidates(rows, now, name)
    if name != REVIEW:
        touched = {*now.verdicts, *now.labels, *now.edits}
        touched.update(i for i, flags in now.flags.items() if REVIEW in flags)
        waits[_positions(rows, touched)] = False
    ends = [
        _positions(rows, sorted(now.skips, key=lambda i: now.skips[i].seq)),
        _positions(rows, reversed(reserved)),
    ]
    late = [end[waits[end]] for end in ends]
    late[0] = late[0][~np.isin(late[0], late[1])]
    for end in late:
        waits[end] = False
    return np.concatenate([np.flatnonzero(waits), *late])


def _candidates(rows: pd.DataFrame, people: State, name: str) -> np.ndarray:
    """Return True for each row of a queue, before decided rows are taken out."""
    if name == REVIEW:
        waits = np.zeros(len(rows), dtype=bool)
        waits[_positions(rows, (i for i, flags in people.flags.items() if REVIEW in flags))] = True
        return waits
    if name == "attention":
        return (rows["attention"] != "").to_numpy(dtype=bool, copy=True)
    if name == "contaminated":
        holder = rows.get("contaminated_by")
        if holder is None:
            return np.zeros(len(rows), dtype=bool)
        return (holder.notna() & rows["dropped_by"].isna()).to_numpy(dtype=bool, copy=True)
    # a row that a person dropped and released since the rows were made is undecided too
    dropped = (rows["dropped_by"].notna() & (rows["dropped_by"] != PEOPLE)).to_numpy(dtype=bool)
    return dropped.copy() if name == "dropped" else ~dropped


def _positions(rows: pd.DataFrame, ids: Iterable[str]) -> np.ndarray:
    """Return the positions of the ids that exist, in their order."""
    positions = rows.index.get_indexer(pd.Index(list(ids), dtype=rows.index.dtype))
    return positions[positions >= 0]


class Reservations:
    """The examples that each open page reserves: the one on its screen first, then the next ones.

    One object serves a project on a server. An example on somebody's screen is in nobody else's
    queue, and the next ones of somebody come last there, while the page sent something within
    EXPIRES seconds. Saved decisions do not depend on it: two decisions about one example are both
    saved.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: dict[str, tuple[float, tuple[str, ...]]] = {}

    def reserve(self, page: str, ids: Iterable[str], now: float | None = None) -> None:
        """Replace the reservations of a page; the first id is on its screen."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            self._pages[page] = moment, tuple(ids)
            for name in [n for n, (then, _) in self._pages.items() if then < moment - EXPIRES]:
                del self._pages[name]

    def of_others(self, page: str, now: float | None = None) -> tuple[set[str], list[str]]:
        """Return the ids on other pages' screens, and the next ones of other pages, best first."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            reserved = [
                ids
                for name, (then, ids) in self._pages.items()
                if name != page and ids and then >= moment - EXPIRES
            ]
        following = [i for ids in reserved for i in ids[1:]]
        return {ids[0] for ids in reserved if ids[0]}, list(dict.fromkeys(following))


def upcoming(
    rows: pd.DataFrame,
    positions: np.ndarray,
    name: str,
    current: str,
    shown_elsewhere: Collection[str],
    count: int,
) -> tuple[list[str], int]:
    """Return the ids of the next examples, and the number left out as shown on other screens.

    The queue `everything` continues after `current`; every other queue starts at its front.
    """
    if name == "everything":
        first = int(rows.index.get_indexer(pd.Index([current]))[0]) + 1
        return [str(i) for i in rows.index[positions[first : first + count]]], 0
    most = count + len(shown_elsewhere) + 1
    ids = [str(i) for i in rows.index[positions[:most]] if i != current]
    free = [i for i in ids if i not in shown_elsewhere]
    return free[:count], len(ids) - len(free)
