"""Coverage of a reference set (another set of texts) by a dataset, compared with chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from curation.cache import read_table, write_table
from curation.dataset import Dataset, Progress, silent
from curation.embedding.neighbours import nearest_in
from curation.errors import CurationError
from curation.vectors import Many, some_of

STAGES = {"before": "with an embedding", "kept": "kept", "chosen": "chosen"}
"""Parts of the dataset that are compared with a reference set → their names: all rows with vectors,
rows after the filters, rows after a selection."""

ANCHORS = 8
"""Nearest examples whose places give a row of the reference set its place on the map."""

DROPPED = 10
"""Nearest dropped rows stored for each row of the reference set."""

USUAL = 0.25
"""Quantile of our examples' similarities to their nearest other that gives the default reach.

It was chosen by reading pairs of Alpaca's 52,002 and three benchmarks: at 0.65 both texts ask for the
same kind of thing, at 0.55 they share words only; the lower quartile of Alpaca's own is 0.62.
"""

LOWEST_REACH, HIGHEST_REACH = 0.6, 0.9
"""Bounds of the default reach.

Without a lower bound a small set would seem to cover more than a large one that contains it.
"""

DRAWS = 10
"""Random parts of the dataset that its coverage is compared with."""

SAMPLE = 2_000
"""Rows from which the usual similarity and the coverage by chance are measured."""


@dataclass(frozen=True)
class Compared:
    """The comparison of a reference set with a dataset.

    rows: one per row of the reference set, indexed by its id. Columns: for each stage the cosine
    similarity to its nearest example; nearest, that example's id in the last stage, and its topic;
    map_x and map_y (NaN without a map); region, a number; dropped and dropped_similarity, lists of
    the nearest dropped rows, nearest first.
    about: stages (name → rows), reach (default threshold), usual (quantiles of the usual
    similarity), of (the embedded side), topics (topic → rows of the last stage), random
    (similarities by draw, sorted).
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]

    @property
    def stages(self) -> list[str]:
        """The stages of the dataset, of STAGES, in order."""
        return list(self.about["stages"])

    @property
    def last(self) -> str:
        """The last stage: the rows that a delivery would hold now."""
        return self.stages[-1]

    def within(self, reach: float, stage: str | None = None) -> float:
        """Return the share of the reference set with an example of a stage within reach."""
        return float((self.rows[stage or self.last] >= reach - 1e-6).mean())

    def count_within(self, reach: float) -> int:
        """Return the number of rows of the reference set within reach of the last stage."""
        return int((~self.missing(reach)).sum())

    def points_since(self, reach: float, stage: str) -> float:
        """Return the percentage points of the reference set that came within reach since a stage.

        They are below zero where rows went out of reach, and 0 below a hundredth of a point.
        """
        return round(self.within(reach) - self.within(reach, stage), 4) * 100

    def by_chance(self, reach: float) -> tuple[float, float] | None:
        """Return the least and greatest share that random parts of the last stage's size cover.

        None where the last stage is nearly the whole dataset.
        """
        draws = [np.asarray(d) for d in self.about["random"]]
        shares = [float((d >= reach - 1e-6).mean()) for d in draws]
        return (min(shares), max(shares)) if shares else None

    def missing(self, reach: float) -> np.ndarray:
        """Return True for each row of the reference set that is out of reach."""
        return np.asarray(self.rows[self.last] < reach - 1e-6)

    def count_missing(self, reach: float) -> int:
        """Return the number of rows of the reference set that are out of reach."""
        return int(self.missing(reach).sum())

    def lost_by_choice(self, reach: float) -> float:
        """Return the share of the reference set that the selection put out of reach."""
        return self.within(reach, "kept") - self.within(reach) if self.last == "chosen" else 0.0

    def to_table(self) -> pa.Table:
        """Return the comparison as a table for a file."""
        table = pa.Table.from_pandas(self.rows)
        about = orjson.dumps(self.about, option=orjson.OPT_SERIALIZE_NUMPY)
        return table.replace_schema_metadata({**(table.schema.metadata or {}), b"about": about})

    @classmethod
    def from_table(cls, table: pa.Table) -> Compared:
        """Read the comparison from a table of `to_table`."""
        return cls(table.to_pandas(), orjson.loads(table.schema.metadata[b"about"]))


