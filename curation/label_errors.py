"""Labels beside what a model makes of the texts: confident learning and training dynamics, on arrays.

Guarantee: the same rows in the same order give the same, whatever the number of threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.dataset import Progress, silent
from curation.vectors import BLOCK, Many, Vectors

DIGITS = 6
"""Digits of a probability, few enough that any number of threads gives the same."""


class Judged(NamedTuple):
    """One value a row.

    quality: the probability of the given label, 0 to 1. suggested: the most probable class. wrong:
    whether the label is probably wrong.
    """

    quality: np.ndarray
    suggested: np.ndarray
    wrong: np.ndarray


def judged(probabilities: np.ndarray, labels: np.ndarray, strict: bool = False) -> Judged:
    """Judge labels by probabilities of a model that has not seen the rows.

    probabilities: (rows, classes). labels: (rows,), the number of each row's class. The joint counts of
    given and probable classes estimate how many labels of each class are wrong; that many rows go,
    by the margin to the other class (Northcutt et al. 2021, prune by noise rate, by cleanlab).
    strict: only those go that are also among the least probable of their class (prune by class).
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_self_confidence_for_each_label

    pruning = "both" if strict else "prune_by_noise_rate"
    wrong = find_label_issues(labels, probabilities, filter_by=pruning, n_jobs=1)
    quality = get_self_confidence_for_each_label(labels, probabilities)
    return Judged(quality, probabilities.argmax(axis=1), np.asarray(wrong, dtype=bool))


def held_out_probabilities(
    vectors: Many,
    labels: np.ndarray,
    fold_numbers: np.ndarray,
    progress: Progress = silent,
) -> np.ndarray:
    """Return the probability of each class for each row, by models that have not seen the row.

    A logistic regression is fitted once a fold to the rows of all other folds. A class weighs as
    much as the root of its rows. vectors: (rows, width), unit length. labels: (rows,), numbers from
    0, at least two rows each. Returns (rows, classes) in six digits.
    """
    from sklearn.linear_model import LogisticRegression

    result = np.zeros((len(labels), int(labels.max()) + 1))
    vectors = Vectors.of(vectors)
    sizes = np.bincount(labels)
    # With equal rows right rows of rare classes go, 15 % of them in CLINC with a long tail and 8 %
    # so; with equal classes, wrong ones of frequent classes stay.
    weights = dict(enumerate(len(labels) / sizes**0.5 / (sizes**0.5).sum()))
    folds = np.unique(fold_numbers)
    for n, fold in enumerate(folds):
        held_out = fold_numbers == fold
        # Weaker regularisation learns the wrong labels: C = 10 finds fewer and takes more right ones.
        model = LogisticRegression(C=1.0, class_weight=weights, max_iter=1_000)
        model.fit(_exact(vectors.of_rows(np.flatnonzero(~held_out))), labels[~held_out])
        left_out = vectors.of_rows(np.flatnonzero(held_out))
        parts = [model.predict_proba(_exact(block)) for block in left_out.blocks()]
        result[np.ix_(held_out, model.classes_)] = np.concatenate(parts)
        progress((n + 1) / len(folds), f"fold {n + 1} of {len(folds)}")
    return np.round(result, DIGITS)


def _exact(vectors: Many) -> np.ndarray:
    """Vectors in double precision: in single precision the digits depend on how many threads add up."""
    exact = np.empty(vectors.shape, dtype=np.float64)
    for start in range(0, len(vectors), BLOCK):
        exact[start : start + BLOCK] = vectors[start : start + BLOCK]
    return exact


def stratified_folds(ids: Sequence[str], labels: np.ndarray, folds: int) -> np.ndarray:
    """Return the number of each row's fold, by a hash of its id.

    Each class is spread over the folds as evenly as its size allows.
    """
    draws = np.array([hashlib.blake2b(i.encode(), digest_size=8).hexdigest() for i in ids], "U16")
    numbers = np.empty(len(labels), dtype=int)
    numbers[np.lexsort([draws, labels])] = np.arange(len(labels)) % folds
    return numbers


RATE, BATCH = 0.01, 32
"""Adam's rate and the rows of a step. With ten epochs, wrong labels of AG News, THUCNews and CLINC
have the lowest confidence (ROC AUC 0.96 or more); rates of 0.003 and 0.03 are no better."""


def given_label_by_epoch(
    vectors: Many, labels: np.ndarray, epochs: int, progress: Progress = silent
) -> np.ndarray:
    """Return the probability of each row's own label after each epoch, (epochs, rows).

    A softmax layer is trained on all rows in mini-batches by Adam (Kingma and Ba 2015). vectors:
    (rows, width), unit length. labels: (rows,), numbers from 0. In six digits.
    """

    def inputs(some: np.ndarray) -> np.ndarray:
        return np.hstack([some.astype(np.float64), np.ones((len(some), 1))])

    vectors = Vectors.of(vectors)
    rows, rng = np.arange(len(labels)), np.random.default_rng(0)
    weights = np.zeros((vectors.shape[1] + 1, int(labels.max()) + 1))
    mean, square, step = np.zeros_like(weights), np.zeros_like(weights), 0
    result = np.zeros((epochs, len(labels)))
    for epoch in range(epochs):
        order = rng.permutation(len(labels))
        for start in range(0, len(labels), BATCH):
            batch = order[start : start + BATCH]
            some = inputs(vectors[batch])
            errors = _softmax(some @ weights)
            errors[np.arange(len(batch)), labels[batch]] -= 1
            gradient = some.T @ errors / len(batch)
            step += 1
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            direction = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            weights -= RATE * direction
        logits = np.concatenate([inputs(block) @ weights for block in vectors.blocks()])
        result[epoch] = _softmax(logits)[rows, labels]
        progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
    return np.round(result, DIGITS)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
