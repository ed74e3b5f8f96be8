"""Agreement between people: how alike they answer one question, beyond what chance would give.

All coefficients are 1 − observed / expected disagreement, and differ in what they expect by chance.
Examples with the same answers are interchangeable, so a thousand resamples of all examples are one
product of matrices. The distance of two verdicts, labels or single options is 0 or 1; that of two
ratings is the square of their difference; that of two sets of options is MASI. Of options for each turn
a turn is the unit, and else an example.

Sources: Cohen, "A coefficient of agreement for nominal scales", 1960; Fleiss, "Measuring nominal
scale agreement among many raters", 1971; Krippendorff, "Computing Krippendorff's
alpha-reliability", 2011; Passonneau, "Measuring agreement on set-valued items (MASI) for semantic and
pragmatic annotation", 2006.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.looking.units import by_example, distances, units
from curation.questions import Question
from curation.text.counted import counted

QUESTIONS = {"verdict": "choice", "label": "choice", "rating": "rating"}
"""The questions of every project, in the order in which they are listed, and the kind of their answers."""

FEWEST = 20
"""Examples that two people must share before a coefficient is given."""

MOST_CLASSES = 512
"""Different answers above which nothing is measured: the sets that nine options make."""

TOO_MANY = f"Agreement is measured on at most {MOST_CLASSES} different answers; people gave more."

MOST_PAIRS = 100
"""Pairs of people that get an interval, those that share most."""

RESAMPLES = 1_000
SEED = 17
LEVEL = 0.95


class Coefficient(NamedTuple):
    """A chance-corrected agreement: 1 for full agreement, 0 for what chance gives.

    low, high: bounds of the 95 % interval by a bootstrap over examples. Any of the three is NaN
    where it cannot be given, and why says so in a sentence.
    """

    value: float
    low: float
    high: float
    why: str = ""

    @property
    def is_given(self) -> bool:
        """Whether there is a value."""
        return not np.isnan(self.value)


@dataclass(frozen=True)
class Agreement:
    """The agreement of people on one question.

    answers, people, examples: number of answers, the people's names and the number of answered
    examples. shared: examples with answers of two people or more. same: share of the pairs of
    answers about one example that are equal; NaN without a pair. alpha: Krippendorff's. fleiss:
    Fleiss's kappa; where examples have different numbers of answers, each counts alike. pairs: a
    line for each two people who share an example: first, second, examples, same, kappa (Cohen's;
    of ratings weighted by squared difference), low, high, why. periods: a line for each week or
    month of an example's newest answer: period, examples, same, alpha, low, high, why. classes: a
    line for each value, the hardest first: value, answers (about shared examples), same (share of
    the other answers about these examples that are equal). disagreements: by example id: people
    and answers, such as "Ann: keep · Bob: drop", those with the most different answers first.
    nameless: answers without a name, which are left out.
    """

    question: str
    kind: str
    answers: int
    people: tuple[str, ...]
    examples: int
    shared: int
    same: float
    alpha: Coefficient
    fleiss: Coefficient
    pairs: pd.DataFrame
    periods: pd.DataFrame
    classes: pd.DataFrame
    disagreements: pd.DataFrame
    nameless: int = 0

    def summary(self) -> dict[str, Any]:
        """Return the numbers as a JSON object, a missing number as null."""
        tables = {name: getattr(self, name) for name in ("pairs", "periods", "classes")}
        numbers = {name: getattr(self, name)._asdict() for name in ("alpha", "fleiss")}
        result = {
            "question": self.question,
            "kind": self.kind,
            "answers": self.answers,
            "people": list(self.people),
            "examples": self.examples,
            "shared": self.shared,
            **({"nameless": self.nameless} if self.nameless else {}),
            "same": _json(self.same),
            **{k: {n: _json(v) for n, v in entry.items()} for k, entry in numbers.items()},
            **{
                k: [{n: _json(v) for n, v in row.items()} for row in table.to_dict("records")]
                for k, table in tables.items()
            },
        }
        lines = self.disagreements.reset_index().to_dict("records")
        return {**result, "disagreements": lines}

    def sentence(self) -> str:
        """Return what the numbers say in a sentence, and in another what they leave out."""
        many = f"{counted(self.nameless, 'answer')} without a name"
        left_out = f" {many} {'are' if self.nameless != 1 else 'is'} left out."
        return self._sentence() + (left_out if self.nameless else "")

    def _sentence(self) -> str:
        if not self.shared:
            who = (
                f"Only {self.people[0]} has answered" if len(self.people) == 1 else "Nobody shares"
            )
            rest = "" if len(self.people) == 1 else " an example with another"
            return f"{who}{rest}, so there is no agreement to measure."
        unit = "turn" if self.kind == "turns" else "example"
        if self.kind == "spans":
            marked = "nobody marked anything" if np.isnan(self.same) else f"F1 is {self.same:.2f}"
            return f"On {counted(self.shared, 'shared example')} {marked}."
        start = f"On {counted(self.shared, f'shared {unit}')} "
        start += f"{self.same:.0%} of the answers are the same"
        if np.isnan(self.same):
            return self.alpha.why
        if not self.alpha.is_given:
            return f"{start}. {self.alpha.why}"
        return f"{start}; Krippendorff's alpha is {written(self.alpha)}."


def written(coefficient: Coefficient) -> str:
    """Return a coefficient with its interval, such as 0.62 (0.55 to 0.70)."""
    if not coefficient.is_given:
        return "not given"
    if np.isnan(coefficient.low):
        return f"{coefficient.value:.2f}"
    return f"{coefficient.value:.2f} ({coefficient.low:.2f} to {coefficient.high:.2f})"


def name_of(question: str | Question) -> str:
    """Return the name of a question of the lead's or of every project's."""
    return question if isinstance(question, str) else question.name


def kind_of(question: str | Question) -> str:
    """Return the kind of the answers to a question."""
    return QUESTIONS[question] if isinstance(question, str) else question.kind


def agreement(
    opinions: pd.DataFrame, question: str | Question, fewest: int = FEWEST
) -> Agreement | None:
    """Return the agreement on one question; None where nobody answered it.

    opinions: as `State.opinions_frame`. fewest: shared examples below which no coefficient is given.
    question: of a kind in MEASURED, or a name in QUESTIONS. Of more than MOST_CLASSES different answers
    only the number is given.
    """
    kind = kind_of(question)
    rows = units(opinions, question, kind)
    nameless, rows = int((rows["who"] == "").sum()), rows[rows["who"] != ""].reset_index(drop=True)
    if rows.empty:
        return None
    classes = sorted(rows["value"].unique(), key=float if kind == "rating" else None)
    codes = pd.Categorical(rows["value"], categories=classes).codes.astype(np.int64)
    rows = rows.assign(code=codes).sort_values(["example", "code"], kind="stable")
    size = rows.groupby("example")["code"].transform("size")
    shared = rows[size > 1]
    many = len(classes) > MOST_CLASSES
    measured = shared.iloc[:0] if many else shared
    classes = classes[:0] if many else classes
    distance = distances(classes, kind)
    counts, times = _patterns(measured, len(classes))
    differing = disagreements(shared)
    none = Coefficient(np.nan, np.nan, np.nan, TOO_MANY)
    given = partial(_estimate, counts, times, fewest=fewest)
    return Agreement(
        question=name_of(question),
        kind=kind,
        answers=len(rows),
        people=tuple(sorted(rows["who"].unique())),
        examples=int(rows["example"].nunique()),
        shared=int(shared["example"].nunique()),
        same=_same(counts, times),
        alpha=none if many else given(partial(_alpha, counts=counts, distance=distance)),
        fleiss=none if many else given(partial(_fleiss, counts=counts)),
        pairs=_pairs(measured, distance, fewest),
        periods=periods(measured, distance, fewest),
        classes=_classes(counts, times, classes),
        disagreements=by_example(differing) if kind == "turns" else differing,
        nameless=nameless,
    )


def confusion(
    opinions: pd.DataFrame, question: str | Question, first: str, second: str
) -> pd.DataFrame:
    """Return how often one person's answer met another's: rows are the first's, columns the second's.

    Both have the same names in the same order: every value that either gave on a shared example.
    """
    kind = kind_of(question)
    rows = units(opinions, question, kind)
    both = rows[rows["who"] == first].merge(rows[rows["who"] == second], on="example")
    names = sorted({*both["value_x"], *both["value_y"]}, key=float if kind == "rating" else None)
    table = pd.crosstab(both["value_x"], both["value_y"])
    result: pd.DataFrame = table.reindex(index=names, columns=names, fill_value=0)
    return result


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _patterns(rows: pd.DataFrame, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct sets of answers, and by how many examples each is given.

    rows: ordered by example, then code. The first result has a line for each set and a column for
    each class: how many people answered it.
    """
    if rows.empty:
        return np.zeros((0, classes)), np.zeros(0)
    example = rows["example"].ne(rows["example"].shift()).cumsum().to_numpy() - 1
    place = rows.groupby("example").cumcount().to_numpy()
    sets = np.full((example[-1] + 1, place.max() + 1), -1)
    sets[example, place] = rows["code"].to_numpy()
    distinct, times = np.unique(sets, axis=0, return_counts=True)
    counts = np.zeros((len(distinct), classes))
    line, column = np.nonzero(distinct >= 0)
    np.add.at(counts, (line, distinct[line, column]), 1)
    return counts, times.astype(float)