def stages(dataset: Dataset) -> dict[str, np.ndarray]:
    """Return a mask over the rows, (rows,) bool, for each of STAGES that the dataset has.

    Rows that were dropped before they were embedded are in none.
    """
    assert dataset.vectors is not None
    embedded = dataset.vectors.present
    dropped = dataset.rows["dropped_by"]
    kept = dropped.isna().to_numpy()
    select = next((r for r in dataset.steps if r.kind == "select"), None)
    if select is None:
        return {"before": embedded, "kept": embedded & kept}
    pool = kept | (dropped == select.name).fillna(False).to_numpy(dtype=bool)
    return {"before": embedded, "kept": embedded & pool, "chosen": embedded & kept}


def compare(
    dataset: Dataset, reference: np.ndarray, ids: Sequence[str], progress: Progress = silent
) -> Compared:
    """Compare a reference set's vectors, (rows, width) float32 of unit length, with a dataset.

    The dataset needs vectors of the same model and sides. Raises CurationError when no row with a
    vector is kept.
    """
    assert dataset.vectors is not None
    parts = stages(dataset)
    last = list(parts)[-1]
    ours = np.flatnonzero(parts[last])
    if not len(ours) or not len(reference):
        raise CurationError("Nothing is kept that could be compared; loosen a filter.")
    columns = dict[str, Any]()
    for number, (name, mask) in enumerate(parts.items()):
        progress(0.1 + 0.15 * number, f"nearest of {int(mask.sum()):,} examples {STAGES[name]}")
        k = ANCHORS if name == last else 1
        who, similarities = nearest_in(reference, dataset.vectors.of_rows(mask), k)
        columns[name] = similarities[:, 0]
    near = ours[who]
    columns["nearest"] = dataset.rows.index[near[:, 0]].to_numpy(dtype=object)
    plane = _between(dataset.rows, near, similarities)
    columns["map_x"], columns["map_y"] = plane[:, 0], plane[:, 1]
    topics = dict[str, int]()
    if "topic" in dataset.rows:
        topic = dataset.rows["topic"].astype("str").fillna("").to_numpy(dtype=object)
        columns["topic"] = topic[near[:, 0]]
        names, counts = np.unique(topic[ours].astype(str), return_counts=True)
        topics = dict(zip(names.tolist(), counts.tolist(), strict=True))
    progress(0.6, "what was dropped near it")
    columns.update(_nearest_dropped(dataset, parts["before"] & ~parts[last], reference))
    progress(0.7, "regions of the reference set")
    columns["region"] = regions(reference)
    progress(0.8, "the usual similarity, and chance")
    usual = usual_similarities(dataset.vectors.of_rows(ours))
    rows = pd.DataFrame(columns, index=pd.Index(list(ids), name="id", dtype="str"))
    about = {
        "stages": {name: int(mask.sum()) for name, mask in parts.items()},
        "rows": len(dataset.rows),
        "usual": [round(float(q), 4) for q in np.quantile(usual, [0.1, 0.25, 0.5, 0.75, 0.9])]
        if len(usual)
        else [],
        "reach": usual_reach(usual),
        "topics": topics,
        "random": _by_chance(dataset.vectors.of_rows(parts["before"]), len(ours), reference),
    }
    return Compared(rows, about)


def usual_similarities(vectors: Many) -> np.ndarray:
    """Return similarities of at most SAMPLE examples to their nearest other, ascending."""
    if len(vectors) < 3:
        return np.zeros(0)
    draw = np.random.default_rng(0).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)
    _, similarities = nearest_in(vectors[np.sort(draw)], vectors, 2)
    return np.sort(similarities[:, 1])


def usual_reach(usual: np.ndarray) -> float:
    """Return the default reach: three of four of our examples have another one that near.

    It is at least LOWEST_REACH and at most HIGHEST_REACH.
    """
    if not len(usual):
        return LOWEST_REACH
    return round(float(np.clip(np.quantile(usual, USUAL), LOWEST_REACH, HIGHEST_REACH)), 2)


