"""Pairs of texts that are copies of each other by their words, and groups of rows that pairs join.

Guarantee: no pair that reaches the threshold is missed. Accepted: time grows with the number of pairs
that share a rare run of words, which is their square where very many rows fill one long template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.alike.incidence import Incidence, Outlines, by_rarity, rarest
from curation.alike.keys import text_keys
from curation.alike.numbers import Templates
from curation.alike.sets import Sets, numbered
from curation.alike.shingles import character_sets, shingle_sets
from curation.alike.work import AT_ONCE, Arrays, Work
from curation.dataset import Progress, part_of, silent

COPY = 0.8
"""Jaccard similarity of the shingles of two texts from which one counts as a copy of the other."""

SHORT_COPY = 0.9
"""The same for the characters of short texts: below it, texts of one template are no copies."""

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


def gathered(parts: Iterable[Pairs], least: int = 20_000) -> Iterator[Pairs]:
    """Yield the pairs of parts in parts of that size or more; the last may be smaller."""
    waiting, count = list[Pairs](), 0
    for part in parts:
        waiting.append(part)
        count += len(part.first)
        if count >= least:
            yield joined(waiting)
            waiting, count = [], 0
    yield joined(waiting)


class Texts:
    """Texts by position, read when they are needed, so that a million long ones are never held twice.

    parts: columns of texts; a text is the row of their parts that are not empty, joined by blank lines.
    keys: of each part, see `curation.alike.keys`; made of the parts unless given. places: of the texts in
    the columns; all in order unless given. answers: whether a text is empty where its last part is. codes:
    (texts,), equal for equal texts.
    """

    def __init__(
        self,
        *parts: pd.Series,
        keys: Sequence[np.ndarray] = (),
        places: np.ndarray | None = None,
        answers: bool = False,
    ) -> None:
        self._parts, self._places, self._answers = parts, places, answers
        keys = keys or [text_keys(part if places is None else part.iloc[places]) for part in parts]
        self.codes = numbered(*(column for key in keys for column in key.T))

    def __len__(self) -> int:
        return len(self.codes)

    def read(self, positions: np.ndarray) -> list[str]:
        """The texts at some positions."""
        return whole_texts(self.parts_of(positions))

    def parts_of(self, positions: np.ndarray) -> pd.DataFrame:
        """The parts of the texts at some positions."""
        places = positions if self._places is None else self._places[positions]
        some = (part.iloc[places].fillna("").reset_index(drop=True) for part in self._parts)
        frame = pd.DataFrame(dict(enumerate(some)))
        if self._answers:
            last = frame[len(self._parts) - 1]
            frame = frame.apply(lambda part: part.where(last != "", ""))
        return frame

    def differ_in_numbers(self, pairs: Pairs) -> np.ndarray:
        """A mask of the pairs of texts that are equal but for their numbers."""
        positions, places = np.unique(
            np.concatenate([pairs.first, pairs.second]), return_inverse=True
        )
        i, j = np.split(places, 2)
        return Templates(self.read(positions)).differ(i, j)


def whole_texts(parts: pd.DataFrame) -> list[str]:
    """The parts of each row that are not empty, joined by blank lines."""
    columns = [parts[name].tolist() for name in parts]
    return ["\n\n".join(filter(None, row)) for row in zip(*columns, strict=True)]


def sets_of(parts: pd.DataFrame, short: bool) -> Arrays:
    """The shingles of texts, of short ones the runs of characters; see `Sets`."""
    texts = whole_texts(parts)
    sets = character_sets(texts) if short else shingle_sets(texts)
    return {"values": sets.values, "sizes": sets.sizes}


def word_copies(
    texts: Texts,
    apart: np.ndarray | None = None,
    looked: np.ndarray | None = None,
    progress: Progress = silent,
    work: Work = AT_ONCE,
) -> Iterator[Pairs]:
    """Yield the pairs of texts with nearly the same words, without those that differ in numbers alone.

    apart: a value for each text; two texts with the same value are not compared. Of equal texts with
    the same value only the first is compared; equal ones without `apart` are no pair. looked: a mask;
    of each pair at least one text is looked at. Memory grows with the shingles of these, all unless given.
    """
    sides = np.zeros(len(texts), dtype=np.int64) if apart is None else apart.astype(np.int64)
    _, first = np.unique(texts.codes * (sides.max(initial=0) + 1) + sides, return_index=True)
    first = np.sort(first)
    mask = np.ones(len(first), dtype=bool) if looked is None else looked[first]
    own, others = first[mask], first[~mask]
    if not len(own):
        return
    for n, (short, enough) in enumerate(((False, COPY), (True, SHORT_COPY))):
        part = part_of(progress, n, 2)
        sets = [Sets.joined(_sets(texts, own, short, work))]
        near = _between(sets, _sets(texts, others, short, work), enough, part)
        for pairs in gathered(near):  # a block has few, and to read texts takes as long for one
            in_others = pairs.first >= len(own)
            i = own[np.where(in_others, 0, pairs.first)]
            i[in_others] = others[pairs.first[in_others] - len(own)]
            copies = Pairs(own[pairs.second], i, pairs.similarity)
            if apart is not None:
                copies = copies.where(apart[copies.first] != apart[copies.second])
            yield copies.where(~texts.differ_in_numbers(copies))


def _sets(texts: Texts, positions: np.ndarray, short: bool, work: Work) -> Iterator[Sets]:
    """Yield the shingles of the texts at some positions, a part after the other."""
    for block in _blocks(positions):
        for arrays in work.in_batches(sets_of, texts.parts_of(block), short=short):
            yield Sets(arrays["values"], arrays["sizes"])


def _between(
    among: list[Sets], others: Iterable[Sets], threshold: float, progress: Progress
) -> Iterator[Pairs]:
    """Yield the pairs among some sets, and those of another (first, counted after them) and one of them.

    among: holds the sets, and is emptied, so that they are let go where there are no others.
    """
    index, begin, rest = None, len(among[0]), iter(others)
    first = list(islice(rest, 1))
    kept = among[:] if first else []
    yield from near_among(among.pop(), threshold, progress)
    for some in chain(first, rest):
        index = index or Index(kept.pop(), threshold)
        progress(1.0, f"{begin:,} compared by words")
        for pairs in index.pairs_with(some):
            yield pairs._replace(first=pairs.first + begin)
        begin += len(some)


def _blocks(positions: np.ndarray) -> Iterator[np.ndarray]:
    """Positions in parts of BLOCK."""
    for start in range(0, len(positions), BLOCK):
        yield positions[start : start + BLOCK]


def near_among(sets: Sets, threshold: float, progress: Progress = silent) -> Iterator[Pairs]:
    """Yield the pairs of sets (first after second) that reach a threshold; an empty set is near to none.

    A set is compared with those that are not smaller and not larger by more than the threshold allows.
    """
    whole = Incidence(sets)
    del sets  # what is compared from here on is a fraction of it
    outlines = Outlines(whole.matrix, whole.sizes)
    order = np.argsort(whole.sizes, kind="stable")
    sizes, ranked = whole.sizes[order], by_rarity(whole.matrix[order])
    seeking = _ones(rarest(ranked, sizes, threshold))
    # Two sets of which one is no smaller share more than t of the smaller: 2t / (1 + t) of it.
    proposing = _ones(rarest(ranked, sizes, 2 * threshold / (1 + threshold)))
    del ranked
    least = np.searchsorted(sizes, np.ceil(threshold * sizes - 1e-9))
    for start in range(0, len(sizes), ACROSS):
        stop = min(start + ACROSS, len(sizes))
        by_shingle = proposing[least[start] : stop].T.tocsr()
        hits = np.append(0, np.cumsum(seeking[start:stop] @ np.diff(by_shingle.indptr)))
        begin = 0
        while begin < stop - start:
            end = max(begin + 1, int(np.searchsorted(hits, hits[begin] + HITS, "right")) - 1)
            product = (seeking[start + begin : start + end] @ by_shingle).tocoo()
            i = product.row.astype(np.int64) + start + begin
            j = product.col.astype(np.int64) + least[start]
            likely = (j < i) & (j >= least[i])
            i, j = order[i[likely]], order[j[likely]]
            alike = outlines.may_reach(i, outlines, j, threshold)
            yield from _near(whole, i[alike], j[alike], threshold)
            begin = end
        progress(stop / len(sizes), f"{stop:,} of {len(sizes):,} compared by words")


def _ones(matrix: Any) -> Any:
    matrix = matrix.astype(np.int32)
    matrix.data[:] = 1
    return matrix


def _near(whole: Incidence, i: np.ndarray, j: np.ndarray, threshold: float) -> Iterator[Pairs]:
    """Yield those of some pairs of sets that reach a threshold."""
    for start in range(0, len(i), CHECKED):
        a, b = i[start : start + CHECKED], j[start : start + CHECKED]
        shared = np.diff(whole.matrix[a].multiply(whole.matrix[b]).tocsr().indptr)
        similarity = shared / (whole.sizes[a] + whole.sizes[b] - shared)
        near = similarity >= threshold - 1e-9
        a, b = a[near], b[near]
        yield Pairs(np.maximum(a, b), np.minimum(a, b), similarity[near])


class Index:
    """Sets of shingles, to find those whose Jaccard similarity to others reaches a threshold.

    sets: sorted distinct shingles, one set a row. A pair whose similarity reaches t shares one of the
    n − ⌈t·n⌉ + 1 rarest shingles of each (prefix filtering, Chaudhuri et al. 2006), so no pair is
    missed; an empty set is near to none.
    """

    def __init__(self, sets: Sets | Sequence[np.ndarray], threshold: float) -> None:
        sets = Sets.of(sets)
        self._threshold = threshold
        self._sizes = sets.sizes
        self._vocabulary, counts = np.unique(sets.values, return_counts=True)
        self._rank = np.empty(len(counts), dtype=np.int64)
        self._rank[np.lexsort((self._vocabulary, counts))] = np.arange(len(counts))
        self._whole, rarest = self._incidences(sets)
        self._outlines = Outlines(self._whole, self._sizes)
        self._by_shingle = rarest.T.tocsr()
        self._proposals = np.diff(self._by_shingle.indptr)

    def pairs_with(self, sets: Sets | Sequence[np.ndarray]) -> Iterator[Pairs]:
        """Yield the pairs of a set (first) and an indexed one (second) that reach the threshold."""
        sets = Sets.of(sets)
        if not len(self._vocabulary) or not len(sets):
            return
        sizes = sets.sizes
        whole, rarest = self._incidences(sets)
        outlines = Outlines(whole, sizes)
        hits = np.append(0, np.cumsum(rarest @ self._proposals))
        begin = 0
        while begin < len(sets):
            end = max(begin + 1, int(np.searchsorted(hits, hits[begin] + HITS, "right")) - 1)
            product = (rarest[begin:end] @ self._by_shingle).tocoo()
            i, j = product.row.astype(np.int64) + begin, product.col.astype(np.int64)
            likely = outlines.may_reach(i, self._outlines, j, self._threshold)
            i, j = i[likely], j[likely]
            for start in range(0, len(i), CHECKED):
                a, b = i[start : start + CHECKED], j[start : start + CHECKED]
                shared = np.asarray(whole[a].multiply(self._whole[b]).sum(axis=1)).ravel()
                similarity = shared / (sizes[a] + self._sizes[b] - shared)
                near = similarity >= self._threshold - 1e-9
                yield Pairs(a[near], b[near], similarity[near])
            begin = end

    def _incidences(self, sets: Sets) -> tuple[Any, Any]:
        """Two sparse matrices (sets, indexed shingles, the rarest first) of ones: all, and the rarest."""
        from scipy.sparse import csr_matrix

        sizes, count = sets.sizes, len(self._vocabulary)
        places = np.searchsorted(self._vocabulary, sets.values)
        places = np.minimum(places, max(0, count - 1))
        some = np.flatnonzero(self._vocabulary[places] == sets.values) if count else places[:0]
        owner = np.repeat(np.arange(len(sets)), sizes)[some]
        owner, ranks = np.divmod(np.sort(owner * count + self._rank[places[some]]), max(1, count))
        indexed = np.bincount(owner, minlength=len(sets))
        ends = np.append(0, np.cumsum(indexed))
        # A shingle that is not indexed is rarer than any other.
        nth = np.arange(len(owner)) - (ends[1:] - sizes)[owner]
        # A rounding error must not cost a shingle: 0.7 · 10 is 7, not 7.000000000000001.
        prefix = sizes - np.ceil(self._threshold * sizes - 1e-9).astype(np.int64) + 1
        rarest = np.flatnonzero(nth < prefix[owner])

        def ones(chosen: np.ndarray, ends: np.ndarray) -> Any:
            data = np.ones(len(chosen), dtype=np.int32)
            return csr_matrix((data, ranks[chosen], ends), shape=(len(sets), count))

        return ones(np.arange(len(ranks)), ends), ones(rarest, np.searchsorted(rarest, ends))


CHECKED = 50_000
"""Pairs whose shared shingles are counted at once."""

BLOCK = 100_000
"""Texts that are read at once."""

ACROSS = 50_000
"""Sets that are compared at once at most."""


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
