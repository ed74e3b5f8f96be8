"""Dawid and Skene's model: error rates of people, estimated from answers to the same examples alone.

The model: an example has one right answer, drawn by the answers' frequencies, and each person gives
an answer with a probability that depends on the right one only. Expectation maximization alternates
between the right answers given the people, and the people given the right answers. Examples with the
same answers are interchangeable, so the work grows with the distinct sets of answers.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", 1979.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Answer = tuple[str, str]
"""A person and their answer."""

MOST_CLASSES = 100
"""Distinct answers above which nothing is fitted: too many for what people share."""

PRIOR = 1.0
"""Answers that each person is thought to have given beforehand for each right answer, as all people do.

A person with few answers is therefore near the average of all. Chosen by `python -m benchmarks
consensus`.
"""

ROUNDS = 200
CLOSE = 1e-6
"""EM ends after ROUNDS, or when no probability changes by more than CLOSE."""

MOST_WORK = 200_000_000
FEWEST_ROUNDS = 10
"""A round's work is the cells it reads and writes. EM does at most MOST_WORK, a few seconds, in all its
rounds; where that is less than FEWEST_ROUNDS nothing is fitted."""


@dataclass(frozen=True)
class Rates:
    """The error rates of people on one question.

    people, classes: in order. priors: share of each class, (classes,). errors: probability of an
    answer given the right one, (people + 1, classes, classes); the last person is the average of all,
    who stands for people that the fit did not know. rounds: of EM.
    """

    people: tuple[str, ...]
    classes: tuple[str, ...]
    priors: np.ndarray
    errors: np.ndarray
    rounds: int = 0

    @cached_property
    def _places(self) -> tuple[dict[str, int], dict[str, int]]:
        return (
            {name: n for n, name in enumerate(self.people)},
            {name: n for n, name in enumerate(self.classes)},
        )

    def likelihoods(self, answers: Iterable[Answer]) -> dict[str, float] | None:
        """Return the probability of each given answer, if one of them is right.

        None where an answer was unknown to the fit.
        """
        people, classes = self._places
        given = list(answers)
        if any(answer not in classes for _, answer in given):
            return None
        logs = np.log(np.maximum(self.priors, 1e-300))
        for who, answer in given:
            row = self.errors[people.get(who, len(people)), :, classes[answer]]
            logs = logs + np.log(np.maximum(row, 1e-300))
        names = sorted({answer for _, answer in given})
        chosen = logs[[classes[name] for name in names]]
        shares = np.exp(chosen - chosen.max())
        shares /= shares.sum()
        return {name: round(float(share), 6) for name, share in zip(names, shares, strict=True)}

    def accuracy(self) -> dict[str, float]:
        """Return how often each person is right, over right answers as frequent as they are."""
        right = np.einsum("pkk,k->p", self.errors[:-1], self.priors)
        return {name: float(share) for name, share in zip(self.people, right, strict=True)}


def fit(examples: Iterable[Sequence[Answer]], prior: float = PRIOR) -> Rates | None:
    """Return the rates that explain people's answers best.

    examples: the answers to each, one of a person; those with one answer say nothing about anybody
    and are left out. prior: as PRIOR; 0 for the published method. None where nobody shares an
    example, answers are more than MOST_CLASSES, or the work is more than MOST_WORK allows.
    """
    patterns = Counter(tuple(sorted(answers)) for answers in examples if len(answers) > 1)
    listed = sorted(patterns)
    people = tuple(sorted({who for answers in listed for who, _ in answers}))
    classes = tuple(sorted({answer for answers in listed for _, answer in answers}))
    if not listed or len(classes) > MOST_CLASSES:
        return None
    answers_in_all = sum(len(answers) for answers in listed)
    most = MOST_WORK // ((answers_in_all + len(people) * len(classes)) * len(classes))
    if most < FEWEST_ROUNDS:
        return None
    person = {name: n for n, name in enumerate(people)}
    place = {name: n for n, name in enumerate(classes)}
    cells = np.array(
        [(n, person[w], place[a]) for n, answers in enumerate(listed) for w, a in answers]
    )
    times = np.array([patterns[answers] for answers in listed], dtype=float)
    votes = np.zeros((len(listed), len(classes)))
    np.add.at(votes, (cells[:, 0], cells[:, 2]), 1)
    right = votes / votes.sum(axis=1, keepdims=True)
    starts = np.flatnonzero(np.diff(cells[:, 0], prepend=-1))
    for rounds in range(min(ROUNDS, most)):  # noqa: B007
        priors, errors = _people(cells, right * times[:, None], len(people), prior)
        former, right = right, _right(cells, starts, priors, errors)
        if np.abs(right - former).max() < CLOSE:
            break
    return Rates(people, classes, priors, errors, rounds + 1)


def _people(
    cells: np.ndarray, right: np.ndarray, people: int, prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return priors and errors, given how many examples of each pattern have each right answer."""
    count = right.shape[1]
    group = cells[:, 1] * count + cells[:, 2]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sums = np.zeros((people * count, count))
    sums[group[order][starts]] = np.add.reduceat(right[cells[order, 0]], starts, axis=0)
    given = sums.reshape(people, count, count).transpose(0, 2, 1)  # person, right, answer
    everybody = _shares(given.sum(axis=0) + 1e-10)
    errors = _shares(given + prior * everybody + 1e-10)
    return right.sum(axis=0) / right.sum(), np.concatenate([errors, everybody[None]])


def _right(
    cells: np.ndarray, starts: np.ndarray, priors: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Return the probability of each right answer for each pattern."""
    logs = np.log(errors)[cells[:, 1], :, cells[:, 2]]
    scores = np.add.reduceat(logs, starts, axis=0) + np.log(np.maximum(priors, 1e-300))
    return _shares(np.exp(scores - scores.max(axis=1, keepdims=True)))


def _shares(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / values.sum(axis=-1, keepdims=True))
