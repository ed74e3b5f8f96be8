"""Texts as sets of shingles: their hashes, and how similar two sets are.

Guarantee: a text has the same shingles in every process and on every machine. Accepted: two different
shingles may share a hash of 64 bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.text.folding import caseless
from curation.text.scripts import is_unspaced
from curation.text.words import units


class Gram(NamedTuple):
    """Length of a run: in words, and in characters where words are not set apart by spaces.

    signs: whether signs such as + and < count as words.
    """

    words: int
    characters: int
    signs: bool = True


SHINGLE = Gram(words=5, characters=6)
"""Length of a shingle."""


class Grams(NamedTuple):
    """The runs of a text in their order: hashes, uint64, and the length of one.

    units: words or characters of the text. spaced: whether they are words.
    """

    hashes: np.ndarray
    length: int
    units: int
    spaced: bool


def shingles(text: str) -> np.ndarray:
    """Hashes of a text's shingles, sorted and distinct, uint64; none for an empty text.

    Words and signs of folded text; characters where the script sets no spaces. A text shorter than
    one shingle is one shingle.
    """
    hashed = np.sort(grams(text, SHINGLE).hashes)
    if not len(hashed):
        return hashed
    return np.asarray(hashed[np.concatenate([[True], hashed[1:] != hashed[:-1]])])


def grams(text: str, gram: Gram) -> Grams:
    """The runs of a text's words and signs, or of its characters; a shorter text is one run."""
    plain = caseless(text)
    spaced = plain.isascii() or not is_unspaced(plain)
    if spaced:
        pieces, length = units(plain), gram.words
        if not gram.signs:
            pieces = [piece for piece in pieces if piece[0].isalnum()]
    else:
        pieces, length = [c for c in plain if not c.isspace()], gram.characters
    if not pieces:
        pieces = plain.split()
    if not pieces:
        return Grams(np.zeros(0, dtype=np.uint64), length, 0, spaced)
    codes = np.array(list(map(_codes.__getitem__, pieces)), dtype=np.uint64)
    if len(_codes) > 2_000_000:
        _codes.clear()
    length = min(length, len(codes))
    rolled = np.zeros(len(codes) - length + 1, dtype=np.uint64)
    for i in range(length):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + codes[i : i + len(rolled)]
    return Grams(_mixed(rolled), length, len(codes), spaced)


class _Codes(dict[str, int]):
    """A stable hash of each word; Python's own differs from process to process."""

    def __missing__(self, unit: str) -> int:
        digest = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        code = int.from_bytes(digest, "little")
        if len(unit) < 100:
            self[unit] = code
        return code


_codes = _Codes()


def _mixed(values: np.ndarray) -> np.ndarray:
    values = values ^ (values >> np.uint64(31))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(values ^ (values >> np.uint64(29)))


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    """Shared part of two sorted sets of distinct hashes: intersection over union; 1 for two empty."""
    if not len(one) or not len(two):
        return float(len(one) == len(two))
    shared = len(np.intersect1d(one, two, assume_unique=True))
    return shared / (len(one) + len(two) - shared)


def overlap_mask(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True for each element of a sorted set that another sorted set holds."""
    if not len(other):
        return np.zeros(len(own), dtype=bool)
    return np.asarray(other[np.minimum(np.searchsorted(other, own), len(other) - 1)] == own)


def similarities(own: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """The Jaccard similarity of one set to each of some others."""
    if len(others) < 4 or not len(own):
        return np.array([jaccard(own, other) for other in others])
    sizes = np.array([len(other) for other in others])
    total = np.concatenate([[0], np.cumsum(overlap_mask(np.concatenate(others), own))])
    ends = np.cumsum(sizes)
    shared = total[ends] - total[ends - sizes]
    return np.asarray(shared / (len(own) + sizes - shared))
