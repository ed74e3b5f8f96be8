"""Pairs of texts that are copies of each other by their words, and groups of rows that pairs join.

Guarantee: no pair that reaches the threshold is missed. Accepted: time grows with the number of pairs
that share a rare run of words, which is their square where very many rows fill one long template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.alike.numbers import Templates
from curation.alike.shingles import shingles
from curation.dataset import Progress, part_of, silent
from curation.text.folding import caseless

COPY = 0.8
"""Jaccard similarity of the shingles of two texts from which one counts as a copy of the other."""

SHORT_COPY = 0.9
"""The same for the characters of short texts: below it, texts of one template are no copies."""

SHORT, GRAM = 160, 3
"""Characters, without spaces, up to which texts are compared by their runs of three too."""

HITS = 4_000_000
"""Shared shingles that are counted at once, so that the products stay small."""


class Pairs(NamedTuple):
    """Pairs of positions, the lesser first, and how similar they are, 0 to 1; all (pairs,)."""

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray

    def where(self, mask: np.ndarray) -> Pairs:
        """The pairs of a mask."""
        return Pairs(*(values[mask] for values in self))


NO_PAIRS = Pairs(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def joined(parts: Iterable[Pairs]) -> Pairs:
    """The pairs of several parts."""
    return Pairs(*(np.concatenate(values) for values in zip(NO_PAIRS, *parts, strict=True)))


class Texts:
    """Texts by position, read when they are needed, so that a million long ones are never held twice.

    parts: columns of texts; a text is the row of their parts that are not empty, joined by blank lines.
    codes: (texts,), equal for equal texts and else different, but for a chance of one in 2⁶⁴ a pair.
    """

    def __init__(self, *parts: pd.Series) -> None:
        self._parts = [part.fillna("") for part in parts]
        hashed = np.zeros(len(parts[0]), dtype=np.uint64)
        for part in self._parts:
            hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + hashes(part)
        self.codes = pd.factorize(hashed)[0]

    def __len__(self) -> int:
        return len(self.codes)

    def read(self, positions: np.ndarray) -> list[str]:
        """The texts at some positions."""
        columns = [part.iloc[positions].tolist() for part in self._parts]
        return ["\n\n".join(filter(None, row)) for row in zip(*columns, strict=True)]

    def differ_in_numbers(self, pairs: Pairs) -> np.ndarray:
        """A mask of the pairs of texts that are equal but for their numbers."""
        positions, places = np.unique(
            np.concatenate([pairs.first, pairs.second]), return_inverse=True
        )
        i, j = np.split(places, 2)
        return Templates(self.read(positions)).differ(i, j)


def hashes(texts: pd.Series, change: Callable[[str], str] | None = None) -> np.ndarray:
    """Return a hash of each text, (texts,) uint64, of the text as changed where there is a change.

    A block at a time, since all texts as Python's take more memory than their column.
    """
    hashed = np.zeros(len(texts), dtype=np.uint64)
    for block in _blocks(np.arange(len(texts))):
        some = np.asarray(texts.iloc[block[0] : block[-1] + 1], dtype=object)
        if change is not None:
            some = np.array([change(text) for text in some], dtype=object)
        hashed[block] = pd.util.hash_array(some, categorize=False)
    return hashed


def word_copies(
    texts: Texts,
    apart: np.ndarray | None = None,
    looked: np.ndarray | None = None,
    progress: Progress = silent,
) -> Iterator[Pairs]:
    """Yield the pairs of texts with nearly the same words, without those that differ in numbers alone.

    apart: a value for each text; two texts with the same value are not compared. Of equal texts with
    the same value only the first is compared; equal ones without `apart` are no pair. looked: a mask;
    of each pair at least one text is looked at. Memory grows with these, all unless given.
    """
    sides = np.zeros(len(texts), dtype=np.int64) if apart is None else apart.astype(np.int64)
    _, first = np.unique(texts.codes * (sides.max(initial=0) + 1) + sides, return_index=True)
    first = np.sort(first)
    mask = np.ones(len(first), dtype=bool) if looked is None else looked[first]
    order = np.concatenate([first[mask], first[~mask]])
    for n, (sets_of, enough) in enumerate(((shingles, COPY), (character_grams, SHORT_COPY))):
        part = part_of(progress, n, 2)
        index = Index(
            [s for block in _blocks(order[: mask.sum()]) for s in map(sets_of, texts.read(block))],
            enough,
        )
        for block in _blocks(np.arange(len(order))):
            part(float(block[0]) / len(order), f"{block[0]:,} of {len(order):,} compared by words")
            sets = [sets_of(text) for text in texts.read(order[block])]
            for pairs in index.pairs_with(sets):
                i, j = block[pairs.first], pairs.second
                fresh = j < i  # an indexed text stands before all that are not, and meets itself
                if apart is not None:
                    fresh &= apart[order[i]] != apart[order[j]]
                copies = Pairs(order[j[fresh]], order[i[fresh]], pairs.similarity[fresh])
                yield copies.where(~texts.differ_in_numbers(copies))


def _blocks(positions: np.ndarray) -> Iterator[np.ndarray]:
    """Positions in parts of BLOCK."""
    for start in range(0, len(positions), BLOCK):
        yield positions[start : start + BLOCK]


def character_grams(text: str) -> np.ndarray:
    """The character shingles of a short text, sorted; none for a longer one, which has words enough."""
    plain = "".join(caseless(text).split())
    if len(plain) > SHORT or not plain:
        return np.zeros(0, dtype=np.uint64)
    pieces = {plain[i : i + GRAM] for i in range(max(1, len(plain) - GRAM + 1))}
    codes = {
        int.from_bytes(
            hashlib.blake2b(p.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
        )
        for p in pieces
    }
    return np.array(sorted(codes), dtype=np.uint64)


class Index:
    """Sets of shingles, to find those whose Jaccard similarity to others reaches a threshold.

    sets: sorted distinct shingles, one set a row. A pair whose similarity reaches t shares one of the
    n − ⌈t·n⌉ + 1 rarest shingles of each (prefix filtering, Chaudhuri et al. 2006), so no pair is
    missed; an empty set is near to none.
    """

    def __init__(self, sets: Sequence[np.ndarray], threshold: float) -> None:
        self._threshold = threshold
        self._sizes = np.array([len(s) for s in sets], dtype=np.int64)
        flat = np.concatenate([*sets, np.zeros(0, dtype=np.uint64)])
        self._vocabulary, counts = np.unique(flat, return_counts=True)
        self._rank = np.empty(len(counts), dtype=np.int64)
        self._rank[np.lexsort((self._vocabulary, counts))] = np.arange(len(counts))
        self._whole, rarest = self._incidences(sets)
        self._by_shingle = rarest.T.tocsr()
        self._proposals = np.diff(self._by_shingle.indptr)

    def pairs_with(self, sets: Sequence[np.ndarray]) -> Iterator[Pairs]:
        """Yield the pairs of a set (first) and an indexed one (second) that reach the threshold."""
        if not len(self._vocabulary) or not len(sets):
            return
        sizes = np.array([len(s) for s in sets], dtype=np.int64)
        whole, rarest = self._incidences(sets)
        hits = np.append(0, np.cumsum(rarest @ self._proposals))
        begin = 0
        while begin < len(sets):
            end = max(begin + 1, int(np.searchsorted(hits, hits[begin] + HITS, "right")) - 1)
            product = (rarest[begin:end] @ self._by_shingle).tocoo()
            i, j = product.row.astype(np.int64) + begin, product.col.astype(np.int64)
            less, more = np.minimum(sizes[i], self._sizes[j]), np.maximum(sizes[i], self._sizes[j])
            likely = less >= self._threshold * more - 1e-9
            i, j = i[likely], j[likely]
            for start in range(0, len(i), CHECKED):
                a, b = i[start : start + CHECKED], j[start : start + CHECKED]
                shared = np.asarray(whole[a].multiply(self._whole[b]).sum(axis=1)).ravel()
                similarity = shared / (sizes[a] + self._sizes[b] - shared)
                near = similarity >= self._threshold - 1e-9
                yield Pairs(a[near], b[near], similarity[near])
            begin = end

    def _incidences(self, sets: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Two sparse matrices (sets, indexed shingles) of ones: all of a set's, and its rarest."""
        from scipy.sparse import csr_matrix

        sizes = np.array([len(s) for s in sets], dtype=np.int64)
        flat = np.concatenate([*sets, np.zeros(0, dtype=np.uint64)])
        places = np.searchsorted(self._vocabulary, flat)
        places = np.minimum(places, max(0, len(self._vocabulary) - 1))
        indexed = self._vocabulary[places] == flat if len(self._vocabulary) else flat > flat
        # A shingle that is not indexed is rarer than any other.
        rank = np.where(indexed, self._rank[places] if len(places) else 0, -1)
        owner = np.repeat(np.arange(len(sets)), sizes)
        order = np.lexsort((rank, owner))
        nth = np.arange(len(flat)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        # A rounding error must not cost a shingle: 0.7 · 10 is 7, not 7.000000000000001.
        prefix = sizes - np.ceil(self._threshold * sizes - 1e-9).astype(np.int64) + 1
        rarest = order[(nth < np.repeat(prefix, sizes)) & indexed[order]]
        shape = (len(sets), len(self._vocabulary))

        def ones(chosen: np.ndarray) -> Any:
            data = np.ones(len(chosen), dtype=np.int32)
            return csr_matrix((data, (owner[chosen], places[chosen])), shape=shape)

        return ones(np.flatnonzero(indexed)), ones(rarest)


CHECKED = 50_000
"""Pairs whose shared shingles are counted at once."""

BLOCK = 10_000
"""Texts that are read and compared at once."""


PENDING = 2_000_000
"""Pairs that wait to be joined, so that memory stays small however many there are."""


class Groups:
    """Groups of rows, joined by pairs of positions: two rows are in one if a chain of pairs joins them."""

    def __init__(self, rows: int) -> None:
        self._labels = np.arange(rows)
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        """Join the groups of each pair of positions."""
        fresh = self._labels[first] != self._labels[second]
        self._pending.append((first[fresh], second[fresh]))
        self._count += int(fresh.sum())
        if self._count > PENDING:
            self._settle()

    def join_equal(self, codes: np.ndarray) -> None:
        """Join the rows with the same code; a negative one joins nothing."""
        with_value = np.flatnonzero(codes >= 0)
        _, first_of, group = np.unique(codes[with_value], return_index=True, return_inverse=True)
        self.join(with_value, with_value[first_of][group])

    @property
    def labels(self) -> np.ndarray:
        """The number of each row's group, (rows,)."""
        self._settle()
        return self._labels

    def _settle(self) -> None:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        if not self._count:
            return
        own = np.arange(len(self._labels))
        # A row is joined with the first of its group, so that earlier pairs need not be kept.
        _, first_of, group = np.unique(self._labels, return_index=True, return_inverse=True)
        i = np.concatenate([own, *(pair[0] for pair in self._pending)])
        j = np.concatenate([first_of[group], *(pair[1] for pair in self._pending)])
        ones = np.ones(len(i), dtype=bool)
        links = coo_matrix((ones, (i, j)), shape=(len(own), len(own)))
        self._labels = np.asarray(connected_components(links, directed=False)[1])
        self._pending, self._count = [], 0
