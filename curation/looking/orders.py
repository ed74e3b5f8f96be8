"""Orders of the examples in a queue, with a form in text.

    given                as in the file, or the best first where a search chose them
    random:7             by chance, with a seed
    highest:quality      lowest:quality          nearest:quality:0.5
    outliers             turns:topic             uncertain             disagreement
    suggested            suggested:unsure

Guarantee: `Order.parse` reads back the text of every order. Rows without a value come last.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd

from curation.columns import as_numbers, as_text, is_number
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking import light_model, uncertain
from curation.looking.search import embedded_by

if TYPE_CHECKING:
    from curation.decisions.event import Event
    from curation.decisions.state import State

ORDERS = {
    "given": ("As they come", "In the order of the file, or the best first of a search."),
    "random": ("Random", "By chance; a seed keeps the order."),
    "highest": ("Highest first", "The highest number of a column first."),
    "lowest": ("Lowest first", "The lowest number of a column first."),
    "nearest": ("Nearest to a number", "First where the number of a column lies at a threshold."),
    "outliers": ("Outliers first", "First what stands alone, by the step Density and outliers."),
    "turns": ("One per group in turn", "One of each topic, or of another column, in turn."),
    "uncertain": (
        "Most uncertain first",
        "First what a light model can tell least; it learns from people's answers.",
    ),
    "suggested": ("Suggested first", "The surest suggestions first, or the least sure first."),
    "disagreement": ("Disagreement first", "Where people gave unequal answers and none leads."),
}
"""Kind of order → its title, and its meaning in a sentence."""

OF_NUMBERS = ("highest", "lowest", "nearest")
"""Orders by a column of numbers."""

SEEDED = ("random", "uncertain")

UNSURE = "unsure"
"""In place of a column, of the order by suggestions: the least sure first."""


class Scored(Protocol):
    """Suggestions as an order reads them; `curation.suggestions.Table` is one."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Example → how sure its suggestions are."""


DECIDED = ("disagreement",)
"""Orders of examples that people decided; every other queue holds what waits for a decision."""


class Arranged(NamedTuple):
    """Positions of rows in an order, and a remark on the order in a sentence, or none."""

    positions: np.ndarray
    remark: str = ""


@dataclass(frozen=True)
class Order:
    """An order: its kind, and the column, number and seed that some kinds have."""

    kind: str = "given"
    column: str = ""
    number: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Order:
        """Read an order; raises CurationError when the text is none."""
        kind, _, rest = text.strip().partition(":")
        if kind in SEEDED and (not rest or rest.isdecimal()):
            return cls(kind, seed=int(rest or 0))
        if kind == "turns":
            return cls(kind, rest or "topic")
        if kind == "suggested" and rest in ("", UNSURE):
            return cls(kind, rest)
        if kind in ("highest", "lowest") and rest:
            return cls(kind, rest)
        if kind == "nearest":
            column, _, digits = rest.rpartition(":")
            try:
                number = float(digits)
            except ValueError:
                number = math.nan
            if column and math.isfinite(number):
                return cls(kind, column, number)
        elif kind in ("given", "outliers", "disagreement") and not rest:
            return cls(kind)
        raise CurationError(
            f"{text!r} is no order. Write given, random:7, highest:COLUMN, lowest:COLUMN, "
            "nearest:COLUMN:0.5, outliers, turns:COLUMN, uncertain, suggested, suggested:unsure or "
            "disagreement."
        )

    def __str__(self) -> str:
        """Return the order as `parse` reads it."""
        if self.kind in SEEDED:
            return f"{self.kind}:{self.seed}" if self.seed else self.kind
        if self.kind == "nearest":
            return f"nearest:{self.column}:{self.number!r}"
        return f"{self.kind}:{self.column}" if self.column else self.kind

    def mark(
        self, dataset: Dataset, people: State | None, suggestions: Scored | None = None
    ) -> tuple[object, ...]:
        """Return what the order reads beside the dataset; while it is equal, so is the order."""
        if self.kind == "suggested":
            return ("suggested", None if suggestions is None else weakref.ref(suggestions))
        if self.kind == "disagreement":
            return ("last", 0 if people is None else people.last)
        if self.kind == "uncertain" and dataset.vectors is not None:
            answers = light_model.answers_of(dataset.rows.index, dataset.vectors, people)
            return ("answers", *light_model.latest(answers).key)
        return ()

    def check(self, dataset: Dataset) -> None:
        """Raise CurationError when the dataset lacks what the order reads: a column or vectors."""
        if self.kind in ("outliers", "turns", *OF_NUMBERS):
            self._values(dataset)
        elif self.kind == "uncertain":
            embedded_by(dataset.steps)

    def arranged(
        self,
        dataset: Dataset,
        positions: np.ndarray,
        people: State | None,
        suggestions: Scored | None = None,
    ) -> Arranged:
        """Return positions of rows in this order.

        Raises CurationError when the dataset lacks what the order reads: a column or vectors.
        """
        if self.kind == "random":
            ids = dataset.rows.index[positions]
            return Arranged(positions[by_chance(ids, self.seed)])
        if self.kind == "uncertain":
            return _uncertain(dataset, positions, people, self.seed)
        if self.kind == "disagreement":
            shares = disputed(people)
            values = np.array([shares.get(str(i), 0.0) for i in dataset.rows.index[positions]])
            return Arranged(positions[_first(-values)][: int((values > 0).sum())])
        if self.kind == "suggested":
            ids = dataset.rows.index[positions]
            scores = {} if suggestions is None else suggestions.scores
            numbers = pd.Series(scores, dtype="float64").reindex(ids).to_numpy()
            return Arranged(positions[_first(numbers if self.column == UNSURE else -numbers)])
        if self.kind == "turns":
            return Arranged(positions[in_turns(as_text(self._values(dataset)).iloc[positions])])
        if self.kind in ("outliers", *OF_NUMBERS):
            numbers = as_numbers(self._values(dataset)).to_numpy()[positions]
            if self.kind == "nearest":
                return Arranged(positions[_first(np.abs(numbers - self.number))])
            return Arranged(positions[_first(numbers if self.kind == "lowest" else -numbers)])
        return Arranged(positions)

    def _values(self, dataset: Dataset) -> pd.Series:
        """Return the column that it reads; raises CurationError when that is missing or has no numbers."""
        values = dataset.column(self.column or "outlier")
        if values is None and self.kind == "outliers":
            raise CurationError(
                "Outliers are not measured: add the step Density and outliers, and run the recipe."
            )
        if values is None:
            raise CurationError(
                f"The order reads the column {self.column!r}, which is not in the data."
            )
        if self.kind in OF_NUMBERS and not is_number(values):
            raise CurationError(f"The column {self.column!r} holds no numbers to order by.")
        return values


