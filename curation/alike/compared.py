"""Examples compared once, so that another threshold, another preference or a decision cuts them anew.

Guarantee: what is remembered depends on the texts alone and is kept under their digest. Accepted: pairs
below FLOOR are not remembered; a step with a lower threshold compares anew.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from curation.alike.cutting import Kept, More, Nearby, classes_of, cut
from curation.alike.near_duplicates import Sides
from curation.alike.numbers import numbers
from curation.alike.pairs import NO_PAIRS, Pairs
from curation.alike.shingles import shingle_sets
from curation.alike.sides import Example, Part, examples, same
from curation.dataset import Progress, part_of, silent

By = Literal["prompt_and_response", "prompt", "response"]
Arrays = dict[str, np.ndarray]
Remembered = Callable[[Sequence[Any], Callable[[], Arrays]], Arrays]
"""(everything that arrays depend on besides the code, a function that computes them) → the arrays."""

FLOOR = 0.6
"""Jaccard similarity down to which pairs are remembered."""

TEXTS = ("messages", "label", "tools", "rejected", "metadata")
"""Columns that the two sides of an example are made of."""


def directly(parts: Sequence[Any], compute: Callable[[], Arrays]) -> Arrays:
    """Compute the arrays; nothing is remembered."""
    return compute()


@dataclass(frozen=True)
class Compared:
    """Rows with the pairs of those that are near, and what each asks and answers.

    prompts, answers: (rows,), equal for equal ones; negative without text. rivals: pairs of rows whose
    prompts are nearly the same; `similarity` is the prompts'. more: see `cut`.
    """

    nearby: Nearby
    prompts: np.ndarray
    answers: np.ndarray
    rivals: Pairs = NO_PAIRS
    more: More | None = None

    def cut(
        self,
        order: np.ndarray,
        threshold: float,
        apart: np.ndarray | None = None,
        every: bool = False,
    ) -> Kept:
        """The row that stays for each row; see `curation.alike.cutting.cut`."""
        return cut(self.nearby, order, threshold, apart, self.more, every)

    def conflicts(self, kept: Kept, threshold: float, by_answer: bool = True) -> np.ndarray:
        """The group of each row whose prompt another row answers or labels otherwise; -1 for none.

        Of copies only the kept row counts, and a copy whose answer is another than the kept row's.
        by_answer: whether copies have equal or nearly equal answers, so that no such copy counts.
        A group is numbered by its first row.
        """
        rows, prompts, answers = len(kept.leader), self.prompts, self.answers
        own = np.arange(rows)
        stays = kept.leader == own
        first, second = [], []
        if not by_answer:
            goes = np.flatnonzero(~stays & (prompts >= 0))
            goes = goes[answers[goes] != answers[kept.leader[goes]]]
            first, second = [goes], [kept.leader[goes]]
        some = np.flatnonzero(stays & (prompts >= 0))
        _, head, group = np.unique(prompts[some], return_index=True, return_inverse=True)
        first.append(some)
        second.append(some[head][group])
        near = self.rivals.where(self.rivals.similarity >= threshold - 1e-9)
        near = near.where(stays[near.first] & stays[near.second])
        near = near.where(answers[near.first] != answers[near.second])
        return _groups(
            np.concatenate([*first, near.first]), np.concatenate([*second, near.second]), rows
        )


def _groups(first: np.ndarray, second: np.ndarray, rows: int) -> np.ndarray:
    """For each row the first row of those that pairs join it with; -1 for a row in no pair."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    different = first != second
    first, second = first[different], second[different]
    links = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(rows, rows))
    _, labels = connected_components(links, directed=False)
    head = np.full(rows, -1)
    head[labels[::-1]] = np.arange(rows)[::-1]
    group = np.full(rows, -1)
    joined_rows = np.union1d(first, second)
    group[joined_rows] = head[labels[joined_rows]]
    return group


def exactly(
    rows: pd.DataFrame,
    by: By,
    normalise: bool,
    punctuation: bool,
    remembered: Remembered = directly,
) -> Compared:
    """Rows by what they say; those of one class say the same on the compared sides."""

    def compute() -> Arrays:
        sides = examples(rows)
        prompts = [same(e.prompt, normalise, punctuation) for e in sides]
        answers = [same(e.answer, normalise, punctuation) for e in sides]
        keys: Sequence[object] = prompts
        if by == "response":
            keys = [same(answer_of(e), normalise, punctuation) for e in sides]
        elif by == "prompt_and_response":
            keys = list(zip(prompts, answers, strict=True))
        named = zip(("keys", "prompts", "answers"), (keys, prompts, answers), strict=True)
        return {name: _numbers_of(values) for name, values in named}

    arrays = remembered(["exact", by, normalise, punctuation, digest(rows)], compute)
    return Compared(classes_of(arrays["keys"]), arrays["prompts"], arrays["answers"])


