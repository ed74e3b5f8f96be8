"""Near-duplicates: the kept row that each row is nearly the same as.

Guarantee: no pair that reaches the threshold is missed while a row resembles no more than MOST kept
rows. Accepted: a row that resembles more is compared with the MOST likeliest, so that time grows with
the rows and not with their square; the number of such rows is reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.alike.shingles import overlap_mask, shingles, similarities
from curation.alike.sides import Part
from curation.dataset import Progress

MOST = 100
"""Kept rows that one shingle proposes for a comparison, and that one row is compared with."""


def side(parts: Sequence[Part]) -> np.ndarray:
    """The shingles of one side of an example."""
    return shingles("\n".join(text for _, text in parts))


def candidates(
    sets: Sequence[np.ndarray], threshold: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each set the shingles that propose near sets, and in how many sets each shingle stands.

    A pair whose Jaccard similarity reaches t shares one of the n − ⌈t·n⌉ + 1 rarest shingles of each
    (prefix filtering, Chaudhuri et al. 2006), so that no pair is missed. Shingles that
    stand in one set propose no other and are left out.
    """
    sizes = np.array([len(s) for s in sets], dtype=np.int64)
    if not sizes.sum():
        return [np.zeros(0, dtype=np.int64) for _ in sets], [np.zeros(0) for _ in sets]
    flat = np.concatenate([s for s in sets if len(s)])
    distinct, number, counts = np.unique(flat, return_inverse=True, return_counts=True)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.lexsort((distinct, counts))] = np.arange(len(distinct))
    owner = np.repeat(np.arange(len(sets)), sizes)
    place = rank[number]
    order = np.lexsort((place, owner))
    starts = np.cumsum(sizes) - sizes
    nth = np.arange(len(flat)) - np.repeat(starts, sizes)
    # A rounding error must not cost a shingle: 0.7 · 10 is 7, not 7.000000000000001.
    prefix = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    chosen = (nth < np.repeat(prefix, sizes)) & (counts[number[order]] > 1)
    ends = np.cumsum(np.bincount(owner[chosen], minlength=len(sets)))
    proposals = np.split(place[order][chosen], ends[:-1])
    return proposals, np.split(counts[number], np.cumsum(sizes)[:-1])


@dataclass(frozen=True)
class Side:
    """One side of an example as a sorted set of shingles, and in how many examples each stands."""

    shingles: np.ndarray
    common: np.ndarray

    def fills_otherwise(self, other: Side) -> bool:
        """Whether the two fill one template with different words.

        Their common shingles stand in three rows or more, and their own ones are much rarer on both
        sides. An edited copy is no such case, because it lacks shingles that most others have.
        """
        in_other = overlap_mask(self.shingles, other.shingles)
        in_self = overlap_mask(other.shingles, self.shingles)
        if in_other.all() or in_self.all() or not in_other.any():
            return False
        usual = float(np.median(self.common[in_other]))
        apart = self.common[~in_other], other.common[~in_self]
        return usual >= 3 and all(np.mean(part < usual * RARER) >= MOSTLY for part in apart)


RARER, MOSTLY = 2 / 3, 0.8
"""A slot's words stand in fewer rows than two thirds of those that share the template; most of them."""

CHECKED = 8
"""Kept rows, the nearest first, that are checked for sharing no more than a template."""


@dataclass
class Nearest:
    """The kept row that each row is nearly the same as.

    leader: positions, (rows,); a row's own where it is kept. similarity: to the leader. rivals: pairs
    of kept rows whose prompts are nearly the same and whose labels differ. cut: rows that resemble
    more kept rows than they were compared with.
    """

    leader: np.ndarray
    similarity: np.ndarray
    rivals: list[tuple[int, int]]
    cut: int


