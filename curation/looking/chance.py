"""A choice beside random ones of the same budget: measures, their bands, and a verdict on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curation.columns import as_text
from curation.dataset import Dataset, Progress, silent
from curation.looking import measures
from curation.looking.choice import Choice
from curation.registry import operation
from curation.vectors import Many

DRAWS = 10
"""Choices of each random method that a choice is compared with."""

FIRST_SEED = 1_000
"""The seed of the first of them, so that a random choice is not compared with itself."""

BANDS = {"random": "select_random", "balanced": "select_balanced"}
"""Random methods that a choice is compared with."""

NAMES = {
    "facility_location": "Coverage: mean similarity to the nearest chosen",
    "within_reach": "Share with a chosen example within reach",
    "radius": "Farthest from any chosen (less is better)",
    "novelsum": "Diversity (NovelSum)",
    "vendi": "Distinct examples (Vendi score)",
    "topic_entropy": "Entropy over topics, in bits",
    "distinct": "Different pairs of words (distinct-2)",
}
"""Measures → titles."""

CURVES = ("facility_location", "novelsum")
"""Measures that are drawn over the number of chosen rows."""

LESS_IS_BETTER = ("radius",)

POINTS = 8
"""Sizes at which a curve is drawn."""

WORK = 10_000_000
"""Similarities computed for each choice that is compared; more rows are a sample."""

TEXTS = 500
"""Chosen answers, evenly spaced by rank, whose pairs of words are counted."""


@dataclass(frozen=True)
class Beside:
    """A choice beside ten random and ten random balanced ones of the same budget.

    table: one row per measure: measure (title), verdict, chosen, and the least and greatest value of
    each band: random_low, random_high, balanced_low, balanced_high. curves: for each measure of CURVES
    and each size: measure, size, and the same five columns. knee: size at which the curve of coverage
    bends; None where it rises evenly. covered: rows of the pool whose coverage was measured.
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    knee: int | None
    covered: int

    def counts(self, band: str) -> tuple[int, int]:
        """Return by how many measures the choice is better, and worse, than all ten of a band."""
        table = self.table
        sign = np.where(table["measure"].isin([NAMES[name] for name in LESS_IS_BETTER]), -1, 1)
        above = (table["chosen"] > table[f"{band}_high"]).astype(int)
        side = sign * (above - (table["chosen"] < table[f"{band}_low"]).astype(int))
        return int((side > 0).sum()), int((side < 0).sum())

    @property
    def share_at_knee(self) -> float:
        """The coverage of the choice's first rows, up to the knee, as a share of the whole choice's.

        It is 1 without a knee.
        """
        if self.knee is None:
            return 1.0
        curve = next(iter(self.by_measure().values())).set_index("size")["chosen"]
        return float(curve[self.knee] / curve.iloc[-1])

    def by_measure(self) -> dict[str, pd.DataFrame]:
        """Map the title of each measure of CURVES → its curve."""
        return {str(title): part for title, part in self.curves.groupby("measure", sort=False)}


