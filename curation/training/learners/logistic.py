"""Logistic regression on embeddings: seconds, and hard to beat on a few hundred examples."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import numpy as np

from curation.parameters import Range
from curation.training.learners import Cost, Data, Outcome, Point, Work, learner


@learner(
    "Logistic regression on embeddings", task="classification", needs_vectors=True, seeded=False
)
def logistic(
    data: Data,
    work: Work,
    *,
    strength: Annotated[
        float, "inverse of the penalty; more fits the examples closer", Range(1e-4, 1e4)
    ] = 10.0,
    class_weights: Annotated[
        Literal["none", "balanced"], "balanced: a rare class counts as much as a frequent one"
    ] = "balanced",
    iterations: Annotated[int, "most steps of the solver", Range(1, 10_000)] = 300,
) -> Outcome:
    """Fit a softmax on the vectors by L-BFGS, with an L2 penalty.

    Classes without an example to train on get probability 0. The solver is exact, so seeds differ
    by the examples only.
    """
    from sklearn.linear_model import LogisticRegression

    started = time.monotonic()
    assert data.train.vectors is not None and data.test.vectors is not None
    assert data.train.labels is not None
    model = LogisticRegression(
        C=strength,
        class_weight=None if class_weights == "none" else class_weights,
        max_iter=work.steps or iterations,
    )
    model.fit(data.train.vectors, data.train.labels)
    probabilities = np.zeros((len(data.test), len(data.classes)), dtype=np.float32)
    probabilities[:, model.classes_] = model.predict_proba(data.test.vectors)
    steps = int(np.max(model.n_iter_))
    seconds = time.monotonic() - started
    work.report(Point(step=steps, epoch=steps, seconds=seconds))
    parameters = int(model.coef_.size + model.intercept_.size)
    rows = len(data.train)
    cost = Cost(seconds, 0, steps, parameters, flops=6.0 * parameters * rows * steps)
    return Outcome(cost, probabilities=probabilities)
