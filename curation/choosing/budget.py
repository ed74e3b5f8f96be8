"""A budget in examples or tokens, what shares it, and the answer of every operation that chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.choosing.covering import nearest_chosen
from curation.choosing.preference import (
    Groups,
    Method,
    Pick,
    following,
    in_shares,
    limits_of,
    within_limits,
)
from curation.columns import as_text
from curation.dataset import Progress, silent
from curation.errors import CurationError
from curation.parameters import Column, Range
from curation.vectors import Many

Unit = Literal["examples", "tokens"]
Shares = Literal["equal", "root", "proportional", "free"]
Budget = Annotated[int, "how many examples, or tokens, to choose", Range(1, None)]
Units = Annotated[
    Unit,
    "what the budget counts; tokens are those of prompt and response, and the choice ends before the "
    "example that would exceed it; one without a count is passed over",
]
Balance = Annotated[
    Column | None,
    "share the budget among the values of this column, such as label, topic or source",
]
SharesOf = Annotated[
    Shares,
    "with balance, a value's share: equal, by the root of its examples, in proportion to them, or "
    "free, where only the quotas count",
]
Quotas = Annotated[
    list[str],
    "with balance, how many of a value: at most, as `cooking = 40`, or at least, as `cooking >= 40`",
]

COVERS = 0.7
"""Cosine similarity from which a chosen row covers another; the pages call it within reach."""

_POWERS = {"equal": 0.0, "root": 0.5, "proportional": 1.0, "free": 1.0}


@dataclass(frozen=True)
class Rules:
    """The rules of a choice: a budget in examples or tokens, and its shares by the values of a column."""

    budget: int
    unit: Unit = "examples"
    balance: str | None = None
    shares: Shares = "equal"
    quotas: Sequence[str] = ()


@dataclass(frozen=True)
class Chosen:
    """A choice: positions in the order of choice, and the gain of each."""

    order: np.ndarray
    gains: np.ndarray


@dataclass(frozen=True)
class Pool:
    """The rows that may be chosen, under rules.

    vectors: (rows, width), zeros for a row without one; None for methods that need none. Raises
    CurationError where the rows are fewer than the budget, where tokens were not counted, and for
    quotas that cannot be read, name a value that no row has, or ask for more than the budget.
    """

    rows: pd.DataFrame
    rules: Rules
    vectors: Many | None = None
    progress: Progress = silent
    pinned: np.ndarray = field(init=False)
    costs: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        pinned = np.zeros(0, dtype=np.int64)
        if "pinned" in self.rows:
            pinned = np.flatnonzero(self.rows["pinned"].fillna(False).astype(bool))
        object.__setattr__(self, "pinned", pinned)
        object.__setattr__(self, "costs", self._costs())

    def _costs(self) -> np.ndarray:
        """The cost of each row, in examples or tokens of the budget, (rows,).

        Infinite for a row without a token count, and 0 where a person keeps such a row.
        """
        budget, count = self.rules.budget, len(self.rows)
        if self.rules.unit == "examples":
            if budget > count:
                raise CurationError(
                    f"The budget is {budget:,} examples but only {count:,} are kept; lower the budget "
                    "or loosen a filter."
                )
            return np.ones(count)
        sides = [f"{side}_tokens" for side in ("prompt", "response")]
        if not set(sides) <= set(self.rows.columns):
            raise CurationError(
                "A budget in tokens needs the columns prompt_tokens and response_tokens: add lengths "
                "before it."
            )
        tokens = self.rows[sides].to_numpy(dtype=float, na_value=np.nan).sum(axis=1)
        total = float(np.nansum(tokens))
        if budget > total:
            raise CurationError(
                f"The budget is {budget:,} tokens but the {count:,} kept examples have {total:,.0f}; "
                "lower the budget or loosen a filter."
            )
        costs = np.where(np.isnan(tokens), np.inf, tokens)
        costs[self.pinned] = np.nan_to_num(tokens[self.pinned])
        return costs

    def choose(self, method: Method) -> Chosen:
        """Take the pinned rows, and then what the method prefers until the budget is spent."""
        everything = np.arange(len(self.rows))
        preference = self._shared(method)(everything, self.pinned)
        order, gains = self.pinned.tolist(), [float("nan")] * len(self.pinned)
        spent = float(self.costs[self.pinned].sum())
        pick = following(preference)
        while pick is not None:
            if np.isinf(self.costs[pick[0]]):
                pick = following(preference, False)
                continue
            if spent + self.costs[pick[0]] > self.rules.budget:
                break
            order.append(pick[0])
            gains.append(pick[1])
            spent += self.costs[pick[0]]
            if len(order) % 500 == 0:
                self.progress(spent / self.rules.budget, f"{len(order):,} examples chosen")
            if spent >= self.rules.budget:
                break
            pick = following(preference, True)
        if not order and pick is not None:
            raise CurationError(self._too_long(pick))
        return Chosen(np.array(order, dtype=np.int64), np.array(gains))

    def _too_long(self, pick: Pick) -> str:
        return (
            f"The first example of the choice, {self.rows.index[pick[0]]}, has "
            f"{self.costs[pick[0]]:,.0f} tokens and the budget is {self.rules.budget:,}; raise the "
            "budget or filter by length."
        )

    def _shared(self, method: Method) -> Method:
        """The method under the shares and quotas of the rules."""
        rules = self.rules
        if rules.balance is None:
            if rules.quotas:
                raise CurationError(
                    "Quotas need a column to balance by, such as topic; name it as balance."
                )
            return method
        groups = self.groups(rules.balance)
        return (within_limits if rules.shares == "free" else in_shares)(groups, method)

    def groups(self, column: str) -> Groups:
        """The values of a column as groups that share the budget."""
        names, numbers, sizes = np.unique(
            as_text(self.rows[column]).to_numpy(dtype=str), return_inverse=True, return_counts=True
        )
        least, most = self._limits(column, names.tolist())
        room = np.array([most.get(name, size) for name, size in zip(names, sizes, strict=True)])
        wants = np.array([least.get(name, 0) for name in names], dtype=np.int64)
        if self.rules.unit == "examples" and wants.sum() > self.rules.budget:
            raise CurationError(
                f"The quotas ask for {wants.sum():,} examples at least and the budget is "
                f"{self.rules.budget:,}; raise the budget or lower a quota."
            )
        weights = sizes ** _POWERS[self.rules.shares]
        return Groups(numbers.reshape(-1), weights, np.minimum(room, sizes), wants, self.costs)

    def _limits(self, column: str, names: list[str]) -> tuple[dict[str, int], dict[str, int]]:
        """The least and the most rows of values."""
        least, most, unknown = limits_of(self.rules.quotas, names)
        if unknown:
            shown = ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
            raise CurationError(
                f"A quota names {unknown[0]!r}, which no kept example has as its {column}; there are: "
                f"{shown}. Correct the quotas or leave this one out."
            )
        return least, most

    def answer(self, chosen: Chosen, why: Callable[[int], str]) -> pd.DataFrame:
        """The columns keep, reason and rank, and gain, covered_by and stands_for with vectors.

        why: position → the method's reason for a chosen row. covered_by: of a row that was not
        chosen, the nearest chosen row, if it is as near as COVERS. stands_for: how many rows that
        were not chosen a chosen one covers.
        """
        ids, rows = self.rows.index, len(self.rows)
        keep, rank = np.zeros(rows, dtype=bool), np.full(rows, np.nan)
        keep[chosen.order] = True
        rank[chosen.order] = np.arange(1, len(chosen.order) + 1)
        columns = dict[str, Any](keep=keep, rank=rank)
        nearest, similarity = self._nearest(chosen.order, keep)
        covers = np.bincount(nearest[nearest >= 0], minlength=rows)
        by_person, names = set(self.pinned.tolist()), ids.to_numpy(dtype=object)
        reasons = list[str]()
        for i in range(rows):
            if keep[i]:
                text = "kept by a person" if i in by_person else why(i)
                if self.vectors is not None:
                    text += f", stands for {covers[i]:,} other{'s' if covers[i] != 1 else ''}"
            elif np.isinf(self.costs[i]):
                text = "it has no token count"
            elif nearest[i] >= 0:
                text = f"covered by {names[nearest[i]]} (similarity {similarity[i]:.2f})"
            elif self.vectors is None:
                text = "not within the budget"
            else:
                text = f"not within the budget; nothing chosen is near it ({COVERS:.2f} or more)"
            reasons.append(text)
        columns["reason"] = pd.Series(reasons, dtype="str").to_numpy()
        if self.vectors is not None:
            gain = np.full(rows, np.nan)
            gain[chosen.order] = chosen.gains
            covered_by = [names[n] if n >= 0 else None for n in nearest.tolist()]
            columns["gain"] = gain
            columns["covered_by"] = pd.Series(covered_by, dtype="str").to_numpy()
            columns["stands_for"] = np.where(keep, covers, np.nan)
        frame = pd.DataFrame(columns, index=ids)
        texts = {name: "str" for name in ("reason", "covered_by") if name in frame}
        return frame.astype(texts)

    def ranked(
        self, chosen: Chosen, score: str | None = None, values: np.ndarray | None = None
    ) -> Callable[[int], str]:
        """The reason of a chosen row by its rank and, where there are values, its score."""
        ranks = np.zeros(len(self.rows), dtype=np.int64)
        ranks[chosen.order] = np.arange(1, len(chosen.order) + 1)
        if values is None:
            return lambda i: f"rank {ranks[i]:,}"
        return lambda i: f"rank {ranks[i]:,}, {worth(score, values[i])}"

    def _nearest(self, order: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each row that was not chosen the nearest chosen one, −1 for none, and its similarity."""
        nearest, similarity = np.full(len(keep), -1, dtype=np.int64), np.zeros(len(keep))
        rest = np.flatnonzero(~keep)
        if self.vectors is None or not len(order) or not len(rest):
            return nearest, similarity
        chosen = np.sort(order)
        near, cosine = nearest_chosen(self.vectors, rest, chosen, self.progress)
        covered = cosine >= COVERS
        nearest[rest[covered]] = chosen[near[covered]]
        similarity[rest] = cosine
        return nearest, similarity


