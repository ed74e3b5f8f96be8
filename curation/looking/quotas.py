"""Quotas of topics: the most rows of each that a selection may take, and its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Dataset
from curation.looking.coverage import Compared
from curation.recipe import Recipe, Step
from curation.shapes import COLUMN


def parameters_of(selection: Step | None) -> dict[str, Any]:
    """Return the parameters of a selection, the column that shares its budget always as `balance`."""
    params = dict(selection.params) if selection is not None else {}
    return {"balance" if key == "by" else key: value for key, value in params.items()}


def with_quota(params: Mapping[str, Any], topic: str, most: int) -> dict[str, Any]:
    """Return the parameters with a quota of a topic added to those of other topics."""
    former = params.get("quotas", []) if params.get("balance") == "topic" else []
    others = [q for q in former if q.rpartition("=")[0].strip() != topic]
    return {**params, "balance": "topic", "quotas": [*others, _line(topic, most)]}


def of_cuts(compared: Compared, over: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters that cut the topics of `gaps.over_represented`."""
    topics = compared.about["topics"]
    part = over[over["cut"] > 0]
    limits = dict(zip(part["topic"], part["keep"], strict=True))
    if compared.last == "chosen":  # other topics must not grow above what was chosen
        limits = {**topics, **limits}
    return {
        "budget": sum(topics.values()) - int(over["cut"].sum()),
        "balance": "topic",
        "quotas": [_line(topic, count) for topic, count in limits.items()],
    }


def with_least(params: Mapping[str, Any], column: str, value: str, least: int) -> dict[str, Any]:
    """Return the parameters of a selection with at least so many rows of a value of a column.

    Quotas of the same column stay; of another column they cannot, so they go. The other values share
    what is left as the method prefers.
    """
    former = params.get("quotas", []) if params.get("balance") == column else []
    others = [q for q in former if q.rpartition(">=")[0].strip() != value]
    shares = params.get("shares", "free") if params.get("balance") == column else "free"
    quotas = [*others, f"{value} >= {least}"]
    return {**params, "balance": column, "shares": shares, "quotas": quotas}


def with_column(recipe: Recipe) -> Recipe:
    """Return a recipe with the step that makes the kinds of conversation, where its selection needs it."""
    column = parameters_of(recipe.selection).get("balance")
    if column != COLUMN or any(step.use == COLUMN for step in recipe):
        return recipe
    return recipe + Step(COLUMN)


def candidates(dataset: Dataset) -> np.ndarray:
    """Return True for each row that the selection may take: kept, or dropped by the selection."""
    steps = [report.name for report in dataset.steps if report.kind == "select"]
    fate = dataset.rows["dropped_by"]
    return np.asarray(fate.isna() | fate.isin(steps))


def count_candidates(dataset: Dataset) -> int:
    """Return the number of rows that the selection may take."""
    return int(candidates(dataset).sum())


def _line(topic: str, count: int) -> str:
    return f"{topic} = {count}"
