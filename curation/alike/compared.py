"""Examples compared once, so that another threshold, another preference or a decision cuts them anew.

Guarantee: what is remembered depends on the texts alone and is kept under their digest. Accepted: pairs
below FLOOR are not remembered; a step with a lower threshold compares anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from curation.alike.cutting import Kept, More, Nearby, classes_of, cut
from curation.alike.keys import SIDES, columns_of, digest_of, numbers_of, packed, side_keys
from curation.alike.near_duplicates import Sides
from curation.alike.numbers import numbers
from curation.alike.pairs import NO_PAIRS, Pairs
from curation.alike.sets import Sets, numbered
from curation.alike.shingles import shingle_sets
from curation.alike.sides import Example, Part, answer_of, examples, same
from curation.alike.work import AT_ONCE, Arrays, Work
from curation.dataset import Progress, part_of, silent

By = Literal["prompt_and_response", "prompt", "response"]

FLOOR = 0.6
"""Jaccard similarity down to which pairs are remembered."""


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
    rows: pd.DataFrame, by: By, normalise: bool, punctuation: bool, work: Work = AT_ONCE
) -> Compared:
    """Rows by what they say; those of one class say the same on the compared sides."""
    texts = columns_of(rows, SIDES)
    keys = work.of_rows(side_keys, texts, normalise=normalise, punctuation=punctuation)
    prompts, answers = numbers_of(keys["prompts"]), numbers_of(keys["answers"])
    if by == "prompt_and_response":
        compared = numbered(prompts, answers)
    else:
        some = np.asarray(keys["alone"].any(axis=1))
        alone = np.where(some[:, None], keys["alone"], keys["answers"])
        compared = prompts if by == "prompt" else numbers_of(alone)
    return Compared(classes_of(compared), prompts, answers)


def nearly(
    rows: pd.DataFrame,
    by: By,
    threshold: float,
    work: Work = AT_ONCE,
    progress: Progress = silent,
) -> Compared:
    """Rows by their shingles, with the pairs whose similarity reaches FLOOR, or a lower threshold."""
    floor, texts, compared = min(FLOOR, threshold), columns_of(rows, SIDES), list[Sides]()

    def compute() -> Arrays:
        read, sets = _read(texts, by, work, part_of(progress, 0, 2))
        compared.append(Sides(sets, read.get("labelled")))
        rivals = NO_PAIRS if by != "prompt_and_response" else _rivals(texts, sets[0], floor)
        del sets
        pairs, full = compared[0].pairs(floor, part_of(progress, 1, 2))
        nearby = Nearby(compared[0].codes, pairs, full)
        named = {f"rival_{name}": values for name, values in rivals._asdict().items()}
        sides = {name: numbers_of(read[name]) for name in ("prompts", "answers")}
        return {**nearby.arrays(), **sides, **named}

    arrays = work.once(["near", by, floor, digest_of(texts)], compute)
    rivals = Pairs(*(arrays[f"rival_{name}"] for name in Pairs._fields))

    def more(order: np.ndarray, doubtful: np.ndarray, at_least: float) -> Pairs:
        if not compared:
            read, sets = _read(texts, by, work, silent)
            compared.append(Sides(sets, read.get("labelled")))
        others = doubtful[~np.isin(doubtful, order)]
        return compared[0].between(np.concatenate([order, others]), at_least)[0]

    return Compared(Nearby.of(arrays), arrays["prompts"], arrays["answers"], rivals, more)


def near_sides(rows: pd.DataFrame, by: By) -> Arrays:
    """Keys of both sides of rows, and the shingles of the sides that are compared.

    values, sizes: of the side that is compared, or of the prompt; values_2, sizes_2: of the answer where
    both are. labelled: examples whose answer is a label.
    """
    some = examples(rows)
    sides: list[list[tuple[Part, ...]]] = []
    if by != "response":
        sides.append([e.prompt for e in some])
    if by != "prompt":
        sides.append([answer_of(e) if by == "response" else e.answer for e in some])
    arrays = {
        "prompts": packed(same(e.prompt, True, False) for e in some),
        "answers": packed(same(e.answer, True, False) for e in some),
    }
    if len(sides) == 2:
        arrays["labelled"] = np.array([_only_labelled(e) for e in some], dtype=bool)
    for ending, side in zip(("", "_2"), sides, strict=False):
        sets = shingle_sets([_text(parts) for parts in side])
        arrays |= {f"values{ending}": sets.values, f"sizes{ending}": sets.sizes}
    return arrays


def _read(texts: pd.DataFrame, by: By, work: Work, progress: Progress) -> tuple[Arrays, list[Sets]]:
    """The arrays of `near_sides` for all rows, and the shingles of each side."""
    parts: dict[str, list[np.ndarray]] = {}
    sets: dict[str, list[Sets]] = {}
    done = 0
    for arrays in work.in_batches(near_sides, texts, by=by):
        for ending in ("", "_2"):
            if f"values{ending}" in arrays:
                some = Sets(arrays.pop(f"values{ending}"), arrays.pop(f"sizes{ending}"))
                sets.setdefault(ending, []).append(some)
        for name, values in arrays.items():
            parts.setdefault(name, []).append(values)
        done += len(arrays["prompts"])
        progress(done / max(1, len(texts)), f"{done:,} of {len(texts):,} read")
    return (
        {name: np.concatenate(values) for name, values in parts.items()},
        [Sets.joined(_emptied(some)) for some in sets.values()],
    )


def _emptied(parts: list[Sets]) -> Iterator[Sets]:
    """Yield the parts of a list, and let go of each."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _rivals(rows: pd.DataFrame, sets: Sets, floor: float) -> Pairs:
    """Pairs of rows whose prompts are nearly the same and hold the same numbers.

    sets: the shingles of the prompts. Of the rows of one prompt the first stands for all.
    """
    prompts = Sides([sets])
    _, first = np.unique(prompts.codes, return_index=True)
    pairs, _ = prompts.pairs(floor)
    pairs = Pairs(first[pairs.first], first[pairs.second], pairs.similarity)
    positions, places = np.unique(np.append(pairs.first, pairs.second), return_inverse=True)
    of_prompt = [numbers(_text(e.prompt)) for e in examples(rows.iloc[positions])]
    both = zip(*np.split(places, 2), strict=True)
    return pairs.where(np.array([of_prompt[i] == of_prompt[j] for i, j in both], dtype=bool))


def _text(parts: Sequence[Part]) -> str:
    return "\n".join(text for _, text in parts)


def _only_labelled(example: Example) -> bool:
    return len(example.answer) == 1 and example.answer[0][0] == "label"