def regions(vectors: np.ndarray) -> np.ndarray:
    """Number the rows of a reference set by region, (rows,): k-means with √(rows / 8) centres."""
    from sklearn.cluster import KMeans

    different = len(np.unique(vectors, axis=0))
    count = int(min(np.clip(round(np.sqrt(len(vectors) / 8)), 1, 40), different))
    if count <= 1:
        return np.zeros(len(vectors), dtype=np.int64)
    fitted = KMeans(count, n_init=10, random_state=0).fit(_thinned(vectors))
    return np.asarray(fitted.predict(np.ascontiguousarray(vectors)), dtype=np.int64)


def _thinned(vectors: np.ndarray, limit: int = 20_000) -> np.ndarray:
    if len(vectors) <= limit:
        return np.ascontiguousarray(vectors)
    draw = np.random.default_rng(0).choice(len(vectors), limit, replace=False)
    return np.ascontiguousarray(vectors[np.sort(draw)])


def _between(rows: pd.DataFrame, near: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """Return places on the map as weighted means of the nearest examples' places, (rows, 2)."""
    if "map_x" not in rows:
        return np.full((len(near), 2), np.nan)
    plane = rows[["map_x", "map_y"]].to_numpy(dtype=float)[near]
    # the weights fall fast, so that neighbours in far parts do not pull it into the empty middle
    weights = np.exp((similarities - similarities[:, :1]) / 0.02)
    weights = np.where(np.isnan(plane[:, :, 0]), 0.0, weights)
    total = weights.sum(axis=1, keepdims=True)
    place = np.einsum("tk,tkc->tc", weights, np.nan_to_num(plane))
    return np.where(total > 0, place / np.maximum(total, 1e-12), np.nan)


def _nearest_dropped(dataset: Dataset, mask: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    dropped = np.flatnonzero(mask)
    if not len(dropped):
        empty = [np.zeros(0, dtype=object) for _ in reference]
        return {"dropped": empty, "dropped_similarity": [np.zeros(0) for _ in reference]}
    assert dataset.vectors is not None
    who, similarities = nearest_in(reference, dataset.vectors.of_rows(dropped), DROPPED)
    ids = dataset.rows.index.to_numpy(dtype=object)[dropped[who]]
    return {"dropped": list(ids), "dropped_similarity": list(similarities.astype(float))}


def _by_chance(vectors: Many, size: int, reference: np.ndarray) -> list[list[float]]:
    """Return sorted similarities of a sampled reference set to DRAWS random parts of a size.

    Empty where the part is nearly the whole dataset.
    """
    if size > 0.9 * len(vectors):
        return []
    rng = np.random.default_rng(0)
    sampled = reference[
        np.sort(rng.choice(len(reference), min(SAMPLE // 2, len(reference)), replace=False))
    ]
    draws = []
    for _ in range(DRAWS):
        part = np.sort(rng.choice(len(vectors), size, replace=False))
        near = nearest_in(sampled, some_of(vectors, part), 1)[1][:, 0]
        draws.append([round(float(s), 4) for s in np.sort(near)])
    return draws


def remembered(folder: Path, name: str) -> Compared | None:
    """Return the comparison of that name in a reference set's folder of results; None without it."""
    table = read_table(folder / f"{name}.arrow")
    return None if table is None else Compared.from_table(table)


def by_age(folder: Path) -> list[str]:
    """Return the names of a folder's comparisons, newest first."""
    return [path.stem for path in _by_age(folder)]


def remember(folder: Path, name: str, compared: Compared, most: int = 4) -> None:
    """Write a comparison to its folder; the oldest beyond `most` are deleted."""
    write_table(folder / f"{name}.arrow", compared.to_table())
    for path in _by_age(folder)[most:]:
        path.unlink(missing_ok=True)


def _by_age(folder: Path) -> list[Path]:
    """Return the files of comparisons, newest first."""
    return sorted(folder.glob("*.arrow"), key=lambda p: (-p.stat().st_mtime_ns, p.name))
