"""Texts as sets of shingles: their hashes, and how similar two sets are.

Guarantee: a text has the same shingles in every process and on every machine, whatever it is read with.
Accepted: two different shingles may share a hash of 50 bits; of the 6 million of Alpaca's 52,002 rows, one
pair in a hundred sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from curation.alike.sets import Sets, mixed, spans
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

SHORT, SHORT_GRAM = 160, 3
"""Characters, without spaces, up to which texts are compared by their runs of three too."""


class Grams(NamedTuple):
    """The runs of a text in their order: hashes, uint64, and the length of one.

    units: words or characters of the text. spaced: whether they are words.
    """

    hashes: np.ndarray
    length: int
    units: int
    spaced: bool


class Runs(NamedTuple):
    """The runs of many texts, one text after the other: hashes, uint64.

    sizes: runs of each text. lengths: of a run. units: see `Grams`. spaced: see `Grams`; all (texts,).
    """

    hashes: np.ndarray
    sizes: np.ndarray
    lengths: np.ndarray
    units: np.ndarray
    spaced: np.ndarray


def shingles(text: str) -> np.ndarray:
    """Hashes of a text's shingles, sorted and distinct, uint64; none for an empty text.

    Words and signs of folded text; characters where the script sets no spaces. A text shorter than
    one shingle is one shingle.
    """
    return shingle_sets([text]).values


def shingle_sets(texts: Sequence[str]) -> Sets:
    """The shingles of each text, see `shingles`; many texts at once take a quarter of the time."""
    return _by_block(texts, lambda some: runs(some, SHINGLE)[:2])


def character_sets(texts: Sequence[str]) -> Sets:
    """The runs of three characters of each short text; none of a longer one, which has words enough."""
    return _by_block(texts, _short_runs)


OWNER_BITS = 14
"""Bits for a text's number beside the 50 of a hash, so that one sort orders the shingles of a block."""

BLOCK = 1 << OWNER_BITS
"""Texts that are hashed and sorted at once."""


Hashed = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]
"""Texts → their hashes, one text after the other, and the number of each."""


def _by_block(texts: Sequence[str], hashed: Hashed) -> Sets:
    starts = range(0, len(texts), BLOCK)
    return Sets.joined([_distinct(*hashed(texts[start : start + BLOCK])) for start in starts])


def _distinct(hashes: np.ndarray, sizes: np.ndarray) -> Sets:
    """The hashes of each text of a block, sorted, each once."""
    owner = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    bits = np.uint64(64 - OWNER_BITS)
    ordered = np.sort(owner << bits | hashes >> np.uint64(OWNER_BITS))
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    counts = np.bincount((distinct >> bits).astype(np.int64), minlength=len(sizes))
    return Sets(distinct & ((np.uint64(1) << bits) - np.uint64(1)), counts)


def _short_runs(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    plain = ["".join(caseless(text).split()) for text in texts]
    plain = [text if len(text) <= SHORT else "" for text in plain]
    counts = np.array([len(text) for text in plain], dtype=np.int64)
    letters = "".join(plain).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(letters, dtype="<u4").astype(np.uint64)
    return _runs_of(codes, counts, np.minimum(counts, SHORT_GRAM))


def grams(text: str, gram: Gram) -> Grams:
    """The runs of a text's words and signs, or of its characters; a shorter text is one run."""
    hashes, _, lengths, counts, spaced = runs([text], gram)
    return Grams(hashes, int(lengths[0]), int(counts[0]), bool(spaced[0]))


def runs(texts: Sequence[str], gram: Gram) -> Runs:
    """The runs of each text, see `grams`; the hashes of all texts are computed together."""
    split = [_pieces(text, gram) for text in texts]
    counts = np.array([len(pieces) for pieces, _ in split], dtype=np.int64)
    spaced = np.array([spaced for _, spaced in split], dtype=bool)
    codes = _coded([pieces for pieces, _ in split])
    lengths = np.minimum(np.where(spaced, gram.words, gram.characters), counts)
    return Runs(*_runs_of(codes, counts, lengths), lengths, counts, spaced)


def _runs_of(
    codes: np.ndarray, counts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The hashes of the runs of texts, and their number; counts: codes of each text, lengths: of a run."""
    # A run that begins less than its length before a text's end would cross into the next text.
    sizes = np.where(lengths > 0, counts - lengths + 1, 0)
    places = spans(np.cumsum(counts) - counts, sizes)
    hashes, length_of = np.empty(len(places), dtype=np.uint64), np.repeat(lengths, sizes)
    for length in np.unique(lengths[lengths > 0]).tolist():
        chosen = length_of == length
        hashes[chosen] = _rolled(codes, length)[places[chosen]]
    return hashes, sizes


def _coded(pieces: Sequence[Sequence[str]]) -> np.ndarray:
    """The codes of the pieces of texts, one text after the other."""
    total = sum(map(len, pieces))
    every: Iterable[str] = chain.from_iterable(pieces)
    codes = np.fromiter(map(_codes.__getitem__, every), dtype=np.uint64, count=total)
    if len(_codes) > 2_000_000:
        _codes.clear()
    return codes


def _pieces(text: str, gram: Gram) -> tuple[list[str], bool]:
    """The words and signs of a text, or its characters, and whether they are words."""
    plain = caseless(text)
    spaced = plain.isascii() or not is_unspaced(plain)
    if spaced:
        pieces = units(plain)
        if not gram.signs:
            pieces = [piece for piece in pieces if piece[0].isalnum()]
    else:
        pieces = [c for c in plain if not c.isspace()]
    return pieces or plain.split(), spaced


def _rolled(codes: np.ndarray, length: int) -> np.ndarray:
    """The hash of each run of a length."""
    rolled = np.zeros(max(0, len(codes) - length + 1), dtype=np.uint64)
    for i in range(length):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + codes[i : i + len(rolled)]
    return mixed(rolled)


class _Codes(dict[str, int]):
    """A stable hash of each word; Python's own differs from process to process."""

    def __missing__(self, unit: str) -> int:
        digest = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        code = int.from_bytes(digest, "little")
        if len(unit) < 100:
            self[unit] = code
        return code


_codes = _Codes()


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    """Shared part of two sorted sets of distinct hashes: intersection over union; 1 for two empty."""
    if not len(one) or not len(two):
        return float(len(one) == len(two))
    shared = len(np.intersect1d(one, two, assume_unique=True))
    return shared / (len(one) + len(two) - shared)
