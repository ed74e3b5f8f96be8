"""Queues of examples that wait for a person: which wait, in what order, and who has which open.

A queue is a function of the rows and of people's decisions, so it needs no table of its own. What
changes from moment to moment, which page holds which examples, lives in memory only: `Held`.
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
    "dropped": ("Dropped by the recipe", "What the machine dropped, for a second look."),
    "everything": ("Everything", "All examples, decided or not."),
}
"""Name in the address → title, and what it holds in a sentence."""

FIRST = "undecided"
"""The queue that a page opens with."""

EXPIRES = 600.0
"""Seconds after which a page that sent nothing no longer holds its examples."""

REVIEW = "review"
"""The reason of the flag that sends an example to the queue of that name."""


def queue(
    rows: pd.DataFrame, people: State | None, name: str, held: Sequence[str] = ()
) -> np.ndarray:
    """Positions of the rows that wait in a queue, in the order in which to look at them.

    Decided examples leave at once, skipped ones go to the end, the longest skipped first. held: what
    other pages have open, best first; they come last and from the far end, so that two people who
    share a short queue work towards each other. The queue `everything` holds all rows, always.
    """
    from curation.decisions.state import State  # late, for it brings a database along

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
        _positions(rows, reversed(held)),
    ]
    late = [end[waits[end]] for end in ends]
    late[0] = late[0][~np.isin(late[0], late[1])]
    for end in late:
        waits[end] = False
    return np.concatenate([np.flatnonzero(waits), *late])


def _candidates(rows: pd.DataFrame, people: State, name: str) -> np.ndarray:
    """True for each row that belongs to a queue, as far as nobody decided about it."""
    if name == REVIEW:
        waits = np.zeros(len(rows), dtype=bool)
        waits[_positions(rows, (i for i, flags in people.flags.items() if REVIEW in flags))] = True
        return waits
    if name == "attention":
        return (rows["attention"] != "").to_numpy(dtype=bool, copy=True)
    # What a person dropped and took up again since the rows were made is undecided as well.
    dropped = (rows["dropped_by"].notna() & (rows["dropped_by"] != PEOPLE)).to_numpy(dtype=bool)
    return dropped.copy() if name == "dropped" else ~dropped


def _positions(rows: pd.DataFrame, ids: Iterable[str]) -> np.ndarray:
    """Positions of the ids that are there, in their order."""
    found = rows.index.get_indexer(pd.Index(list(ids), dtype=rows.index.dtype))
    return found[found >= 0]


class Held:
    """Which examples each open page holds: the one on its screen first, then those that come next.

    One for each project and server. It keeps two people from the same example as long as each has
    sent something within EXPIRES seconds: what is on somebody's screen is in nobody else's queue,
    and what somebody holds to come next is at the end of it. Nothing that is saved depends on it:
    two decisions about one example are both kept, whoever made them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: dict[str, tuple[float, tuple[str, ...]]] = {}

    def hold(self, page: str, ids: Iterable[str], now: float | None = None) -> None:
        """Note what a page holds from now on, in place of what it held; the first is on screen."""
        at = time.monotonic() if now is None else now
        with self._lock:
            self._pages[page] = at, tuple(ids)
            for name in [n for n, (then, _) in self._pages.items() if then < at - EXPIRES]:
                del self._pages[name]

    def by_others(self, page: str, now: float | None = None) -> tuple[set[str], list[str]]:
        """What other pages have on screen, and what they hold to come next, best first."""
        at = time.monotonic() if now is None else now
        with self._lock:
            held = [
                ids
                for name, (then, ids) in self._pages.items()
                if name != page and ids and then >= at - EXPIRES
            ]
        following = [i for ids in held for i in ids[1:]]
        return {ids[0] for ids in held if ids[0]}, list(dict.fromkeys(following))


def upcoming(
    rows: pd.DataFrame,
    positions: np.ndarray,
    name: str,
    at: str,
    shown_elsewhere: Collection[str],
    count: int,
) -> tuple[list[str], int]:
    """Ids of the next examples after `at`, and how many only other people's screens hold.

    The queue `everything` goes on from where one is; every other begins at its front.
    """
    if name == "everything":
        first = int(rows.index.get_indexer(pd.Index([at]))[0]) + 1
        return [str(i) for i in rows.index[positions[first : first + count]]], 0
    wanted = count + len(shown_elsewhere) + 1
    ids = [str(i) for i in rows.index[positions[:wanted]] if i != at]
    free = [i for i in ids if i not in shown_elsewhere]
    return free[:count], len(ids) - len(free)
