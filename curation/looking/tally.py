"""People's decisions about each row, as arrays that follow the decisions.

Guarantee: a tally that followed the events one by one equals a new one. Accepted cost: one byte a row
for each person who answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curation.review import Review, place_of

if TYPE_CHECKING:
    from curation.decisions.state import State

MOST = 255
"""The highest number of people that is counted for one row."""


class Tally:
    """The decisions about the rows of an index, by position; not safe for several threads.

    answers: number of people who answered each row. in_review: rows that somebody sent to review.
    skipped: position → number of the newest skip, and its person.
    """

    def __init__(self, index: pd.Index, review_flag: str) -> None:
        self.index = index
        self.answers = np.zeros(len(index), np.uint8)
        self.in_review = np.zeros(len(index), bool)
        self.skipped: dict[int, tuple[int, str]] = {}
        self._flag = review_flag
        self._by_person: dict[str, np.ndarray] = {}
        self._names: dict[str, dict[int, tuple[str, ...]]] = {"label": {}, "tag": {}}
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in self._names}

    def follow(self, people: State, examples: Collection[str]) -> None:
        """Bring the rows of some examples to a state of people's decisions."""
        ids = list(examples)
        positions = self.positions(ids)
        for mask in self._by_person.values():
            mask[positions[positions >= 0]] = False
        answered_by: dict[str, list[int]] = {}
        for example, position in zip(ids, positions.tolist(), strict=True):
            if position < 0:
                continue
            names = people.answered.get(example, ())
            self.answers[position] = min(len(names), MOST)
            for name in names:
                answered_by.setdefault(name, []).append(position)
            self.in_review[position] = self._flag in people.flags.get(example, ())
            if (skip := people.skips.get(example)) is not None:
                self.skipped[position] = skip.seq, skip.annotator
            else:
                self.skipped.pop(position, None)
            label = people.labels.get(example)
            self._count("label", position, () if label is None else (str(label.value),))
            self._count("tag", position, tuple(people.tags.get(example, ())))
        for name, answered in answered_by.items():
            self._by_person.setdefault(name, np.zeros(len(self.index), bool))[answered] = True

    def _count(self, kind: str, position: int, names: tuple[str, ...]) -> None:
        former = self._names[kind].pop(position, ())
        if names:
            self._names[kind][position] = names
        if names != former:
            self._counts[kind].subtract(former)
            self._counts[kind].update(names)

    def names(self, kind: str) -> set[str]:
        """Return the labels or the tags that people gave and that count: kind is label or tag."""
        return {name for name, count in self._counts[kind].items() if count > 0}

    def unanswered(self, who: str, review: Review) -> np.ndarray:
        """Return True for each row that waits for a person: fewer people than its overlap, and not
        this one, have answered it.
        """
        waits = self.answers < self.overlap(review)
        if (mask := self._by_person.get(who)) is not None:
            waits &= ~mask
        return waits

    def answered_by(self, who: str) -> int:
        """Return the number of rows that a person answered."""
        mask = self._by_person.get(who)
        return 0 if mask is None else int(np.count_nonzero(mask))

    def passed_by(self, who: str, answered: Collection[int]) -> int:
        """Return the number of rows that a person answered, or skipped last and did not answer.

        answered: positions of gold items that the person answered.
        """
        mask = self._by_person.get(who)
        skips = [position for position, (_, name) in self.skipped.items() if name == who]
        waiting = [p for p in skips if p not in answered and (mask is None or not mask[p])]
        return self.answered_by(who) + len(answered) + len(waiting)

    def overlap(self, review: Review) -> np.ndarray:
        """Return the number of people who are to answer each row."""
        if review.overlap == 1 or review.share >= 1:
            return np.full(len(self.index), review.overlap)
        return np.where(self._places < review.share, review.overlap, 1)

    @cached_property
    def _places(self) -> np.ndarray:
        return np.fromiter((place_of(str(i)) for i in self.index), float, len(self.index))

    def positions(self, ids: Iterable[str]) -> np.ndarray:
        """Return the positions of ids, in their order; -1 for an id without a row."""
        return self.index.get_indexer(pd.Index(list(ids), dtype=self.index.dtype))

    def of_rows(self, ids: Iterable[str]) -> np.ndarray:
        """Return the positions of those ids that have a row."""
        positions = self.positions(ids)
        return positions[positions >= 0]