def worth(score: str | None, value: float) -> str:
    """Return a score and its value in words."""
    return f"no {score}" if np.isnan(value) else f"{score} {value:.2f}"


def _unmet(params: Mapping[str, Any], rows: pd.DataFrame, keep: pd.Series) -> list[str]:
    """Return a sentence for each value that has fewer chosen examples than its quota asks for."""
    column = params.get("balance") or params.get("by")
    if not column or not params.get("quotas"):
        return []
    values = as_text(rows[column])
    chosen = values[keep.reindex(values.index)].value_counts()
    least = limits_of(params["quotas"], ())[0]
    return [
        f"{int(chosen.get(name, 0)):,} examples of {name!r} were chosen, fewer than the {count:,} that "
        f"its quota asks for; {int((values == name).sum()):,} could be chosen."
        for name, count in least.items()
        if chosen.get(name, 0) < count
    ]


def shortfall(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Return sentences on a choice: quotas that it does not meet, fewer examples than its budget, or
    how many tokens it has and how many examples have no count of them.
    """
    budget, chosen = params["budget"], int(answer["keep"].sum())
    unmet = _unmet(params, rows, answer["keep"])
    if params["unit"] == "tokens":
        counts = rows.loc[answer.index, ["prompt_tokens", "response_tokens"]].sum(
            axis=1, skipna=False
        )
        tokens = int(counts[answer["keep"]].sum())
        unknown = int((counts.isna() & ~answer["keep"]).sum())
        passed = f"{unknown:,} example{'s have' if unknown != 1 else ' has'} no token count"
        return [
            f"The choice has {tokens:,} tokens in {chosen:,} examples; the budget is {budget:,}.",
            *([f"{passed} and could not be chosen."] if unknown else []),
            *unmet,
        ]
    if chosen >= budget:
        return unmet
    return [
        *unmet,
        f"{chosen:,} examples were chosen of a budget of {budget:,}: by the method or by the quotas no "
        "other may be chosen.",
    ]
