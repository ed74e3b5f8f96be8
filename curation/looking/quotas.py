"""Quotas of topics: the most rows of each that a selection may take, and its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curation.choosing.preference import places
from curation.dataset import Dataset
from curation.looking.choice import Choice, values_by
from curation.looking.coverage import Compared


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


def fair_quotas(dataset: Dataset, choice: Choice, column: str) -> dict[str, Any]:
    """Return the parameters that give each group of a column its share of the places.

    column: of `choice.GROUPS`. The shares are those of the pool; the places are as many as were chosen.
    """
    sizes = values_by(dataset, column, choice.pool).value_counts().sort_index()
    names, counts = [str(name) for name in sizes.index], [int(count) for count in sizes]
    fair = places(counts, len(choice.chosen))
    lines = [_line(name, int(count)) for name, count in zip(names, fair, strict=True)]
    return {"balance": column, "quotas": lines}


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
