"""Concepts: the probability that an example belongs to a class that people marked by examples."""

from __future__ import annotations

import numpy as np

from curation.dataset import Dataset
from curation.decisions.state import State
from curation.looking.search import Hits, best
from curation.operations.concept import Marks, average_precision, in_order, probability


def ranked(dataset: Dataset, people: State, tag: str) -> tuple[np.ndarray, float | None]:
    """Return each example's probability of a concept, (rows,), and the marks' average precision.

    The dataset needs vectors, and at least one example marked as belonging to the concept.
    """
    assert dataset.vectors is not None
    order = in_order(dataset.rows.index)
    marks = Marks.of(dataset.rows.index[order], people, tag)
    vectors = dataset.vectors.of_rows(order)
    scores = np.empty(len(order))
    scores[order] = probability(vectors, marks)
    return scores, average_precision(vectors, marks)


def taken(scores: np.ndarray, top: int, among: np.ndarray, *, unsure: bool) -> Hits:
    """Return the most likely examples, or the unsure ones: their probability is nearest to 0.5."""
    positions = best(-np.abs(scores - 0.5) if unsure else scores, top, among).positions
    return Hits(positions, scores[positions])
