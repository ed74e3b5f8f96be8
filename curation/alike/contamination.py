"""Texts that hold what a reference text says, by runs of words that both have.

Guarantee: every run of GRAM words that stands in both texts counts, whatever stands around it, so a
question inside of a longer prompt counts too. Accepted: runs that more than COMMON reference texts
share are boilerplate and count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.alike.shingles import Gram, grams
from curation.dataset import Progress, silent

GRAM = Gram(words=8, characters=13, signs=False)
"""Length of the runs that are compared, in words, or in characters of scripts without spaces.

Signs do not count: the brackets of a worked sum make a run of 13 with a few numbers.
"""

COMMON = 10
"""Reference texts that may share a run; one that stands in more of them is left out (GPT-3's rule)."""


@dataclass(frozen=True)
class Overlaps:
    """For each text, the reference text that it holds most of, and how much; all (texts,).

    nearest: that reference's position, -1 where no run is shared. share: of its words, those in runs
    of GRAM that the text has too, 0 to 1. run: the longest such run in words; characters of a script
    without spaces count as 8 words for 13.
    """

    nearest: np.ndarray
    share: np.ndarray
    run: np.ndarray


def overlaps(
    texts: Sequence[str],
    references: Sequence[str],
    progress: Progress = silent,
    *,
    least: int = 1,
) -> Overlaps:
    """Return the share of a reference text that each text holds, and the longest run of it.

    least: words that a reference text must have to be compared; a shorter one than a run is held by
    a text that is equal to it.
    """
    result = Overlaps(
        np.full(len(texts), -1), np.zeros(len(texts)), np.zeros(len(texts), dtype=int)
    )
    pieces = [grams(text, GRAM) for text in references]
    sets = [piece.hashes if piece.units >= least else piece.hashes[:0] for piece in pieces]
    flat = np.concatenate([*sets, np.zeros(0, dtype=np.uint64)])
    owner = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    order = np.lexsort((owner, flat))
    flat, owner = flat[order], owner[order]
    fresh = np.append(True, (flat[1:] != flat[:-1]) | (owner[1:] != owner[:-1]))[: len(flat)]
    flat, owner = flat[fresh], owner[fresh]
    vocabulary, starts, counts = np.unique(flat, return_index=True, return_counts=True)
    rare = counts <= COMMON
    vocabulary, starts, counts = vocabulary[rare], starts[rare], counts[rare]
    if not len(vocabulary):
        return result
    counted = [_in(s, vocabulary) for s in sets]
    for i, text in enumerate(texts):
        own = np.unique(grams(text, GRAM).hashes)
        places = np.searchsorted(vocabulary, own)
        places = np.minimum(places, len(vocabulary) - 1)
        places = places[vocabulary[places] == own]
        if len(places):
            near = {int(o) for p in places for o in owner[starts[p] : starts[p] + counts[p]]}
            shares = [(*_shared(sets[n], counted[n], own, pieces[n].length), -n) for n in near]
            result.share[i], longest, least_number = max(shares)
            result.nearest[i] = number = -least_number
            scale = 1 if pieces[number].spaced else GRAM.words / GRAM.characters
            result.run[i] = round(longest * scale)
        if i % 2_000 == 0:
            progress(i / len(texts), f"{i:,} of {len(texts):,} compared by words")
    return result


def _in(values: np.ndarray, vocabulary: np.ndarray) -> np.ndarray:
    places = np.minimum(np.searchsorted(vocabulary, values), len(vocabulary) - 1)
    return np.asarray(vocabulary[places] == values)


def _shared(
    reference: np.ndarray, counted: np.ndarray, own: np.ndarray, length: int
) -> tuple[float, int]:
    """The share of a reference text in runs that count and that a text has, and the longest run."""
    shared = counted & np.isin(reference, own)
    covered, longest = _covered(shared, length)
    return covered / _covered(counted, length)[0], longest


def _covered(marks: np.ndarray, length: int) -> tuple[int, int]:
    """Words in the marked runs of a length, and the most words of marked runs without a gap."""
    first = np.flatnonzero(marks)
    if not len(first):
        return 0, 0
    steps = np.minimum(np.diff(first), length)
    ends = np.flatnonzero(np.append(np.diff(first) > 1, True))
    begins = np.append(0, ends[:-1] + 1)
    longest = int((first[ends] - first[begins]).max()) + length
    return int(steps.sum()) + length, longest