def by_chance(ids: Iterable[str], seed: int) -> np.ndarray:
    """Return positions of ids in an order by chance that depends on the ids and the seed alone."""
    salted = np.array([f"{seed}/{i}" for i in ids], dtype=object)
    return np.argsort(pd.util.hash_array(salted, categorize=False), kind="stable")


def in_turns(groups: pd.Series) -> np.ndarray:
    """Return positions that take one row of each group in turn, the largest group first."""
    sizes = groups.map(groups.value_counts()).to_numpy()
    codes = pd.factorize(groups)[0]
    turn = groups.groupby(codes).cumcount().to_numpy()
    return np.lexsort([codes, -sizes, turn])


def disputed(people: State | None) -> dict[str, float]:
    """Return the examples with unequal answers of which none leads, with the share of unequal pairs.

    Verdicts, labels and ratings are compared each on their own, and the most disputed one counts.
    An answer that more people gave than any other leads, so a third person settles a tie of two. A
    question that somebody settled is disputed no more. Answers without a name are left out.
    """
    if people is None:
        return {}
    shares = {
        example: _share_of_unequal(people.opinions[example], people.settled.get(example, ()))
        for example, unequal in people.disagreement.items()
        if unequal
    }
    return {example: share for example, share in shares.items() if share}


def _share_of_unequal(events: Iterable[Event], settled: Container[str]) -> float:
    from curation.decisions.answers import FIXED, answer_of
    from curation.decisions.consensus import by_question

    shares = [0.0]
    for question, answers in by_question(e for e in events if e.annotator).items():
        counts = Counter(map(answer_of, answers))
        (_, most), *others = counts.most_common(2)
        if question in FIXED and question not in settled and others and others[0][1] == most:
            n = counts.total()
            shares.append(1 - sum(c * (c - 1) for c in counts.values()) / (n * (n - 1)))
    return max(shares)


def _first(keys: np.ndarray) -> np.ndarray:
    """Return positions by a number, the lowest first and NaN last; equal ones stay as they are."""
    return np.argsort(keys, kind="stable")


def _uncertain(
    dataset: Dataset, positions: np.ndarray, people: State | None, seed: int
) -> Arranged:
    """Return the rows by uncertainty; answered rows, and then rows without a vector, come last."""
    embedded_by(dataset.steps)
    vectors = dataset.vectors
    assert vectors is not None  # there is an embed step
    embedded = light_model.has_vector(vectors[positions])
    answers = light_model.latest(light_model.answers_of(dataset.rows.index, vectors, people))
    answered = np.isin(positions, answers.positions)
    waiting = positions[embedded & ~answered]
    rest = [positions[embedded & answered], positions[~embedded]]
    if not len(waiting):
        return Arranged(np.concatenate(rest))
    if not len(answers):
        first = waiting[uncertain.typical(vectors[waiting], seed)]
        return Arranged(np.concatenate([first, *rest]), uncertain.COLD)
    model = light_model.remembered(vectors, answers)
    part = vectors[waiting]
    learned = vectors[answers.positions]
    order = uncertain.by_uncertainty(
        part, model.probabilities(part), learned, model.probabilities(learned), seed
    )
    return Arranged(np.concatenate([waiting[order], *rest]), model.trust.sentence())
