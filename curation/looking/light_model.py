"""A light model of people's answers: a logistic regression on vectors, calibrated, with its trust.

It learns from the first answers, as many as `learned_from` says, so that it stays while a person works
and changes when enough answers are new. Guarantee: it depends on the vectors and these answers alone.
"""

from __future__ import annotations

import hashlib
import warnings
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curation.vectors import Vectors

if TYPE_CHECKING:
    from curation.decisions.state import State

STEP = 10
"""New answers after which the model learns again; with more than 100 answers, a tenth of them."""

STRENGTH = 3.0
"""C of the regression; see `python -m benchmarks uncertain`."""

FOLDS = 5
"""Parts of the answers; each is judged by a model of the others."""

FEWEST = 30
"""Answers below which nothing is said about the model, and its probabilities are not calibrated."""

SURE = 0.9
"""The probability from which on the model counts as sure."""

FEWEST_SURE = 10
"""Sure answers below which their share is not given."""


@dataclass(frozen=True)
class Answers:
    """People's answers to one question, oldest first.

    question: label or verdict. positions: of the answered rows. values: the answers, as text.
    """

    question: str
    positions: np.ndarray
    values: np.ndarray

    def first(self, count: int) -> Answers:
        """Return the oldest answers."""
        return Answers(self.question, self.positions[:count], self.values[:count])

    @property
    def key(self) -> tuple[str, ...]:
        """A digest of the answers and of the rows that they are about."""
        about = hashlib.blake2b(self.positions.astype(np.int64).tobytes(), digest_size=12)
        about.update("\0".join(self.values.tolist()).encode("utf-8", "surrogatepass"))
        return self.question, about.hexdigest()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Trust:
    """The accuracy of a model on answers that it had not learned from.

    answers: all that it has learned from. tested: those that a model of the others judged. right:
    share of these that it judged right, with its 95 % interval (Wilson 1927). sure: those of which
    it was at least SURE sure. sure_right: the share of these that was right.
    """

    answers: int
    tested: int = 0
    right: float = np.nan
    low: float = np.nan
    high: float = np.nan
    sure: int = 0
    sure_right: float = np.nan

    def sentence(self) -> str:
        """Return the trust in words."""
        words = f"It has learned from {self.answers:,} answers."
        if not self.tested:
            return f"{words} That is too few to say how often it is right."
        words += (
            f" On answers that it had not seen it is right in {self.right:.0%} "
            f"({self.low:.0%} to {self.high:.0%})."
        )
        if self.sure >= FEWEST_SURE:
            words += (
                f" When it is at least {SURE:.0%} sure, it is right in {self.sure_right:.0%} "
                f"of {self.sure:,}."
            )
        return words


