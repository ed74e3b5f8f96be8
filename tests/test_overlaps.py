"""The nearest row of another set, by shared shingles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.alike import jaccard, overlaps, shingles
from curation.alike.overlaps import greatest_jaccard

SETS = st.lists(st.sets(st.integers(0, 12), max_size=6), max_size=9)


def arrays(sets):
    return [np.array(sorted(s), dtype=np.uint64) for s in sets]


@given(SETS, SETS, st.integers(1, 4))
def test_each_row_finds_the_other_that_shares_most(sets, others, block):
    sets, others = arrays(sets), arrays(others)
    before, overlaps.BLOCK = overlaps.BLOCK, block
    try:
        similarity, nearest = greatest_jaccard(sets, others)
    finally:
        overlaps.BLOCK = before
    for own, value, position in zip(sets, similarity, nearest, strict=True):
        scores = [jaccard(own, other) if len(own) and len(other) else 0.0 for other in others]
        best = max(scores, default=0.0)
        assert value == best
        assert position == (scores.index(best) if best else -1)


def test_a_text_and_its_edited_copy_are_near():
    words = " ".join(f"word{n}" for n in range(40))
    similarity, nearest = greatest_jaccard(
        [shingles(f"{words} indeed"), shingles("another text altogether, with other words")],
        [shingles("nothing of the kind stands here at all"), shingles(words)],
    )
    assert similarity[0] > 0.9 and nearest.tolist() == [1, -1]
