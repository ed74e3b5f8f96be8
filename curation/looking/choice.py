"""A selection's result, compared with its pool and with random choices of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curation.dataset import Dataset

MEDIANS = {"quality": "Median quality", "response_tokens": "Median response tokens"}
"""Columns whose medians are compared between a choice and its pool → titles."""

DRAWS = 10
"""Random choices of the same size that a choice is compared with."""

BLOCK = 4_096
"""Rows and chosen rows compared at once: 64 MB of similarities, whatever the budget."""


@dataclass(frozen=True)
class Choice:
    """The chosen rows of a recipe's selection, and its pool.

    chosen, pool: ids. reasons: reason of each choice by id, the first chosen first. fingerprint:
    fingerprint of the selection's step.
    """

    chosen: pd.Index
    pool: pd.Index
    reasons: pd.Series = field(repr=False)
    fingerprint: str

    @classmethod
    def of(cls, dataset: Dataset) -> Choice | None:
        """Return the choice of a dataset's selection; None when none was run."""
        report = next((r for r in dataset.steps if r.kind == "select"), None)
        if report is None:
            return None
        delta = report.delta[report.delta["keep"]]
        order = delta.sort_values("rank") if "rank" in delta else delta
        reasons = order["reason"] if "reason" in order else pd.Series("", index=order.index)
        return cls(delta.index, report.delta.index, reasons, report.fingerprint)

    def medians(self, rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
        """Map title → medians of chosen rows and of the pool, for measured columns of MEDIANS."""
        return {
            title: (
                float(rows.loc[self.chosen, column].median()),
                float(rows.loc[self.pool, column].median()),
            )
            for column, title in MEDIANS.items()
            if column in rows
        }

    def topic_shares(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return each topic's share of the pool and of the chosen rows, the pool's largest first."""
        parts = {"pool": self.pool, "chosen": self.chosen}
        shares = {
            name: rows.loc[ids, "topic"].value_counts(normalize=True) for name, ids in parts.items()
        }
        return pd.DataFrame(shares).fillna(0.0).sort_values("pool", ascending=False)


def nearest_chosen(vectors: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of every row to the nearest chosen vector, (rows,)."""
    near = np.full(len(vectors), -np.inf, dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        rows, mine = vectors[start : start + BLOCK], near[start : start + BLOCK]
        for first in range(0, len(chosen), BLOCK):
            np.maximum(mine, (rows @ chosen[first : first + BLOCK].T).max(axis=1), out=mine)
    return near


def measures(
    vectors: np.ndarray, chosen: np.ndarray, topics: Sequence[str] | None = None
) -> dict[str, float]:
    """Measure how well chosen vectors, (budget, width), cover all, (rows, width).

    facility_location: mean similarity of a row to its nearest chosen. radius: greatest distance
    (1 − cosine) of any row to it. within_reach: share of rows with a chosen one at 0.7 or nearer.
    vendi: Vendi score (Friedman and Dieng 2023), linear kernel: the effective number of distinct
    examples chosen. topic_entropy: of the topics of the chosen, in bits.
    """
    near = nearest_chosen(vectors, chosen)
    part = chosen.astype(np.float64)
    spectrum = np.linalg.eigvalsh(part.T @ part / len(part))
    values = {
        "facility_location": float(near.mean()),
        "radius": float(1 - near.min()),
        "within_reach": float((near >= 0.7).mean()),
        "vendi": float(np.exp(_entropy(spectrum[spectrum > 1e-12]))),
    }
    if topics is not None:
        _, counts = np.unique(np.asarray(topics, dtype=str), return_counts=True)
        values["topic_entropy"] = float(_entropy(counts) / np.log(2))
    return values


def _entropy(weights: np.ndarray) -> float:
    """Return the Shannon entropy of positive weights, in nats."""
    shares = weights / weights.sum()
    return float(-(shares * np.log(shares)).sum())


NAMES = {
    "facility_location": "Mean similarity to the nearest chosen",
    "within_reach": "Share with a chosen one within reach (0.7)",
    "radius": "Farthest example from any chosen (less is better)",
    "vendi": "Effective number of distinct examples",
    "topic_entropy": "Entropy over topics, in bits",
}


def beside_random(
    dataset: Dataset, pool: Sequence[str], chosen: Sequence[str], sample: int = 20_000
) -> pd.DataFrame:
    """Compare a choice's measures with those of ten random choices of its size from its pool.

    Columns: measure, chosen, random least, random most, verdict. When the pool is larger than
    `sample`, the choice has to cover a random part of it, so that this takes seconds.
    """
    assert dataset.vectors is not None
    ids = pd.Index(sorted(pool))
    vectors = dataset.vectors[dataset.rows.index.get_indexer(ids)]
    embedded = ~np.isnan(vectors[:, 0])
    ids, vectors = ids[embedded], vectors[embedded]
    mine = np.flatnonzero(ids.isin(chosen))
    topics = (
        dataset.rows.loc[ids, "topic"].fillna("").to_numpy() if "topic" in dataset.rows else None
    )
    rng = np.random.default_rng(0)
    to_cover = vectors
    if len(ids) > sample:
        to_cover = vectors[np.sort(rng.choice(len(ids), sample, replace=False))]

    def measured(part: np.ndarray) -> dict[str, float]:
        return measures(to_cover, vectors[part], None if topics is None else topics[part])

    ours = measured(mine)
    band = [measured(rng.choice(len(ids), len(mine), replace=False)) for _ in range(DRAWS)]
    rows = []
    for name, title in NAMES.items():
        if name not in ours:
            continue
        low, high = min(b[name] for b in band), max(b[name] for b in band)
        better = ours[name] < low if name == "radius" else ours[name] > high
        worse = ours[name] > high if name == "radius" else ours[name] < low
        rows.append(
            {
                "measure": title,
                "chosen": round(ours[name], 4),
                "random, least": round(low, 4),
                "random, most": round(high, 4),
                "verdict": "better" if better else "worse" if worse else "within chance",
            }
        )
    return pd.DataFrame(rows)