@dataclass(frozen=True)
class Model:
    """A light classifier: (width + 1, classes) weights, whose logits are divided by a temperature."""

    question: str
    classes: tuple[str, ...]
    weights: np.ndarray
    temperature: float
    trust: Trust

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Return the calibrated probability of each class for each row, (rows, classes)."""
        return softmax(_logits(vectors, self.weights) / self.temperature)


def learned_from(count: int) -> int:
    """Return how many of the first answers a model learns from, given the number of all."""
    size = 0
    while (larger := size + max(STEP, size // 10)) <= count:
        size = larger
    return size


def answers_of(index: pd.Index, vectors: np.ndarray | Vectors, people: State | None) -> Answers:
    """Return people's labels of embedded rows, or their verdicts where the labels are of one class.

    With neither of two classes there are no answers.
    """
    for question in ("label", "verdict"):
        answers = answers_to(question, index, vectors, people)
        if can_learn(answers):
            return answers
    return Answers("", np.zeros(0, dtype=np.int64), np.zeros(0, dtype="O"))


def answers_to(
    question: str, index: pd.Index, vectors: np.ndarray | Vectors, people: State | None
) -> Answers:
    """Return the answers that count to a question about embedded rows."""
    from curation.decisions.answers import answer_of

    table = {} if people is None else people.answers_to(question)
    events = sorted(table.items(), key=lambda item: item[1].seq)
    positions = index.get_indexer(pd.Index([i for i, _ in events], dtype=index.dtype))
    values = np.array([answer_of(event) for _, event in events], "O")
    usable = positions >= 0
    usable[usable] = has_vector(vectors[positions[usable]])
    return Answers(question, positions[usable], values[usable])


def can_learn(answers: Answers) -> bool:
    """Return whether there are answers enough, and of two classes."""
    return len(set(latest(answers).values)) > 1


def latest(answers: Answers) -> Answers:
    """Return the answers that the newest model learns from; see `learned_from`."""
    return answers.first(learned_from(len(answers)))


def has_vector(vectors: np.ndarray | Vectors) -> np.ndarray:
    """Return True for each row with a vector, (rows,)."""
    if isinstance(vectors, Vectors):
        return np.concatenate([*map(has_vector, vectors.blocks()), np.zeros(0, dtype=bool)])
    return np.asarray(np.isfinite(vectors[:, 0]) & vectors.any(axis=1))


def fitted(vectors: np.ndarray, answers: Answers) -> Model:
    """Return a model of some answers of at least two classes, calibrated on answers it had not seen.

    vectors: of the answered rows, (answers, width).
    """
    classes, labels = np.unique(answers.values.astype(str), return_inverse=True)
    logits, tested = _held_out(vectors, labels, len(classes))
    trust, temperature = Trust(len(labels)), 1.0
    if len(tested) >= FEWEST:
        temperature = _temperature(logits, labels[tested])
        trust = _trust(logits, labels[tested], len(labels))
    weights = _weights(vectors, labels, len(classes))
    return Model(answers.question, tuple(map(str, classes)), weights, temperature, trust)


_models: OrderedDict[tuple[str, ...], tuple[weakref.ref[np.ndarray | Vectors], Model]] = (
    OrderedDict()
)
_turn = Lock()
"""Lock for the models, so that pages that ask at once fit one model once."""

_REMEMBERED = 8
"""Models that are kept in memory while the vectors are that they learned from."""


def remembered(vectors: np.ndarray | Vectors, answers: Answers) -> Model:
    """Return the model of some answers, fitted once while these vectors are in memory.

    vectors: of all rows, (rows, width).
    """
    with _turn:
        entry = _models.get(answers.key)
        if entry is None or entry[0]() is not vectors:
            entry = weakref.ref(vectors), fitted(vectors[answers.positions], answers)
            _models[answers.key] = entry
        _models.move_to_end(answers.key)
        while len(_models) > _REMEMBERED:
            _models.popitem(last=False)
        return entry[1]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits, (rows, classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _logits(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(vectors @ weights[:-1] + weights[-1])


def _weights(vectors: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the weights of a regression, (width + 1, classes); a class without rows is never likely."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():  # many classes of few answers are what it begins with
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3).fit(vectors, labels)
    own = np.vstack([model.coef_.T, model.intercept_])
    if len(model.classes_) == 2:  # the sigmoid of one column, as a softmax of two
        own = np.hstack([-own / 2, own / 2])
    weights = np.zeros((vectors.shape[1] + 1, classes), dtype=np.float32)
    weights[-1] = -1e4
    weights[:, model.classes_] = own
    return weights


def _held_out(
    vectors: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of models that have not seen the row, and the positions of these rows.

    Only classes of at least two answers are judged; none with fewer than FEWEST of these.
    """
    sizes = np.bincount(labels, minlength=classes)
    tested = np.flatnonzero(sizes[labels] > 1)
    if len(tested) < FEWEST or len(np.unique(labels[tested])) < 2:
        return np.zeros((0, classes)), np.zeros(0, dtype=np.int64)
    # the answers of a class are dealt out in turn, so that each fold has its share of each class
    rank = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    folds = (rank + labels) % FOLDS
    logits = np.zeros((len(labels), classes))
    for fold in range(FOLDS):
        judged = tested[folds[tested] == fold]
        if len(judged):
            weights = _weights(vectors[folds != fold], labels[folds != fold], classes)
            logits[judged] = _logits(vectors[judged], weights)
    return logits[tested], tested


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the divisor of logits under which the labels are likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        p = softmax(logits / np.exp(log_temperature))[rows, labels]
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def _trust(logits: np.ndarray, labels: np.ndarray, answers: int) -> Trust:
    """Return the trust by answers held out; half of them are judged at the other half's temperature."""
    from scipy.stats import binomtest

    half = np.arange(len(labels)) % 2 == 0
    confidence = np.empty(len(labels))
    for part in (half, ~half):
        p = softmax(logits[part] / _temperature(logits[~part], labels[~part]))
        confidence[part] = p.max(axis=1)
    hits = logits.argmax(axis=1) == labels
    ends = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95, method="wilson")
    sure = confidence >= SURE
    share = float(hits[sure].mean()) if sure.any() else np.nan
    return Trust(
        answers,
        len(hits),
        float(hits.mean()),
        float(ends.low),
        float(ends.high),
        int(sure.sum()),
        share,
    )
