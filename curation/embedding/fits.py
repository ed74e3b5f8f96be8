"""Fit of each answer to its own prompt, compared with the prompts and answers of other rows.

The vectors of prompts are mapped to those of answers, and back, by a ridge regression towards the
identity: with few rows it is the plain cosine, with many it learns what answers of this data look
like. A row is always judged by a map that it was not part of.

Guarantee: the work grows with the rows, not with their pairs. Accepted: the others of a row are a
fixed sample, so a share is right to a few hundredths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.embedding.neighbours import BLOCK, nearest_in

FOLDS = 5

PULL = 1.0
"""Strength of the pull towards the identity, in rows that say nothing else."""

SAMPLE = 1_000
"""Other rows that each is compared with: the first, whose ids are hashes and so a random draw."""

NEAR = 10
"""Nearest of the sample whose mean says how near a vector is to everything; of few rows, a tenth."""


@dataclass(frozen=True)
class Sides:
    """Vectors of prompts and of answers, both (rows, width), and equal numbers for equal texts."""

    prompts: np.ndarray
    answers: np.ndarray
    prompt_codes: np.ndarray
    answer_codes: np.ndarray


def fits(sides: Sides) -> np.ndarray:
    """The share of other prompts and answers that fit a row worse than its own, (rows,), 0 to 1.

    1 where nothing fits better, about 0.5 for a row whose answer was swapped. Similarities are
    corrected for what is near to everything (CSLS, Conneau et al. 2018). Rows with the same prompt or
    the same answer are not compared. NaN where no other row is left.
    """
    shares = [_shares(_mapped(one, other), other, sides) for one, other in _both(sides)]
    fit: np.ndarray = np.mean(shares, axis=0)
    return fit


def best_prompts(sides: Sides, rows: np.ndarray) -> np.ndarray:
    """The row whose prompt fits best to the answer of each of some rows, positions as `rows`."""
    (prompts, answers), _ = _both(sides)
    mapped = _mapped(prompts, answers)
    near, similarities = nearest_in(answers[rows], mapped, NEAR)
    pull = np.array([_pull(mapped[some] @ answers[:SAMPLE].T) for some in near])
    # The last digits differ between machines; among equals the first row is named.
    scores = np.round(similarities - pull / 2, 4)
    equals = scores == scores.max(axis=1, keepdims=True)
    best: np.ndarray = np.where(equals, near, len(mapped)).min(axis=1)
    return best


def _both(sides: Sides) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    prompts, answers = (_unit(part - part.mean(axis=0)) for part in (sides.prompts, sides.answers))
    return (prompts, answers), (answers, prompts)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _mapped(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The vectors of one side as they would lie on the other, by the rows of the other folds."""
    fold = np.arange(len(one)) % FOLDS
    identity = PULL * np.eye(one.shape[1], dtype=np.float32)
    result = np.empty_like(one)
    for number in range(FOLDS):
        rest = fold != number
        others = one[rest].T
        weights = np.linalg.solve(others @ one[rest] + identity, others @ other[rest] + identity)
        result[~rest] = one[~rest] @ weights
    return _unit(result)


def _shares(mapped: np.ndarray, other: np.ndarray, sides: Sides) -> np.ndarray:
    """The mean over both directions of the share of the sample that fits worse, (rows,)."""
    own = np.einsum("ij,ij->i", mapped, other)
    towards = _nearness(mapped, other, sides), _nearness(other, mapped, sides)
    shares = np.empty((len(own), 2))
    for axis, (rows, sample) in enumerate(((mapped, other), (other, mapped))):
        corrections = towards[1 - axis]
        for block in _blocks(len(own)):
            similar = rows[block] @ sample[:SAMPLE].T - corrections[:SAMPLE] / 2
            better = similar > (own - corrections / 2)[block, None]
            others = _others(sides, block)
            with np.errstate(invalid="ignore"):
                shares[block, axis] = 1 - (better & others).sum(axis=1) / others.sum(axis=1)
    return np.asarray(shares.mean(axis=1))


def _nearness(rows: np.ndarray, sample: np.ndarray, sides: Sides) -> np.ndarray:
    """The mean cosine of each row to the nearest of the sample, without rows of its own texts."""
    result = np.empty(len(rows), dtype=np.float32)
    for block in _blocks(len(rows)):
        similar = rows[block] @ sample[:SAMPLE].T
        result[block] = _pull(np.where(_others(sides, block), similar, np.float32(-1)))
    return result


def _pull(similar: np.ndarray) -> np.ndarray:
    near = min(NEAR, 1 + similar.shape[1] // 10)
    return np.asarray(np.partition(similar, -near, axis=1)[:, -near:].mean(axis=1))


def _others(sides: Sides, block: slice) -> np.ndarray:
    """Whether a row of the sample has another prompt and another answer, (rows of block, sample)."""
    prompts, answers = sides.prompt_codes, sides.answer_codes
    different = prompts[block, None] != prompts[:SAMPLE]
    return np.asarray(different & (answers[block, None] != answers[:SAMPLE]))


def _blocks(rows: int) -> list[slice]:
    return [slice(start, min(rows, start + BLOCK)) for start in range(0, rows, BLOCK)]
