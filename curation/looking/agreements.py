"""Agreement on every question of a project, each measured as its kind allows.

Of free text nothing is measured. Of marked stretches the overlap of each two people is given as F1 over
code points: it is no alpha, as there is no list of places that could have been marked by chance.
Source: Hripcsak and Rothschild, "Agreement, the F-measure, and reliability in information retrieval",
2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.looking.agreement import (
    FEWEST,
    QUESTIONS,
    Agreement,
    Coefficient,
    agreement,
    disagreements,
    periods,
)
from curation.looking.units import MEASURED, units
from curation.questions import Question

WHY = (
    "Marked stretches have no coefficient; the share is F1, the overlap of what two people marked."
)

Marks = dict[tuple[int, str], list[tuple[int, int]]]
"""Turn and option → the marked stretches, from start to before end, in order and apart."""


def agreements(
    opinions: pd.DataFrame, questions: Sequence[Question], fewest: int = FEWEST
) -> list[Agreement]:
    """Return the agreement on each answered question: those of every project, then the lead's.

    opinions: as `State.opinions_frame`. fewest: as for `agreement`.
    """
    results = [agreement(opinions, name, fewest) for name in QUESTIONS]
    for question in questions:
        if question.kind == "spans":
            results.append(overlap(opinions, question))
        elif question.kind in MEASURED:
            results.append(agreement(opinions, question, fewest))
    return [result for result in results if result is not None]


def overlap(opinions: pd.DataFrame, question: Question) -> Agreement | None:
    """Return how far people marked the same stretches; None where nobody answered.

    Its `same` is F1 over all pairs of answers about one example, that of a pair F1 over the examples
    that the two share. Two people who both marked nothing agree, and count for nothing.
    """
    rows = units(opinions, question, "spans")
    marks = [_marks(text) for text in rows["value"]]
    rows = rows.assign(marks=pd.Series(marks, index=rows.index, dtype=object))
    nameless, rows = int((rows["who"] == "").sum()), rows[rows["who"] != ""].reset_index(drop=True)
    if rows.empty:
        return None
    size = rows.groupby("example")["who"].transform("size")
    shared = rows[size > 1].assign(code=pd.factorize(rows["value"])[0][(size > 1).to_numpy()])
    sums: dict[tuple[str, str], list[int]] = {}
    for _, group in shared.sort_values("who").groupby("example"):
        for (first, a), (second, b) in combinations(
            zip(group["who"], group["marks"], strict=True), 2
        ):
            counts = sums.setdefault((first, second), [0, 0, 0])
            for place, number in enumerate((1, 2 * _both(a, b), _size(a) + _size(b))):
                counts[place] += number
    nothing = Coefficient(np.nan, np.nan, np.nan, WHY)
    lines = [
        (*pair, examples, _f1(both, all_), *nothing)
        for pair, (examples, both, all_) in sorted(sums.items(), key=lambda item: -item[1][0])
    ]
    names = ["first", "second", "examples", "same", "kappa", "low", "high", "why"]
    return Agreement(
        question=question.name,
        kind="spans",
        answers=len(rows),
        people=tuple(sorted(rows["who"].unique())),
        examples=int(rows["example"].nunique()),
        shared=int(shared["example"].nunique()),
        same=_f1(sum(s[1] for s in sums.values()), sum(s[2] for s in sums.values())),
        alpha=nothing,
        fleiss=nothing,
        pairs=pd.DataFrame(lines, columns=names),
        periods=periods(shared.iloc[:0], np.zeros((0, 0)), FEWEST),
        classes=pd.DataFrame(columns=["value", "answers", "same"]),
        disagreements=disagreements(shared),
        nameless=nameless,
    )


def _f1(both: int, all_: int) -> float:
    return both / all_ if all_ else np.nan


def _marks(text: str) -> Marks:
    """Return the marked stretches of an answer."""
    marks: Marks = {}
    spans: Any = orjson.loads(text) if text else []
    for span in sorted(spans, key=lambda span: int(span["start"])):
        stretches = marks.setdefault((span["turn"], span["option"]), [])
        start, end = span["start"], span["end"]
        if stretches and start <= stretches[-1][1]:
            start, end = stretches[-1][0], max(end, stretches.pop()[1])
        stretches.append((start, end))
    return marks


def _size(marks: Marks) -> int:
    return sum(end - start for stretches in marks.values() for start, end in stretches)


def _both(first: Marks, second: Marks) -> int:
    """Return how many code points both marked with the same option."""
    both = 0
    for place in first.keys() & second.keys():
        a, b = first[place], second[place]
        i = j = 0
        while i < len(a) and j < len(b):
            both += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
            i, j = (i + 1, j) if a[i][1] < b[j][1] else (i, j + 1)
    return both
