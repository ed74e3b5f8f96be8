"""Examples that a model could know by heart from another example: by words, and by meaning.

Guarantee: the split and the leak check ask this module, so a split that keeps its pairs together passes
the check at the same threshold. Accepted: texts without spaces between words are compared by runs of
characters, in which one other word changes more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from curation.alike.pairs import Pairs, Texts, word_copies
from curation.dataset import Progress, part_of, silent

LEAK = 0.95
"""Cosine from which two examples in two splits are a leak, and from which a split keeps them together."""

KINDS = {
    "prompt_words": "nearly the same words in the prompt",
    "words": "nearly the same words in the whole example",
    "meaning": "nearly the same meaning",
}
"""Kinds of likeness, and each in words."""


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
) -> Iterator[Likeness]:
    """Yield the pairs of examples that are copies of each other, in blocks, by kind.

    alike: pairs whose vectors are near enough. apart, looked: see `word_copies`. Two prompts that
    differ in nothing but numbers are no copies of each other, unless both have the same answer.
    """
    prompts = Texts(rows["prompt"])
    answered = rows["response"].where(rows["response"].fillna("") != "", "")
    # A prompt without an answer is compared once.
    whole = Texts(rows["prompt"].where(answered != "", ""), answered)
    for pairs in word_copies(prompts, apart, looked, part_of(progress, 0, 2)):
        yield Likeness("prompt_words", pairs)
    differ = OtherNumbers(rows)
    for kind, blocks in (
        ("words", word_copies(whole, apart, looked, part_of(progress, 1, 2))),
        ("meaning", alike),
    ):
        for pairs in blocks:
            yield Likeness(kind, pairs.where(~differ(pairs.first, pairs.second)))


class OtherNumbers:
    """Whether two examples fill one template with other numbers, for pairs of positions."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._prompts = Texts(rows["prompt"])
        responses = rows["response"].fillna("")
        self._answers = Texts(responses).codes
        self._unanswered = (responses == "").to_numpy()

    def __call__(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """A mask of the pairs whose prompts differ in numbers alone and whose answers are not one."""
        other = (self._answers[i] != self._answers[j]) | self._unanswered[i]
        mask = np.zeros(len(i), dtype=bool)
        pairs = Pairs(i[other], j[other], np.zeros(int(other.sum())))
        mask[other] = self._prompts.differ_in_numbers(pairs)
        return mask
