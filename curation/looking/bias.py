"""Whether suggestions bias people: how often answers agree with one that was shown, and with one that was not.

The examples whose suggestions are held back are chosen by their ids, so they differ from the others by
chance alone, and a difference in agreement is the effect of showing. The interval is a bootstrap over
examples, because several answers about one example are not independent. Each arm gets an example that
agrees and one that does not beside those that were drawn, so that an arm without a disagreement has an
uncertain share too (Agresti and Caffo 2000).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.decisions import State
from curation.decisions.answers import answer_of
from curation.decisions.event import question_of
from curation.decisions.suggested import beside_answer, is_accepted
from curation.text.counted import counted

FEWEST = 30
"""Answered examples without their suggestion below which nothing is said about its effect."""

RESAMPLES = 4_000
LEVEL = 0.95

COLUMNS = ("example", "source", "question", "who", "shown", "agreed", "right")


@dataclass(frozen=True)
class Arm:
    """Answers with the suggestion shown, or without.

    examples, answers: their numbers. agreed: answers that are the suggested one. checked: answers about
    examples whose right answer is known. right: those of them that are right.
    """

    examples: int
    answers: int
    agreed: int
    checked: int = 0
    right: int = 0

    @property
    def share(self) -> float:
        """The share of the answers that are the suggested one; NaN without answers."""
        return self.agreed / self.answers if self.answers else np.nan


@dataclass(frozen=True)
class Bias:
    """The effect of one source's suggestions to one question.

    low, high: bounds of the 95 % interval of the difference of the shares; NaN while it is not told.
    """

    source: str
    question: str
    shown: Arm
    hidden: Arm
    low: float = np.nan
    high: float = np.nan

    @property
    def accepted(self) -> int:
        """The number of answers that accepted a suggestion that was shown."""
        return self.shown.agreed

    @property
    def changed(self) -> int:
        """The number of answers that differ from a suggestion that was shown."""
        return self.shown.answers - self.shown.agreed

    @property
    def difference(self) -> float:
        """The share that agrees where it was shown less that where it was not; NaN while it is not told."""
        return self.shown.share - self.hidden.share if self.is_told else np.nan

    @property
    def is_told(self) -> bool:
        """Whether both arms are large enough to tell the difference."""
        return min(self.shown.examples, self.hidden.examples) >= FEWEST

    def sentence(self) -> str:
        """Return the effect in words."""
        if not self.shown.answers:
            return "Nobody has answered beside a suggestion that was shown."
        text = f"Where the suggestion was shown people agreed with it in {self.shown.share:.0%}"
        if not self.is_told:
            return (
                f"{text}. It cannot be told yet whether it sways them: "
                f"{counted(self.hidden.examples, 'example was', 'examples were')} answered "
                f"without it and {self.shown.examples:,} with it, and each needs {FEWEST}."
            )
        points = round(100 * self.shown.share) - round(100 * self.hidden.share)
        more = (
            f"{abs(points)} points {'more' if points >= 0 else 'fewer'}"
            if points
            else "no difference"
        )
        ends = f"{100 * self.low:.0f} to {100 * self.high:.0f}"
        text += f", where it was hidden in {self.hidden.share:.0%}: {more} ({ends})."
        if self.low > 0:
            text += " Showing it sways people towards it."
        elif self.high < 0:
            text += " Showing it turns people away from it."
        return text + self._gold_sentence()

    def _gold_sentence(self) -> str:
        if not (self.shown.checked and self.hidden.checked):
            return ""
        return (
            f" Of the answers that are known they gave the right one in {self.shown.right:,} of "
            f"{self.shown.checked:,} with it and in {self.hidden.right:,} of {self.hidden.checked:,} without."
        )

    def summary(self) -> dict[str, Any]:
        """Return the numbers and the sentence as a JSON object; None for what cannot be told."""
        numbers = {"difference": self.difference, "low": self.low, "high": self.high}
        plain = {name: None if np.isnan(v) else round(v, 4) for name, v in numbers.items()}
        arms = {name: asdict(arm) for name, arm in (("shown", self.shown), ("hidden", self.hidden))}
        names = {"source": self.source, "question": self.question}
        return {**names, **arms, "changed": self.changed, **plain, "sentence": self.sentence()}


def answers_beside(people: State) -> pd.DataFrame:
    """Return a row for each person's own answer that stood beside a suggestion, gold items too.

    Columns: COLUMNS; shown and agreed are bool, right is bool or missing where it is not known.
    """
    rows = []
    for example in people.suggested:
        checks = people.checks.get(example, {}).values()
        for answer in (*people.opinions.get(example, ()), *(e.settles() for e in checks)):
            if (suggestion := beside_answer(people, answer)) is None:
                continue
            value, question = suggestion.value, question_of(answer)
            gold = people.gold.get(example, {}).get(question)
            right = None
            if gold is not None and gold.annotator != answer.annotator:
                right = answer_of(answer) == answer_of(gold.settles())
            agreed = is_accepted(answer, suggestion)
            names = example, value["source"], question, answer.annotator
            rows.append((*names, value["shown"], agreed, right))
    types = {"shown": "bool", "agreed": "bool", "right": "boolean"}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def biases(answers: pd.DataFrame) -> list[Bias]:
    """Return the effect of each source on each question, those with the most answers first.

    answers: as `answers_beside`.
    """
    results = []
    for (source, question), group in answers.groupby(["source", "question"], sort=True):
        shown, hidden = group[group["shown"]], group[~group["shown"]]
        result = Bias(str(source), str(question), _arm(shown), _arm(hidden))
        if result.is_told:
            low, high = interval(shown, hidden)
            result = Bias(result.source, result.question, result.shown, result.hidden, low, high)
        results.append(result)
    return sorted(results, key=lambda result: -(result.shown.answers + result.hidden.answers))


def _arm(part: pd.DataFrame) -> Arm:
    checked = part["right"].dropna()
    return Arm(
        int(part["example"].nunique()),
        len(part),
        int(part["agreed"].sum()),
        len(checked),
        int(checked.sum()),
    )


def interval(shown: pd.DataFrame, hidden: pd.DataFrame) -> tuple[float, float]:
    """Return the bounds of the 95 % interval of the difference of two arms' shares of agreement.

    Equal input gives the same bounds.
    """
    rng = np.random.default_rng(0)
    shares = [_resampled(part, rng) for part in (shown, hidden)]
    ends = np.quantile(shares[0] - shares[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(ends[0]), float(ends[1])


def _resampled(part: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return an arm's share of agreement in resamples of its examples, (RESAMPLES,).

    Examples with equally many answers and agreements are alike, so their number is drawn at once.
    """
    by_example = part.groupby("example")["agreed"].agg(["size", "sum"]).to_numpy()
    kinds, counts = np.unique(np.vstack([by_example, [[1, 0], [1, 1]]]), axis=0, return_counts=True)
    drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    sums = drawn @ kinds
    return np.asarray(sums[:, 1] / sums[:, 0])
