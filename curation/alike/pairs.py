"""Pairs of texts that are copies of each other by their words, and groups of rows that pairs join.

Guarantee: no pair that reaches the threshold is missed. Accepted: time grows with the number of pairs
that share a rare run of words, which is their square where very many rows fill one long template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from curation.alike.near_duplicates import candidates
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


def word_copies(
    texts: Sequence[str], apart: np.ndarray | None = None, progress: Progress = silent
) -> Iterator[Pairs]:
    """Yield the pairs of texts with nearly the same words, without those that differ in numbers alone.

    apart: a value for each text; two texts with the same value are not compared. Of equal texts with
    the same value only the first is compared; equal ones without `apart` are no pair.
    """
    first = distinct(texts, apart)
    chosen = [texts[i] for i in first]
    sides = None if apart is None else apart[first]
    templates = Templates(chosen)
    for n, (sets_of, enough) in enumerate(((shingles, COPY), (character_grams, SHORT_COPY))):
        sets = [sets_of(text) for text in chosen]
        for pairs in near_pairs(sets, enough, sides, part_of(progress, n, 2)):
            copies = pairs.where(~templates.differ(pairs.first, pairs.second))
            yield Pairs(first[copies.first], first[copies.second], copies.similarity)


def distinct(texts: Sequence[str], apart: np.ndarray | None = None) -> np.ndarray:
    """The positions of the first of equal texts, for each value of `apart`; sorted."""
    sides = [""] * len(texts) if apart is None else apart.tolist()
    places = dict[tuple[str, object], int]()
    for i, key in enumerate(zip(texts, sides, strict=True)):
        places.setdefault(key, i)
    return np.fromiter(places.values(), dtype=np.int64, count=len(places))


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


def near_pairs(
    sets: Sequence[np.ndarray],
    threshold: float,
    apart: np.ndarray | None = None,
    progress: Progress = silent,
) -> Iterator[Pairs]:
    """Yield all pairs of sets whose Jaccard similarity reaches a threshold, in blocks.

    sets: sorted distinct shingles, one set a row. apart: a value for each set; two sets with the
    same value are no pair. Two empty sets are no pair.
    """
    from scipy.sparse import csr_matrix

    proposals, _ = candidates(sets, threshold)
    sizes = np.array([len(s) for s in sets], dtype=np.int64)
    lengths = np.array([len(p) for p in proposals], dtype=np.int64)
    flat = np.concatenate([*proposals, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    if not len(flat):
        return
    ranks, columns, counts = np.unique(flat, return_inverse=True, return_counts=True)
    starts = np.append(0, np.cumsum(lengths))
    proposed = csr_matrix(
        (np.ones(len(flat), dtype=np.int32), columns, starts), shape=(len(sets), len(ranks))
    )
    by_shingle = proposed.T.tocsr()
    hits = np.append(0, np.cumsum(proposed @ counts.astype(np.int64)))
    whole = _incidence(sets)
    begin = 0
    while begin < len(sets):
        end = max(begin + 1, int(np.searchsorted(hits, hits[begin] + HITS, "right")) - 1)
        product = (proposed[begin:end] @ by_shingle).tocoo()
        i, j = product.row.astype(np.int64) + begin, product.col.astype(np.int64)
        likely = (j > i) & (
            np.minimum(sizes[i], sizes[j]) >= threshold * np.maximum(sizes[i], sizes[j]) - 1e-9
        )
        if apart is not None:
            likely &= apart[i] != apart[j]
        yield _checked(i[likely], j[likely], whole, sizes, threshold)
        begin = end
        progress(begin / len(sets), f"{begin:,} of {len(sets):,} compared by words")


def _incidence(sets: Sequence[np.ndarray]) -> Any:
    """A sparse matrix (sets, shingles) of ones where a set has a shingle."""
    from scipy.sparse import csr_matrix

    flat = np.concatenate(sets)
    vocabulary, columns = np.unique(flat, return_inverse=True)
    starts = np.append(0, np.cumsum([len(s) for s in sets]))
    shape = (len(sets), len(vocabulary))
    return csr_matrix((np.ones(len(flat), dtype=np.int32), columns, starts), shape=shape)


def _checked(
    i: np.ndarray, j: np.ndarray, whole: Any, sizes: np.ndarray, threshold: float
) -> Pairs:
    """The pairs whose similarity, computed of all their shingles, reaches the threshold."""
    parts = [NO_PAIRS]
    for start in range(0, len(i), 50_000):
        a, b = i[start : start + 50_000], j[start : start + 50_000]
        shared = np.asarray(whole[a].multiply(whole[b]).sum(axis=1)).ravel()
        similarity = shared / (sizes[a] + sizes[b] - shared)
        near = similarity >= threshold - 1e-9
        parts.append(Pairs(a[near], b[near], similarity[near]))
    return Pairs(*(np.concatenate(values) for values in zip(*parts, strict=True)))


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
