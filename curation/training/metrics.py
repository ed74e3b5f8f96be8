"""Metrics of predictions on a test part, and how far the choice of test examples moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

BINS = 15
"""Bins of the reliability chart, where there are enough rows for FULL in each."""

FULL = 10


def classification(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the metrics of a classifier, in values that JSON holds.

    labels: (n,) numbers of classes. probabilities: (n, classes), rows that sum to 1. The prediction
    is the most probable class. A class without test rows has no recall: it is listed in `untested`
    and left out of the macro means. A class that was never predicted has precision 0.
    `confusion[i][j]` counts rows of class i that were predicted as j. `log_loss` is the mean
    negative log-likelihood in nats; a probability of 0 counts as the smallest step of its number
    type. Raises ValueError where shapes do not fit, a probability is not finite or there are no
    rows.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if not len(labels) or probabilities.shape != (len(labels), len(classes)):
        raise ValueError(
            f"{len(labels)} labels and {len(classes)} classes do not fit {probabilities.shape}"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("a probability is not a finite number")
    predicted = probabilities.argmax(axis=1)
    k = len(classes)
    confusion = np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)
    right, support = confusion.diagonal(), confusion.sum(axis=1)
    precision = _ratio(right, confusion.sum(axis=0))
    recall = _ratio(right, support)
    f1 = _ratio(2 * right, confusion.sum(axis=0) + support)
    tested = support > 0
    own = probabilities[np.arange(len(labels)), labels]
    least = np.finfo(probabilities.dtype).eps
    return {
        "accuracy": float(right.sum() / len(labels)),
        "precision": float(precision[tested].mean()),
        "recall": float(recall[tested].mean()),
        "macro_f1": float(f1[tested].mean()),
        "log_loss": float(-np.log(np.clip(own, least, 1.0), dtype=np.float64).mean()),
        "classes": [
            {
                "name": name,
                "precision": float(precision[i]),
                "recall": float(recall[i]) if tested[i] else None,
                "f1": float(f1[i]) if tested[i] else None,
                "support": int(support[i]),
            }
            for i, name in enumerate(classes)
        ],
        "untested": [name for i, name in enumerate(classes) if not tested[i]],
        "confusion": confusion.tolist(),
        "calibration": calibration(probabilities.max(axis=1), predicted == labels),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient, 0 where the denominator is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0))


def calibration(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """Return the expected calibration error, and its bins for a reliability chart.

    confidence: (n,) probability of the prediction. correct: (n,) whether it was right. Bins hold
    equally many rows, so none is empty; rows of equal confidence share their accuracy, so their
    order does not matter. The error is the mean distance of confidence and accuracy, weighted by
    rows. Source: Nguyen and O'Connor, "Posterior calibration and exploratory analysis", 2015.
    """
    confidence = np.asarray(confidence, dtype=float)
    values, group = np.unique(confidence, return_inverse=True)
    accuracy = np.bincount(group, weights=correct) / np.bincount(group)
    order = np.argsort(group, kind="stable")
    bins = [
        {
            "confidence": float(values[group[rows]].mean()),
            "accuracy": float(accuracy[group[rows]].mean()),
            "rows": len(rows),
        }
        for rows in np.array_split(order, int(np.clip(len(order) // FULL, 1, BINS)))
    ]
    gaps = [abs(b["confidence"] - b["accuracy"]) * b["rows"] for b in bins]
    return {"error": sum(gaps) / len(order), "bins": bins}


def language(
    losses: np.ndarray,
    tokens: np.ndarray,
    groups: Mapping[str, Sequence[object]] | None = None,
) -> dict[str, Any]:
    """Return loss per token and perplexity of a language model's answers, in values of JSON.

    losses: (n,) summed negative log-likelihood of each answer, in nats. tokens: (n,) its length.
    groups: a name, such as "topic", → the value of each answer; `groups[name][value]` holds the
    same figures for its answers alone. A loss per token weighs each token equally, so long answers
    count more. Loss and perplexity are None for answers without a token.
    """
    losses, tokens = np.asarray(losses, dtype=float), np.asarray(tokens)
    result = _language(losses, tokens)
    result["groups"] = {}
    for name, values in (groups or {}).items():
        texts = np.asarray([str(value) for value in values])
        result["groups"][name] = {
            str(value): _language(losses[texts == value], tokens[texts == value])
            for value in dict.fromkeys(texts)
        }
    return result


def _language(losses: np.ndarray, tokens: np.ndarray) -> dict[str, Any]:
    total = int(tokens.sum())
    loss = float(losses.sum() / total) if total else None
    with np.errstate(over="ignore"):
        perplexity = float(np.exp(loss)) if loss is not None else None
    return {"loss": loss, "perplexity": perplexity, "tokens": total, "examples": len(tokens)}


def length_bins(lengths: np.ndarray, bins: int = 4) -> list[str]:
    """Return the bin of each length as a text, such as "12 to 40"; bins hold about equally many."""
    lengths = np.asarray(lengths)
    if not len(lengths):
        return []
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    number = np.searchsorted(edges, lengths)  # lengths up to the edge are below it
    ends = [(lengths[number == i].min(), lengths[number == i].max()) for i in np.unique(number)]
    names = {
        i: f"{low:,}" if low == high else f"{low:,} to {high:,}"
        for i, (low, high) in zip(np.unique(number), ends, strict=True)
    }
    return [names[i] for i in number]


def influence_on_f1(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how far each test example moves the macro-F1, (n,); the numbers sum to 0.

    labels, predicted: (n,) names or numbers of classes. An F1 is a ratio of sums over examples,
    2 · hits / (predictions + rows of the class); it is linearised (Cochran 1977, chapter 6), so that
    the squares of these numbers add up to its variance over draws of the test set.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    classes, total = np.unique(labels), np.zeros(len(labels))
    for name in classes:
        own, guess = labels == name, predicted == name
        whole = own.sum() + guess.sum()
        f1 = 2 * (own & guess).sum() / whole
        total += (2.0 * (own & guess) - f1 * (own * 1.0 + guess)) / whole
    return np.asarray(total / len(classes))


def influence_on_loss(losses: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Return how far each test answer moves the loss per token, (n,); see `influence_on_f1`."""
    losses, tokens = np.asarray(losses, dtype=float), np.asarray(tokens, dtype=float)
    return np.asarray((losses - losses.sum() / tokens.sum() * tokens) / tokens.sum())


def variance_of_test_set(influences: Sequence[np.ndarray]) -> float:
    """Return the variance of a mean over seeds that comes with the choice of the test examples.

    influences: (n,) for each seed; for a difference of two arms, the differences of theirs.
    """
    mean = np.mean(influences, axis=0)
    n = len(mean)
    return float(n / (n - 1) * (mean**2).sum()) if n > 1 else 0.0
