"""Queues of examples that wait for a person, and their order.

A queue is a function of the rows, of people's decisions and of the review's settings; it is stored
nowhere. A board keeps what it is computed from, so that a new decision costs only its own example.
"""

from __future__ import annotations

import math
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from curation.looking.tally import Tally
from curation.report import PEOPLE
from curation.review import Review
from curation.text.counted import counted

if TYPE_CHECKING:
    from curation.decisions import DecisionStore
    from curation.decisions.fold import Fold
    from curation.decisions.state import State

QUEUES = {
    "undecided": ("Undecided", "Kept examples that wait for your answer."),
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

REVIEW = "review"
"""The reason of the flag that sends an example to the queue of that name."""

EVERYTHING = "everything"
"""The queue that always holds all rows."""

ONE = Review()
"""A review in which one person answers each example."""

LAID_OVER = ("verdicts", "edits", "labels")
"""The tables of a state that are laid over the rows of a view."""

_CHUNK = 256
_SHEETS = 64
"""Views whose rows are remembered; the sessions of a server mostly share one."""

Changes = Callable[[int, object], tuple[object, set[str] | None]]
"""Finds what changed: (number of an event, former source) → (source, examples touched since)."""


def changes_in(store: DecisionStore) -> Changes:
    """Return a function that finds what changed in a store up to its last reading; see `Fold.changes`."""
    return lambda seq, former: store.read(lambda fold: fold.changes(seq, former), anew=False)


class Among(NamedTuple):
    """The examples of a saved queue: positions in its order; decided: whether decided ones wait too."""

    positions: np.ndarray
    decided: bool = False


NOTHING = Among(np.zeros(0, dtype=np.int64))
"""A saved queue without examples."""


class Look(NamedTuple):
    """A queue as it stands: the positions of its rows in order, and the size of every queue.

    counts: with the gold items that wait for the person. labels, tags: those in use, in alphabetical
    order. passed: number of examples that the person has answered, or skipped, gold items too. gold: ids
    of the gold items that wait for the person in the queue. late: ids of those that were skipped, gold items
    too, which stand at its end in this order.
    """

    positions: np.ndarray
    counts: dict[str, int]
    labels: list[str]
    tags: list[str]
    passed: int = 0
    gold: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


class Progress(NamedTuple):
    """The progress of a review: numbers of shared and other examples, and of those with all their answers.

    What the recipe dropped waits for nobody: it is counted where somebody answered it. Gold items are not
    counted.

    extra: answers beyond the overlap.
    """

    shared: int
    single: int
    done: int
    extra: int

    def sentence(self, review: Review) -> str:
        """Return what the settings mean for these examples, and how many are done."""
        by = f"{review.overlap} people" if review.overlap > 1 else "one person"
        if not self.single:
            text = f"Each of the {counted(self.shared, 'example')} is to be answered by {by}"
        elif not self.shared:
            text = f"Each of the {counted(self.single, 'example')} is to be answered by one person"
        else:
            text = (
                f"Each of {counted(self.shared, 'shared example')} is to be answered by {by}; "
                f"{self.single:,} by one person"
            )
        extra = f", with {counted(self.extra, 'answer')} more than that" if self.extra else ""
        done = f"{self.done:,} {'is' if self.done == 1 else 'are'} done" if self.done else ""
        return f"{text}; {done or 'none is done yet'}{extra}."


class Board:
    """The queues of one project for every person, kept ready; safe for many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sheets: OrderedDict[int, _Sheet] = OrderedDict()
        self._losses = _Losses()

    def look(
        self,
        rows: pd.DataFrame,
        people: State | None,
        name: str,
        who: str = "",
        review: Review = ONE,
        changes: Changes | None = None,
        saved: Mapping[str, Among] = MappingProxyType({}),
    ) -> Look:
        """Return a queue for a person, and the sizes of all queues.

        changes: finds the examples that changed; without it everything is read again. saved: the
        saved queues by name.
        """
        from curation.decisions.state import State  # late, because it loads the database driver
        from curation.looking import checks

        with self._lock:
            sheet = self._sheet(rows)
            sheet.counted.follow(people or State(), changes)
            tally = sheet.counted.tally
            unanswered = tally.unanswered(who, review) & ~tally.in_review
            gold = tally.of_rows(people.gold if people else ())
            unanswered[gold] = False  # they come as `curation.looking.checks` says
            waits = {other: sheet.candidates[other] & unanswered for other in sheet.candidates}
            waits[REVIEW] = tally.in_review
            for other, (members, decided) in saved.items():
                waits[other] = np.zeros(len(rows), dtype=bool)
                waits[other][members] = True if decided else unanswered[members]
            checked = checks.checked(people, who) if people and people.gold and who else {}
            places = tally.positions(checked)
            pending = ~tally.in_review[places] & ~np.fromiter(checked.values(), bool, len(checked))
            golden = dict[str, np.ndarray]()
            for other in waits.keys() - {REVIEW}:
                holds = sheet.candidates.get(other)
                if holds is None:
                    members, decided = saved[other]
                    holds = np.zeros(len(rows), dtype=bool)
                    holds[members] = not decided
                golden[other] = _share_of(holds, places, pending, review.gold)
            counts = {
                other: len(rows)
                if other == EVERYTHING
                else int(np.count_nonzero(waits[other])) + len(golden.get(other, ()))
                for other in (*QUEUES, *saved)
            }
            positions, items = np.arange(len(rows)), golden.get(name, NOTHING.positions)
            late = list[int]()
            if name != EVERYTHING:
                order = saved[name].positions if name in saved else positions
                positions = _in_order(waits[name], tally.skipped, order)
                waits[name][items] = True
                late = _skipped(waits[name], tally.skipped)
            labels = sheet.all_labels()
            tags = sorted(tally.names("tag"))
            passed = tally.passed_by(who, set(places[list(checked.values())].tolist()))
            ids = tuple(ids_of(rows, items)), tuple(ids_of(rows, np.array(late, dtype=np.int64)))
            return Look(positions, counts, labels, tags, passed, *ids)

    def losses(self, people: State, store: DecisionStore) -> tuple[object, int]:
        """Return where a state was read from, and the number of the newest event with a loss up to it.

        A loss: an example has no verdict, edit or label any more. A view with fewer events may show it.
        """
        with self._lock:
            return self._losses.follow(people, store)

    def labels(self, rows: pd.DataFrame, people: State, changes: Changes | None) -> list[str]:
        """Return the labels in use, in the order of their keys on the card; see `look`."""
        with self._lock:
            sheet = self._sheet(rows)
            sheet.counted.follow(people, changes)
            return sheet.all_labels()

    def progress(
        self,
        rows: pd.DataFrame,
        people: State | None,
        review: Review,
        changes: Changes | None = None,
    ) -> Progress:
        """Return how far the review of some rows is; see `look`."""
        from curation.decisions.state import State

        with self._lock:
            sheet = self._sheet(rows)
            counted = sheet.counted
            counted.follow(people or State(), changes)
            overlap, answers = counted.tally.overlap(review), counted.tally.answers.astype(int)
            counts = sheet.candidates["undecided"] | (answers > 0)
            if people is not None:
                counts[counted.tally.of_rows(people.gold)] = False
            total = int(np.count_nonzero(counts))
            is_shared = counts & (overlap > 1) if review.overlap > 1 else counts
            shared = int(np.count_nonzero(is_shared))
            extra = int(np.maximum(answers - overlap, 0)[counts].sum())
            done = int(np.count_nonzero(counts & (answers >= overlap)))
            return Progress(shared, total - shared, done, extra)

    def _sheet(self, rows: pd.DataFrame) -> _Sheet:
        sheet = self._sheets.get(id(rows))
        if sheet is None or sheet.rows() is not rows:
            alike = (s.counted for s in self._sheets.values() if s.counted.fits(rows.index))
            sheet = self._sheets[id(rows)] = _Sheet(rows, next(alike, None))
        self._sheets.move_to_end(id(rows))
        while len(self._sheets) > _SHEETS:
            self._sheets.popitem(last=False)
        return sheet


class _Counted:
    """A tally, and the newest event that it counts."""

    def __init__(self, index: pd.Index) -> None:
        self.tally = Tally(index, REVIEW)
        self._last, self._source = 0, object()

    def fits(self, index: pd.Index) -> bool:
        """Whether the tally is of just these rows."""
        return self.tally.index is index or self.tally.index.equals(index)

    def follow(self, people: State, changes: Changes | None) -> None:
        """Count the events of a state that are not counted yet."""
        source, examples = changes(self._last, self._source) if changes else (object(), None)
        if examples is None:
            self.tally = Tally(self.tally.index, REVIEW)
            self.tally.follow(people, people.revisions.keys())
        elif examples:
            self.tally.follow(people, examples)
        self._last, self._source = people.last, source


class _Losses:
    """The newest event that may have left an example without a verdict, an edit or a label.

    An example counts whenever it is touched and has such events in the log, none of which counts now.
    So nothing is missed that was decided and taken back between two readings.
    """

    def __init__(self) -> None:
        self._source: object = None
        self._last = self._newest = 0

    def follow(self, people: State, store: DecisionStore) -> tuple[object, int]:
        """Return the source of a state, and the newest event with a loss up to it."""
        from curation.decisions.subjects import SINGLE

        source, kinds = store.read(self._touched, anew=False)
        if kinds is None:
            self._newest = people.last  # of the views made before nothing is known
        elif people.last <= self._last:
            return source, self._newest
        elif any(
            example not in getattr(people, table)
            for example, given in kinds.items()
            for table in {SINGLE.get(kind, "") for kind in given}.intersection(LAID_OVER)
        ):
            self._newest = people.last
        self._source, self._last = source, people.last
        return source, self._newest

    def _touched(self, fold: Fold) -> tuple[object, dict[str, set[str]] | None]:
        """Return the fold, and the kinds of events of each example touched since; None for another fold."""
        if fold is not self._source:
            return fold, None
        kinds = {
            example: {
                (e.settles() if e.kind == "settle" else e).kind for e in fold.events_of(example)
            }
            for example in fold.touched(self._last)
        }
        return fold, kinds


class _Sheet:
    """Properties of the rows of a view, with the tally that it shares with views of the same rows."""

    def __init__(self, rows: pd.DataFrame, counted: _Counted | None) -> None:
        self.rows = weakref.ref(rows)
        self.counted = counted or _Counted(rows.index)
        # a row that a person dropped and released since the rows were made is undecided too
        dropped = rows["dropped_by"].notna() & (rows["dropped_by"] != PEOPLE)
        holder = rows.get("contaminated_by")
        holds = np.zeros(len(rows), bool) if holder is None else holder.notna().to_numpy(dtype=bool)
        self.candidates = {
            "undecided": ~dropped.to_numpy(dtype=bool),
            "attention": (rows["attention"] != "").to_numpy(dtype=bool),
            "contaminated": holds & rows["dropped_by"].isna().to_numpy(dtype=bool),
            "dropped": dropped.to_numpy(dtype=bool),
        }
        self.labels = {str(label) for label in rows["label"].dropna().unique()}

    def all_labels(self) -> list[str]:
        """Return the labels of the rows and of people, in alphabetical order."""
        return sorted(self.counted.tally.names("label") | self.labels)


def queue(
    rows: pd.DataFrame, people: State | None, name: str, who: str = "", review: Review = ONE
) -> np.ndarray:
    """Return the positions of the rows that wait in a queue for a person, in its order.

    An example waits while fewer people than its overlap have answered it, and this one has not.
    Skipped ones go to the end, the longest skipped first. The queue `everything` always holds all
    rows, and `review` what was sent to review, answered or not.
    """
    return Board().look(rows, people, name, who, review).positions


def _in_order(
    waits: np.ndarray, skipped: Mapping[int, tuple[int, str]], order: np.ndarray
) -> np.ndarray:
    late = _skipped(waits, skipped)
    if not late:
        return np.asarray(order[waits[order]])
    first = waits.copy()
    first[late] = False
    return np.concatenate([order[first[order]], np.array(late)])


def _skipped(waits: np.ndarray, skipped: Mapping[int, tuple[int, str]]) -> list[int]:
    """Return the positions that wait and were skipped, the longest skipped first."""
    return [position for position in sorted(skipped, key=skipped.__getitem__) if waits[position]]


def _share_of(
    holds: np.ndarray, items: np.ndarray, waiting: np.ndarray, share: float
) -> np.ndarray:
    """Return the positions of the gold items that wait in a queue: of the first of them, at its share.

    holds: the rows of the queue. items: positions of the person's gold items in turn, -1 for no row.
    waiting: which of them wait.
    """
    if not len(items):
        return items
    among = (items >= 0) & holds[items]
    first: np.ndarray = among & (np.cumsum(among) <= math.ceil(share * np.count_nonzero(holds)))
    chosen: np.ndarray = items[first & waiting]
    return chosen


def ids_of(rows: pd.DataFrame, positions: np.ndarray) -> Iterator[str]:
    """Yield the ids at some positions; a few at a time, as they are needed."""
    for start in range(0, len(positions), _CHUNK):
        yield from rows.index[positions[start : start + _CHUNK]].tolist()


def following(rows: pd.DataFrame, current: str, count: int) -> list[str]:
    """Return the ids after an example in the order of the rows; the first ones without one."""
    first = int(rows.index.get_indexer(pd.Index([current], dtype=rows.index.dtype))[0]) + 1
    return [str(i) for i in rows.index[first : first + count]]