def _same(counts: np.ndarray, times: np.ndarray) -> float:
    total = counts.sum(axis=1)
    pairs = times @ (total * (total - 1))
    return float(times @ (counts * (counts - 1)).sum(axis=1) / pairs) if pairs else np.nan


def _alpha(weights: np.ndarray, counts: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha of each line of weights, which say how often each set of answers occurs."""
    size = counts.sum(axis=1)
    inside = ((counts @ distance) * counts).sum(axis=1) / (size - 1)
    totals = weights @ counts
    n = totals.sum(axis=1)
    expected = ((totals @ distance) * totals).sum(axis=1) / (n - 1)
    return _corrected(weights @ inside, expected)


def _fleiss(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Fleiss's kappa of each line of weights."""
    size = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    totals = weights @ counts
    shares = totals / totals.sum(axis=1, keepdims=True)
    observed = 1 - (weights @ equal) / weights.sum(axis=1)
    return _corrected(observed, 1 - (shares**2).sum(axis=1))


def _cohen(weights: np.ndarray, cells: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Cohen's kappa of each line of weights; cells: the two codes of each pair of answers."""
    names = np.eye(len(distance))
    first, second = weights @ names[cells[:, 0]], weights @ names[cells[:, 1]]
    expected = ((first @ distance) * second).sum(axis=1) / weights.sum(axis=1)
    return _corrected(weights @ distance[cells[:, 0], cells[:, 1]], expected)


def _corrected(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    none = expected <= 1e-12
    return np.where(none, np.nan, 1 - observed / np.where(none, 1, expected))


def _estimate(
    counts: np.ndarray,
    times: np.ndarray,
    formula: Callable[[np.ndarray], np.ndarray],
    fewest: int,
    resample: bool = True,
) -> Coefficient:
    """Return a coefficient with its interval over resamples of the examples.

    counts: a line for each distinct set of answers; only whether it holds one value matters here.
    times: how many examples have it. resample: False for no interval.
    """
    examples = int(times.sum())
    if examples < fewest:
        why = f"{counted(examples, 'shared example is', 'shared examples are')} too few; {fewest:,} are needed."
        return Coefficient(np.nan, np.nan, np.nan, why)
    value = float(formula(times[None, :])[0])
    if np.isnan(value):
        why = "Every answer is the same, so chance would give the same agreement."
        return Coefficient(np.nan, np.nan, np.nan, why)
    if not times[(counts > 0).sum(axis=1) > 1].any():
        why = "Nobody has differed yet, so there is no interval."
        return Coefficient(value, np.nan, np.nan, why)
    if not resample:
        why = f"Only the {MOST_PAIRS} pairs that share most get an interval."
        return Coefficient(value, np.nan, np.nan, why)
    random = np.random.default_rng(SEED)
    draws = random.multinomial(examples, times / examples, size=RESAMPLES).astype(float)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(formula(draws), [tail, 1 - tail])
    return Coefficient(value, float(low), float(high))


def _pairs(shared: pd.DataFrame, distance: np.ndarray, fewest: int) -> pd.DataFrame:
    columns = ["example", "who", "code"]
    both = shared[columns].merge(shared[columns], on="example", suffixes=("", "_other"))
    both = both[both["who"] < both["who_other"]]
    groups = sorted(both.groupby(["who", "who_other"]), key=lambda group: -len(group[1]))
    lines = []
    for place, ((first, second), part) in enumerate(groups):
        pairs = part[["code", "code_other"]].to_numpy()
        cells, times = np.unique(pairs, axis=0, return_counts=True)
        counts = np.eye(len(distance))[cells[:, 0]] + np.eye(len(distance))[cells[:, 1]]
        formula = partial(_cohen, cells=cells, distance=distance)
        kappa = _estimate(counts, times.astype(float), formula, fewest, place < MOST_PAIRS)
        same = float((part["code"] == part["code_other"]).mean())
        lines.append((first, second, len(part), same, *kappa))
    names = ["first", "second", "examples", "same", "kappa", "low", "high", "why"]
    return pd.DataFrame(lines, columns=names)


MONTHS_FROM = 120 * 86_400.0
"""Seconds between the first and the last answer from which periods are months instead of weeks."""


def periods(shared: pd.DataFrame, distance: np.ndarray, fewest: int) -> pd.DataFrame:
    """Return the agreement by week or month of a unit's newest answer."""
    names = ["period", "examples", "same", "alpha", "low", "high", "why"]
    if shared.empty:
        return pd.DataFrame(columns=names)
    newest = shared.groupby("example")["when"].transform("max")
    spread = float(newest.max() - newest.min())
    day = pd.to_datetime(newest, unit="s")
    unit = "M" if spread >= MONTHS_FROM else "W"
    period = day.dt.to_period(unit).dt.start_time.dt.strftime(
        "%Y-%m" if unit == "M" else "%Y-%m-%d"
    )
    lines = []
    for name, part in shared.groupby(period):
        counts, times = _patterns(part, len(distance))
        alpha = _estimate(counts, times, partial(_alpha, counts=counts, distance=distance), fewest)
        lines.append((name, int(times.sum()), _same(counts, times), *alpha))
    return pd.DataFrame(lines, columns=names)


def _classes(counts: np.ndarray, times: np.ndarray, classes: list[str]) -> pd.DataFrame:
    size = counts.sum(axis=1, keepdims=True)
    equal = times @ (counts * (counts - 1) / np.maximum(1, size - 1))
    answers = times @ counts
    table = pd.DataFrame({"value": classes, "answers": answers.astype(int), "same": equal})
    table = table[answers > 0]
    table["same"] /= table["answers"]
    hardest: pd.DataFrame = table.sort_values(
        ["same", "answers"], ascending=[True, False], ignore_index=True
    )
    return hardest


def disagreements(shared: pd.DataFrame) -> pd.DataFrame:
    """Return people and answers of each unit with different answers."""
    different = shared.groupby("example")["code"].transform("nunique")
    answer = shared["who"] + ": " + shared["value"]
    part = shared.assign(different=different, answer=answer)[different > 1]
    groups = part.sort_values("who", kind="stable").groupby("example")
    table = pd.DataFrame(
        {
            "different": groups["different"].first(),
            "people": groups.size(),
            "answers": groups["answer"].agg(" · ".join),
        }
    )
    order = table.sort_values(["different", "people"], ascending=False, kind="stable").index
    return table.loc[order, ["people", "answers"]]
