"""Texts that hold what a reference text says, by runs of words that both have.

Guarantee: every run of GRAM words that stands in both texts counts, whatever stands around it, so a
question inside of a longer prompt counts too. Accepted: runs that more than COMMON reference texts
share are boilerplate and count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.alike.shingles import Gram, grams, runs
from curation.alike.work import AT_ONCE, Arrays, Work
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


MARKS = 22
"""First bits of a hash by which runs are looked up that may stand in a reference text: 512 KiB of marks."""


def overlaps(
    texts: Sequence[str] | pd.Series,
    references: Sequence[str],
    progress: Progress = silent,
    *,
    least: int = 1,
    work: Work = AT_ONCE,
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
    marks = np.zeros(1 << MARKS, dtype=bool)
    marks[vocabulary >> np.uint64(64 - MARKS)] = True
    begin, frame = 0, pd.DataFrame({"text": pd.Series(texts).reset_index(drop=True)})
    for arrays in work.in_batches(likely_runs, frame, marks=np.packbits(marks)):
        ends = np.cumsum(arrays["sizes"])
        shared = np.append(0, np.cumsum(_in(arrays["hashes"], vocabulary)))
        for i in np.flatnonzero(shared[ends] > shared[ends - arrays["sizes"]]).tolist():
            own = np.unique(arrays["hashes"][ends[i] - arrays["sizes"][i] : ends[i]])
            own = own[_in(own, vocabulary)]
            places = np.searchsorted(vocabulary, own)
            near = {int(o) for p in places for o in owner[starts[p] : starts[p] + counts[p]]}
            shares = [(*_shared(sets[n], counted[n], own, pieces[n].length), -n) for n in near]
            result.share[begin + i], longest, least_number = max(shares)
            result.nearest[begin + i] = number = -least_number
            scale = 1 if pieces[number].spaced else GRAM.words / GRAM.characters
            result.run[begin + i] = round(longest * scale)
        begin += len(ends)
        progress(begin / max(1, len(texts)), f"{begin:,} of {len(texts):,} compared by words")
    return result


def likely_runs(rows: pd.DataFrame, marks: np.ndarray) -> Arrays:
    """The runs of texts whose first bits are marked, one text after the other, and their number.

    marks: bits, packed, for each MARKS first bits of a hash.
    """
    some = runs(rows["text"].tolist(), GRAM)
    likely = np.unpackbits(marks).view(bool)[some.hashes >> np.uint64(64 - MARKS)]
    ends = np.append(0, np.cumsum(likely))[np.append(0, np.cumsum(some.sizes))]
    return {"hashes": some.hashes[likely], "sizes": np.diff(ends)}


def words_of(rows: pd.DataFrame) -> Arrays:
    """The number of words of each text that runs are made of, or of its characters."""
    return {"units": runs(rows["text"].tolist(), GRAM).units}


def _in(values: np.ndarray, vocabulary: np.ndarray) -> np.ndarray:
    """A mask of the values that a sorted array holds."""
    if not len(vocabulary):
        return np.zeros(len(values), dtype=bool)
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