def nearest_kept(
    sides: Sequence[Sequence[np.ndarray]],
    order: Sequence[int] | np.ndarray,
    threshold: float,
    progress: Progress,
    labelled: np.ndarray | None = None,
) -> Nearest:
    """Drop, in an order of preference, each row that is near a row that is kept.

    sides: one or two lists of sorted sets, one set a row; two rows are near when every side reaches
    the threshold and none fills a template otherwise. labelled: rows whose second side is a label,
    which does not help to find a pair. A row resembling more than MOST kept rows is compared with
    those that share most of its rarest shingles, so that time grows with the rows and not with
    their square.
    """
    rows = len(sides[0])
    near = Nearest(np.arange(rows), np.ones(rows), [], 0)
    copies = _copies(sides, order)
    distinct = [int(i) for i in order if copies[i] == i]
    of_label = [labelled is not None and bool(labelled[i]) for i in distinct]
    sets = [
        _joined([s[i] for s in sides], alone) for i, alone in zip(distinct, of_label, strict=True)
    ]
    proposals, common = candidates(sets, threshold)
    postings: dict[int, list[int]] = {}
    kept: dict[int, list[Side]] = {}
    for done, i in enumerate(distinct):
        if done % 5_000 == 0:
            progress(done / rows, f"{done:,} of {rows:,} compared")
        rarest = proposals[done].tolist()
        own = _counted([s[i] for s in sides], common[done])
        others, cut = _proposed(rarest, postings)
        near.cut += cut
        best, score = _best(own, [kept[j] for j in others], threshold)
        if best >= 0:
            near.leader[i], near.similarity[i] = others[best], score
            continue
        if of_label[done]:
            near.rivals += [(i, j) for j in _similar_prompts(own[0], kept, others, threshold)]
        if rarest:
            kept[i] = own
        for shingle in rarest:
            rows_with_it = postings.setdefault(shingle, [])
            if len(rows_with_it) < MOST:
                rows_with_it.append(i)
    near.leader = near.leader[copies]
    near.similarity = near.similarity[copies]
    return near


def _copies(sides: Sequence[Sequence[np.ndarray]], order: Sequence[int] | np.ndarray) -> np.ndarray:
    """For each row the first one, in that order, with equal sets."""
    first: dict[bytes, int] = {}
    copies = np.arange(len(sides[0]))
    for i in (int(i) for i in order):
        if len(sides) == 1 and not len(sides[0][i]):  # the compared side is empty
            continue
        whole = hashlib.blake2b(b"\0".join(s[i].tobytes() for s in sides), digest_size=16).digest()
        copies[i] = first.setdefault(whole, i)
    return copies


def _counted(sets: Sequence[np.ndarray], common: np.ndarray) -> list[Side]:
    """The sides of a row. A label is not counted, so each of its shingles gets 1."""
    counted, start = [], 0
    for s in sets:
        counts = common[start : start + len(s)]
        counted.append(Side(s, counts if len(counts) == len(s) else np.ones(len(s))))
        start += len(s)
    return counted


def _joined(sets: Sequence[np.ndarray], first_only: bool) -> np.ndarray:
    """The sets of all sides as one; equal shingles of two sides become different ones."""
    if len(sets) == 1 or first_only:
        return sets[0]
    return np.concatenate([s ^ np.uint64(k * 0x5851F42D4C957F2D) for k, s in enumerate(sets)])


def _proposed(shingles_: Sequence[int], postings: dict[int, list[int]]) -> tuple[list[int], bool]:
    """Kept rows that share some of the shingles, and whether there were more than are compared."""
    lists = [postings[s] for s in shingles_ if s in postings]
    if not lists:
        return [], False
    if len(lists) == 1:
        return lists[0], len(lists[0]) >= MOST
    full = any(len(p) >= MOST for p in lists)
    rows, hits = np.unique(np.concatenate([np.array(p) for p in lists]), return_counts=True)
    if len(rows) > MOST:
        rows = np.sort(rows[np.argsort(-hits, kind="stable")[:MOST]])
        full = True
    return rows.tolist(), full


def _best(
    own: Sequence[Side], others: Sequence[Sequence[Side]], threshold: float
) -> tuple[int, float]:
    """Return the other that is nearest on its less similar side, and that similarity; -1 for none."""
    if not others:
        return -1, 0.0
    least = np.minimum.reduce(
        [similarities(a.shingles, [o[k].shingles for o in others]) for k, a in enumerate(own)]
    )
    for k in np.argsort(-least, kind="stable")[:CHECKED].tolist():
        if least[k] < threshold:
            break
        if not any(a.fills_otherwise(b) for a, b in zip(own, others[k], strict=True)):
            return k, float(least[k])
    return -1, 0.0


def _similar_prompts(
    own: Side, kept: dict[int, list[Side]], rows: Sequence[int], threshold: float
) -> list[int]:
    """The kept rows among `rows` whose prompts are nearly the same."""
    others = [kept[j][0] for j in rows]
    similar = similarities(own.shingles, [o.shingles for o in others]) >= threshold
    chosen = [k for k in np.flatnonzero(similar).tolist() if not own.fills_otherwise(others[k])]
    return [rows[k] for k in chosen]
