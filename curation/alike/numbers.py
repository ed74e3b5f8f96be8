"""Numbers in texts: a text with another number asks for something else.

Guarantee: the same rule serves splits, the leak check, the test set of a training, and contamination.
Accepted: a copy in which nothing but a number was changed counts as another text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from curation.text.folding import caseless
from curation.text.words import units

_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split()
    )
} | dict(
    zip(
        "thirty forty fifty sixty seventy eighty ninety hundred".split(),
        "30 40 50 60 70 80 90 100".split(),
        strict=True,
    )
)
"""English words of numbers."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+")
_DIGITS = re.compile(r"\d+")


def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text as digits, those that English words name among them."""
    plain = caseless(text)
    pieces = (_WORDS.get(piece, piece) for piece in _NUMBER.findall(plain))
    return frozenset(_plain(piece) for piece in pieces if piece[0].isdigit())


def _plain(number: str) -> str:
    """A number without marks between thousands and without zeros at the end: 1,000 and 2.50."""
    whole, point, part = number.replace(",", "").partition(".")
    return f"{whole}.{part.rstrip('0')}".rstrip(".") if point else whole


class Templates:
    """Texts as templates with numbers in them, to compare by position.

    Two texts are of one template if they are equal but for their numbers, and their numbers differ.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        plain = [" ".join(units(caseless(text))) for text in texts]
        self._whole = np.array([_digest(text) for text in plain], dtype=np.uint64)
        self._empty = np.array([_digest(_DIGITS.sub("0", text)) for text in plain], dtype=np.uint64)

    def differ(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Whether text i differs from text j in nothing but numbers, for each pair of positions."""
        same = self._empty[i] == self._empty[j]
        return np.asarray(same & (self._whole[i] != self._whole[j]))


def _digest(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
