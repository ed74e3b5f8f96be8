"""Answers that repeat themselves."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np

from curation.answers.rule import Pair, Rule
from curation.text.words import words_and_signs

SHARE = 0.4
"""Share of an answer from which a loop is a fault."""
_READ = 20_000
_NUMBERED = re.compile(r"^[ \t]{0,8}\d{1,4}[.)、][ \t]{0,4}", re.MULTILINE)
_TIMES = 3
"""Times that a phrase follows itself in a loop; a round of exercises or a chorus comes back less often."""
_PERIODS = 8
"""Distances between equal phrases that are tried, the most frequent first."""


@lru_cache(maxsize=1)  # the rule asks, and then the score
def repetition(text: str) -> float:
    """Return the longest loop of a text as a share of the text; 0 below 20 words.

    A loop is a phrase that follows itself at least three times, numbered or not. A chorus is no loop, nor
    is a list whose items begin alike, because the text between them differs.
    """
    start = _NUMBERED.sub("", text[:_READ].lower())
    pieces = [piece for piece in words_and_signs(start) if any(map(str.isalnum, piece))]
    if len(pieces) < 20:
        return 0.0
    last: dict[tuple[str, str, str], int] = {}
    gaps: Counter[int] = Counter()
    for i, gram in enumerate(zip(pieces, pieces[1:], pieces[2:], strict=False)):
        if gram in last:
            gaps[i - last[gram]] += 1
        last[gram] = i
    numbers = {piece: n for n, piece in enumerate(dict.fromkeys(pieces))}
    ids = np.array([numbers[piece] for piece in pieces])
    lettered = np.array([any(map(str.isalpha, piece)) for piece in pieces])
    longest = max((_looped(ids, gap, lettered) for gap, _ in gaps.most_common(_PERIODS)), default=0)
    return longest / len(pieces)


def _looped(ids: np.ndarray, gap: int, lettered: np.ndarray) -> int:
    """Words of the longest part that repeats itself at a distance, four times or more.

    A part without letters is a row of numbers, which may hold equal ones.
    """
    differs = np.flatnonzero(ids[gap:] != ids[:-gap])
    edges = np.concatenate(([-1], differs, [len(ids) - gap]))
    runs = np.diff(edges) - 1
    first = int(runs.argmax())
    run, start = int(runs[first]), int(edges[first]) + 1
    return run + gap if run >= _TIMES * gap and lettered[start : start + gap].any() else 0


def loops(pair: Pair) -> bool:
    """Tell whether more than 0.4 of an answer is one phrase that follows itself at least three times."""
    return repetition(pair.response) > SHARE


RULE = Rule("repetition_loop", "the answer repeats itself", loops, named=0, read=0, right=0)