@dataclass(frozen=True)
class _Pool:
    """The embedded rows of a pool, and the part of them that has to be covered.

    vectors: (rows, width). cover: positions of a sample. topics, answers: texts of the rows.
    """

    ids: pd.Index
    vectors: Many
    cover: np.ndarray
    topics: np.ndarray | None
    answers: np.ndarray
    references: Mapping[str, np.ndarray]

    def measured(self, order: np.ndarray, sizes: Sequence[int]) -> dict[str, np.ndarray]:
        """Return each measure of a choice: those of CURVES for each size, others for the whole."""
        chosen = self.vectors[order]
        own = [min(size, len(order)) for size in sizes]
        values = measures.coverage_curve(self.vectors[self.cover], chosen, own)
        values["novelsum"] = self._novelsum(order, own)
        values["vendi"] = np.array([measures.vendi(chosen)])
        if self.topics is not None:
            values["topic_entropy"] = np.array([measures.entropy_bits(self.topics[order])])
        texts = self.answers[order[measures.evenly(len(order), TEXTS)]]
        values["distinct"] = np.array([measures.distinct_pairs(texts)])
        for name, vectors in self.references.items():
            near = measures.coverage_curve(vectors, chosen, [len(order)])
            values[name] = near["within_reach"]
        return values

    def _novelsum(self, order: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
        parts = [measures.evenly(size) for size in sizes]
        rows = np.unique(np.concatenate(parts))
        density = measures.densities(self.vectors[order[rows]], self.vectors[self.cover])
        chosen = self.vectors[order]
        return np.array(
            [
                measures.novelsum(chosen[:size], density[np.searchsorted(rows, part)], part)
                for size, part in zip(sizes, parts, strict=True)
            ]
        )


@dataclass(frozen=True)
class Chance:
    """Random choices of one budget from one pool, measured once for every choice beside them.

    sizes: sizes at which curves are drawn. draws: band → measures of each of its choices.
    """

    pool: _Pool = field(repr=False)
    sizes: list[int]
    draws: Mapping[str, Sequence[Mapping[str, np.ndarray]]] = field(repr=False)

    def beside(self, choice: Choice) -> Beside:
        """Compare a choice of that budget from that pool with these."""
        ours = self.pool.measured(_positions(self.pool, choice.chosen), self.sizes)
        return _beside({"chosen": [ours], **self.draws}, self.sizes, len(self.pool.cover))


def chance(
    dataset: Dataset,
    choice: Choice,
    references: Mapping[str, np.ndarray] | None = None,
    progress: Progress = silent,
) -> Chance:
    """Measure DRAWS random and DRAWS random balanced choices of a choice's budget and pool.

    They are the operations of BANDS with other seeds. Rows without a vector are left out.
    references: title → unit vectors of a reference set, (rows, width); each is one more measure: the
    share of it with a chosen example within reach. In a large pool a sample of rows has to be
    covered, the same for all choices. Raises AssertionError without embeddings.
    """
    pool = _pool(dataset, choice, references or {})
    sizes = sizes_up_to(len(_positions(pool, choice.chosen)))
    rows = dataset.rows.loc[choice.pool.sort_values()]
    rows = rows.set_axis(rows.index.astype(object))  # the operations go through the ids one by one
    budget: dict[str, Any] = {"budget": len(choice.chosen)}
    if choice.report.params.get("unit") == "tokens":
        budget = {name: choice.report.params[name] for name in ("budget", "unit")}
    draws: dict[str, list[Mapping[str, np.ndarray]]] = {band: [] for band in BANDS}
    for number, (band, name) in enumerate(BANDS.items()):
        for seed in range(DRAWS):
            drawn = operation(name).run(rows, **budget, seed=FIRST_SEED + seed)
            order = drawn.loc[drawn["keep"], "rank"].sort_values(kind="stable").index
            draws[band].append(pool.measured(_positions(pool, order), sizes))
            done = number * DRAWS + seed + 1
            progress(done / DRAWS / len(BANDS), f"{done} of {len(BANDS) * DRAWS} random choices")
    return Chance(pool, sizes, draws)


def beside_chance(
    dataset: Dataset,
    choice: Choice,
    references: Mapping[str, np.ndarray] | None = None,
    progress: Progress = silent,
) -> Beside:
    """Compare a choice with random ones of its budget and pool; see `chance`."""
    return chance(dataset, choice, references, progress).beside(choice)


def _pool(dataset: Dataset, choice: Choice, references: Mapping[str, np.ndarray]) -> _Pool:
    """Return the embedded rows of a choice's pool."""
    assert dataset.vectors is not None
    ids = choice.pool.sort_values()
    vectors = dataset.vectors.of_rows(dataset.rows.index.get_indexer(ids))
    embedded = vectors.present
    ids, vectors = ids[embedded], vectors.of_rows(embedded)
    rows = dataset.rows.loc[ids]
    most = int(np.clip(WORK // max(len(choice.chosen), 1), 500, 4_000))
    cover = np.random.default_rng(0).permutation(len(ids))[:most]
    topics = as_text(rows["topic"]).to_numpy() if "topic" in rows else None
    return _Pool(ids, vectors, np.sort(cover), topics, rows["response"].to_numpy(), references)


def _positions(pool: _Pool, ids: pd.Index) -> np.ndarray:
    """Return the positions of ids in a pool, in their order, without those that have no vector."""
    positions = pool.ids.get_indexer(ids)
    return np.asarray(positions[positions >= 0])


def sizes_up_to(size: int) -> list[int]:
    """Return the sizes at which a curve is drawn, denser at its steep beginning; the last is `size`."""
    parts = (np.arange(1, POINTS + 1) / POINTS) ** 1.5
    return sorted({max(1, round(size * part)) for part in parts})


def _beside(
    values: Mapping[str, Sequence[Mapping[str, np.ndarray]]], sizes: Sequence[int], covered: int
) -> Beside:
    """Return measures and curves of the choice and of both bands as tables."""
    ours, lines, curves = values["chosen"][0], [], []
    for name in ours:
        title = NAMES.get(name, name)
        bands = {band: np.array([draw[name] for draw in values[band]]) for band in BANDS}
        limits = [
            {
                "chosen": ours[name][i],
                **{f"{band}_low": of[:, i].min() for band, of in bands.items()},
                **{f"{band}_high": of[:, i].max() for band, of in bands.items()},
            }
            for i in range(len(ours[name]))
        ]
        sign = -1 if name in LESS_IS_BETTER else 1
        lines.append({"measure": title, "verdict": _verdict(limits[-1], sign), **limits[-1]})
        if name in CURVES:
            pairs = zip(sizes, limits, strict=True)
            curves += [{"measure": title, "size": size, **limit} for size, limit in pairs]
    knee = measures.knee(sizes, ours["facility_location"])
    return Beside(pd.DataFrame(lines), pd.DataFrame(curves), knee, covered)


def _verdict(limits: Mapping[str, float], sign: int) -> str:
    """Return in words how a value stands to both bands; sign: −1 where less is better."""
    places = {
        band: sign
        * (
            int(limits["chosen"] > limits[f"{band}_high"])
            - int(limits["chosen"] < limits[f"{band}_low"])
        )
        for band in BANDS
    }
    random, balanced = places["random"], places["balanced"]
    words = {1: "better than", -1: "worse than"}
    if random == balanced:
        return f"{words[random]} random and balanced" if random else "within chance"
    parts = [f"{words[place]} {band}" for band, place in places.items() if place]
    return ", ".join(parts)
