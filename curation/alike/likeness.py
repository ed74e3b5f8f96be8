"""Examples that a model could know by heart from another example: by words, and by meaning.

Guarantee: the split and the leak check ask this module, so a split that keeps its pairs together passes
the check at the same threshold. No two rows are compared again where the split's own comparison of all of
them shows that none of its pairs has two sides. Accepted: texts without spaces between words are compared
by runs of characters, in which one other word changes more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from curation.alike.keys import ASKED, asked_keys, numbers_of, one_key
from curation.alike.pairs import NO_PAIRS, Pairs, Texts, gathered, joined, word_copies
from curation.alike.sets import first_of, numbered, vector_keys
from curation.alike.work import AT_ONCE, Arrays, Work
from curation.dataset import Progress, part_of, silent
from curation.vectors import Many

LEAK = 0.95
"""Cosine from which two examples in two splits are a leak, and from which a split keeps them together."""

KINDS = {
    "prompt_words": "nearly the same words in the prompt",
    "words": "nearly the same words in the whole example",
    "meaning": "nearly the same meaning",
}
"""Kinds of likeness, and each in words."""


class Sample(NamedTuple):
    """Rows that were compared with all to try a search on: their near pairs, and those that it met.

    No rows where all were compared.
    """

    rows: int = 0
    pairs: int = 0
    met: int = 0

    @property
    def words(self) -> str:
        """The share that is found, for a person."""
        if not self.pairs:
            return f"none of {self.rows:,} sampled rows has a near pair"
        share = 10_000 * self.met // self.pairs / 100
        return (
            f"{share:g} % of the {self.pairs:,} near pairs of {self.rows:,} sampled rows are found"
        )

    def with_those(self, other: Sample) -> Sample:
        """Both samples as one."""
        return Sample(*map(sum, zip(self, other, strict=True)))


class Likeness(NamedTuple):
    """Pairs of one of KINDS."""

    kind: str
    pairs: Pairs


def likenesses(
    rows: pd.DataFrame,
    alike: Iterable[Pairs] = (),
    apart: np.ndarray | None = None,
    looked: np.ndarray | None = None,
    progress: Progress = silent,
    keys: Arrays | None = None,
    work: Work = AT_ONCE,
    places: np.ndarray | None = None,
) -> Iterator[Likeness]:
    """Yield the pairs of examples that are copies of each other, in blocks, by kind.

    alike: pairs whose vectors are near enough. apart, looked: see `word_copies`. keys: see
    `asked_keys`. places: of the examples among the rows; all unless given. Two prompts that differ in nothing
    but numbers are no copies of each other, unless both have the same answer.
    """
    keys = keys or work.of_rows(asked_keys, rows[list(ASKED)])
    some = Examples(rows, keys, places)
    for n, (kind, of_kind, compare) in enumerate(
        (("prompt_words", PROMPTS, some.by_prompts), ("words", WHOLE, some.by_words))
    ):
        if apart is None or not _is_parted(of_kind, keys, apart, work):
            for pairs in compare(apart, looked, part_of(progress, n, 2), work):
                yield Likeness(kind, pairs)
    for pairs in gathered(alike):
        yield Likeness("meaning", some.without_other_numbers(pairs))


PAIRS = 1_000_000
"""Pairs that are looked at together."""

PROMPTS, WHOLE = "prompts", "words"
"""The texts that are compared by words: those of prompts, and whole examples."""


class Examples:
    """Examples to compare by their words; keys: see `asked_keys`. places: see `likenesses`."""

    def __init__(self, rows: pd.DataFrame, keys: Arrays, places: np.ndarray | None = None) -> None:
        self._prompts = Texts(rows["prompt"], keys=_keys_of(PROMPTS, keys), places=places)
        texts = (rows[name] for name in ASKED)
        self._whole = Texts(*texts, keys=_sides_of(keys), places=places, answers=True)
        self._differ = OtherNumbers(rows, keys, places)

    def by_prompts(
        self, apart: np.ndarray | None, looked: np.ndarray | None, progress: Progress, work: Work
    ) -> Iterator[Pairs]:
        """Yield the pairs of prompts that are copies; see `word_copies`."""
        return word_copies(self._prompts, apart, looked, progress, work)

    def by_words(
        self, apart: np.ndarray | None, looked: np.ndarray | None, progress: Progress, work: Work
    ) -> Iterator[Pairs]:
        """Yield the pairs of whole examples that are copies; see `word_copies`."""
        pairs = word_copies(self._whole, apart, looked, progress, work)
        return map(self.without_other_numbers, gathered(pairs))

    def without_other_numbers(self, pairs: Pairs) -> Pairs:
        """The pairs but for those whose prompts differ in numbers alone, and whose answers are not one."""
        return pairs.where(~self._differ(pairs.first, pairs.second))


def _sides_of(keys: Arrays) -> list[np.ndarray]:
    """The keys of both sides of whole examples; a prompt without an answer is compared once."""
    answered = np.asarray(keys["answers"].any(axis=1))
    return [np.where(answered[:, None], keys["prompts"], 0), keys["answers"]]


def _keys_of(kind: str, keys: Arrays) -> list[np.ndarray]:
    """The key of each text of a kind."""
    return [keys["prompts"]] if kind == PROMPTS else [one_key(_sides_of(keys))]


def _is_parted(kind: str, keys: Arrays, apart: np.ndarray, work: Work) -> bool:
    """Whether no pair of texts has two sides by a comparison that is remembered, of all of them.

    False where none is remembered, where it lacks a text, or where equal texts have two sides.
    """
    (own,) = _keys_of(kind, keys)
    filled = keys["prompts" if kind == PROMPTS else "answers"].any(axis=1)  # others have no text
    some = np.flatnonzero(filled)
    codes, sides = numbered(*own[some].T), apart[some]
    first = first_of(codes)
    if (sides[first][codes] != sides).any():
        return False
    former = work.latest(__name__, ["so far", kind])
    if former is None:
        return False
    places = _places(former["keys"], own[some[first]])
    if (places >= len(former["keys"])).any():
        return False
    side = np.full(len(former["keys"]), -1, dtype=np.int64)  # of texts that are not among these
    side[places] = sides[first]
    for start in range(0, len(former["first"]), PAIRS):
        part = slice(start, start + PAIRS)
        i, j = side[former["first"][part]], side[former["second"][part]]
        if ((i != j) & (i >= 0) & (j >= 0)).any():
            return False
    return True


def likenesses_so_far(
    rows: pd.DataFrame,
    keys: Arrays,
    vectors: Many | None,
    alike: Callable[[np.ndarray], tuple[Iterable[Pairs], Sample]],
    cosine: float,
    progress: Progress,
    work: Work,
) -> Iterator[tuple[Pairs, Sample]]:
    """Yield the pairs of `likenesses` for rows most of which were compared before, of all kinds.

    Each kind comes with the sample that the search for its pairs was tried on.
    Whether two examples are copies depends on no third, so only those are compared that were not among
    the rows of former calls. vectors: of the rows, to tell which are the same. alike: the pairs whose
    vectors are near enough, at least one of each among the rows of a mask. cosine: from which they are.
    """
    some = cache(lambda: Examples(rows, keys))  # not made where nothing is to be compared
    first, second = part_of(progress, 0, 2), part_of(progress, 1, 2)
    whole, named = Sample(), _keys_of(PROMPTS, keys)
    yield so_far(PROMPTS, named, lambda m: (some().by_prompts(None, m, first, work), whole), work)
    named = _keys_of(WHOLE, keys)
    yield so_far(WHOLE, named, lambda m: (some().by_words(None, m, second, work), whole), work)
    if vectors is not None:

        def near(looked: np.ndarray) -> tuple[Iterable[Pairs], Sample]:
            pairs, sample = alike(looked)
            return map(some().without_other_numbers, gathered(pairs)), sample

        named = [one_key([keys["prompts"], keys["answers"], vector_keys(vectors)])]
        yield so_far(f"meaning {cosine}", named, near, work)


def so_far(
    kind: str,
    keys: Sequence[np.ndarray],
    compare: Callable[[np.ndarray], tuple[Iterable[Pairs], Sample]],
    work: Work,
) -> tuple[Pairs, Sample]:
    """The pairs of rows by their keys, of which only those are compared that never were.

    compare: the pairs with at least one of the rows of a mask, and the sample that the search for them
    was tried on. The samples of all searches are returned as one. Of rows with equal keys the first
    stands for all.
    """
    columns = np.concatenate(keys, axis=1)
    codes = numbered(*columns.T)
    first = first_of(codes)
    own = columns[first]
    places = np.arange(len(own))

    def compared(former: Arrays | None) -> Arrays:
        nonlocal places
        fresh, old, before = np.ones(len(own), dtype=bool), NO_PAIRS, Sample()
        if former is not None:
            place = _places(former["keys"], own)
            fresh = place >= len(former["keys"])
            if not fresh.any():
                places = place
                return former
            before = Sample(*former["sample"].tolist())
            old = _at(former, np.where(fresh, -1, place), np.arange(len(own)))
        looked = np.zeros(len(codes), dtype=bool)
        looked[first[fresh]] = True
        pairs, sample = compare(looked)
        new = joined(pairs)
        new = Pairs(codes[new.first], codes[new.second], new.similarity)
        # Others than these were not compared with what is new, so they are forgotten.
        sampled = np.array(before.with_those(sample), dtype=np.int64)
        return {"keys": own, **joined([old, new])._asdict(), "sample": sampled}

    arrays = work.since(["so far", kind], compared)
    sample = Sample(*arrays["sample"].tolist())
    return _at(arrays, places, first), sample


def _at(arrays: Arrays, places: np.ndarray, others: np.ndarray) -> Pairs:
    """The pairs of arrays whose two ends are among some places, as pairs of others in their order."""
    position = np.full(len(arrays["keys"]) + 1, -1, dtype=np.int64)  # the last is that of place −1
    position[places] = others
    position[-1] = -1
    i, j = (position[arrays[side]] for side in ("first", "second"))
    return Pairs(i, j, arrays["similarity"]).where((i >= 0) & (j >= 0))


def _places(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The place of each of some other keys among keys, which are distinct; beyond them for one that is not."""
    return numbered(*np.concatenate([keys, others]).T)[len(keys) :]


class OtherNumbers:
    """Whether two examples fill one template with other numbers, for pairs of positions."""

    def __init__(self, rows: pd.DataFrame, keys: Arrays, places: np.ndarray | None = None) -> None:
        self._prompts = Texts(rows["prompt"], keys=_keys_of(PROMPTS, keys), places=places)
        self._answers = numbers_of(keys["answers"])
        self._unanswered = self._answers < 0

    def __call__(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """A mask of the pairs whose prompts differ in numbers alone and whose answers are not one."""
        other = (self._answers[i] != self._answers[j]) | self._unanswered[i]
        mask = np.zeros(len(i), dtype=bool)
        pairs = Pairs(i[other], j[other], np.zeros(int(other.sum())))
        mask[other] = self._prompts.differ_in_numbers(pairs)
        return mask