def nearly(
    rows: pd.DataFrame,
    by: By,
    threshold: float,
    remembered: Remembered = directly,
    progress: Progress = silent,
) -> Compared:
    """Rows by their shingles, with the pairs whose similarity reaches FLOOR, or a lower threshold."""
    floor = min(FLOOR, threshold)

    @functools.cache
    def sides() -> tuple[list[Example], Sides]:
        some = examples(rows)
        labelled = None
        if by == "prompt_and_response":
            labelled = np.array([_only_labelled(e) for e in some], dtype=bool)
        return some, Sides(_sets(some, by), labelled)

    def compute() -> Arrays:
        some, compared = sides()
        progress(0.5, f"{len(some):,} read")
        pairs, full = compared.pairs(floor, part_of(progress, 1, 2))
        nearby = Nearby(compared.codes, pairs, full)
        prompts = _numbers_of([same(e.prompt, True, False) for e in some])
        answers = _numbers_of([same(e.answer, True, False) for e in some])
        rivals = NO_PAIRS if by != "prompt_and_response" else _rivals(some, floor)
        named = {f"rival_{name}": values for name, values in rivals._asdict().items()}
        return {**nearby.arrays(), "prompts": prompts, "answers": answers, **named}

    arrays = remembered(["near", by, floor, digest(rows)], compute)
    rivals = Pairs(*(arrays[f"rival_{name}"] for name in Pairs._fields))

    def more(order: np.ndarray, doubtful: np.ndarray, at_least: float) -> Pairs:
        others = doubtful[~np.isin(doubtful, order)]
        return sides()[1].between(np.concatenate([order, others]), at_least)[0]

    return Compared(Nearby.of(arrays), arrays["prompts"], arrays["answers"], rivals, more)


def _sets(some: Sequence[Example], by: By) -> list[list[np.ndarray]]:
    """The shingles of the sides that are compared, a list a side."""
    sides: list[list[tuple[Part, ...]]] = []
    if by != "response":
        sides.append([e.prompt for e in some])
    if by != "prompt":
        sides.append([answer_of(e) if by == "response" else e.answer for e in some])
    return [shingle_sets([_text(parts) for parts in side]) for side in sides]


def _rivals(some: Sequence[Example], floor: float) -> Pairs:
    """Pairs of rows whose prompts are nearly the same and hold the same numbers.

    Of the rows of one prompt the first stands for all.
    """
    texts = [_text(e.prompt) for e in some]
    prompts = Sides([shingle_sets(texts)])
    _, first = np.unique(prompts.codes, return_index=True)
    pairs, _ = prompts.pairs(floor)
    pairs = Pairs(first[pairs.first], first[pairs.second], pairs.similarity)
    both = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return pairs.where(
        np.array([numbers(texts[i]) == numbers(texts[j]) for i, j in both], dtype=bool)
    )


def _text(parts: Sequence[Part]) -> str:
    return "\n".join(text for _, text in parts)


def _only_labelled(example: Example) -> bool:
    return len(example.answer) == 1 and example.answer[0][0] == "label"


def answer_of(example: Example) -> tuple[Part, ...]:
    """The side of the answer; for a text without an answer, the text and its label."""
    if any(role == "assistant" for role, _ in example.answer):
        return example.answer
    return (*example.prompt, *example.answer)


def _numbers_of(values: Sequence[object]) -> np.ndarray:
    """A number for each value, equal for equal ones; -1 for an empty one."""
    numbers: dict[object, int] = {}
    return np.array(
        [numbers.setdefault(value, len(numbers)) if value else -1 for value in values],
        dtype=np.int64,
    )


def digest(rows: pd.DataFrame) -> str:
    """A digest of the texts of rows, in their order."""
    whole = hashlib.blake2b(digest_size=16)
    for name in TEXTS:
        values = rows[name].fillna("").tolist() if name in rows else []
        for part in ("\0".join(values), f"\1{len(values)}\1"):
            whole.update(part.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()
