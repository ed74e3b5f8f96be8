"""What a chosen part covers of the whole, and what a dataset covers of a target, beside chance."""

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

DRAWS = 10
BLOCK = 4_096
"""Rows and chosen rows compared at once: 64 MB of similarities, whatever the budget."""


def nearest_chosen(vectors: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Cosine similarity of every row to the nearest of the chosen vectors, (rows,)."""
    near = np.full(len(vectors), -np.inf, dtype=np.float32)
    for at in range(0, len(vectors), BLOCK):
        rows, mine = vectors[at : at + BLOCK], near[at : at + BLOCK]
        for first in range(0, len(chosen), BLOCK):
            np.maximum(mine, (rows @ chosen[first : first + BLOCK].T).max(axis=1), out=mine)
    return near


def measures(
    vectors: np.ndarray, chosen: np.ndarray, topics: Sequence[str] | None = None
) -> dict[str, float]:
    """How well chosen vectors, (budget, width), cover all, (rows, width).

    facility_location: mean similarity of a row to its nearest chosen. radius: greatest distance
    (1 − cosine) of any row to it. within_reach: share of rows with a chosen one at 0.7 or nearer.
    vendi: Vendi score (Friedman and Dieng 2023), linear kernel: the effective number of distinct
    examples chosen. topic_entropy: of the topics of the chosen, in bits.
    """
    near = nearest_chosen(vectors, chosen)
    part = chosen.astype(np.float64)
    spectrum = np.linalg.eigvalsh(part.T @ part / len(part))
    found = {
        "facility_location": float(near.mean()),
        "radius": float(1 - near.min()),
        "within_reach": float((near >= 0.7).mean()),
        "vendi": float(np.exp(_entropy(spectrum[spectrum > 1e-12]))),
    }
    if topics is not None:
        _, counts = np.unique(np.asarray(topics, dtype=str), return_counts=True)
        found["topic_entropy"] = float(_entropy(counts) / np.log(2))
    return found


def _entropy(weights: np.ndarray) -> float:
    """Shannon entropy of positive weights, in nats."""
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
    """Measures of a choice beside those of ten random ones of the same size from the same pool.

    Columns measure, chosen, random least, random most, verdict. Of a pool larger than `sample`
    a random part is what has to be covered, so that it takes seconds.
    """
    assert dataset.vectors is not None
    ids = pd.Index(sorted(pool))
    vectors = dataset.vectors[dataset.rows.index.get_indexer(ids)]
    here = ~np.isnan(vectors[:, 0])
    ids, vectors = ids[here], vectors[here]
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


# --- against a target -----------------------------------------------------------------------

STAGES = {"before": "before the recipe", "kept": "kept", "chosen": "chosen"}
"""Parts of the dataset that are held against a target: all with vectors, after filters, after a
selection."""

ANCHORS = 8
"""Nearest examples between which a row of the target is put on the map."""

DROPPED = 10
"""Nearest dropped rows that are remembered for each row of the target."""

USUAL = 0.25
"""Share of our own examples whose nearest other is farther than the reach begins with.

By reading pairs of Alpaca's 52,002 and three benchmarks: at 0.65 both texts ask for the same kind of
thing, at 0.55 they share words only; the lower quartile of Alpaca's own is 0.62.
"""

LOWEST_REACH, HIGHEST_REACH = 0.6, 0.9
"""The reach of a few examples that are unlike each other, and of a dataset of twins.

Without a lowest a small set would seem to cover more than a large one that holds it.
"""

SAMPLE = 2_000
"""Rows from which the usual similarity, and what chance covers, are measured."""


@dataclass(frozen=True)
class Compared:
    """A target held against a dataset.

    rows: one per row of the target, indexed by its id: a column for each stage with the cosine
    similarity to the nearest example of it; nearest, that example's id in the last stage, and its
    topic; map_x and map_y (NaN without a map); region, a number; dropped and dropped_similarity,
    lists of the nearest dropped rows, nearest first.
    about: stages (name → rows), reach (the threshold to begin with), usual (its quartiles), of (what
    was embedded), topics (topic → rows of the last stage), random (similarities by draw, sorted).
    """

    rows: pd.DataFrame
    about: Mapping[str, Any]

    @property
    def last(self) -> str:
        """The last stage: what would be delivered now."""
        return str(list(self.about["stages"])[-1])

    def within(self, reach: float, stage: str | None = None) -> float:
        """Share of the target with an example of a stage at that similarity or nearer."""
        return float((self.rows[stage or self.last] >= reach - 1e-6).mean())

    def by_chance(self, reach: float) -> tuple[float, float] | None:
        """Least and most of that share for random parts as large as the last stage.

        None where the last stage is nearly all there was.
        """
        draws = [np.asarray(d) for d in self.about["random"]]
        shares = [float((d >= reach - 1e-6).mean()) for d in draws]
        return (min(shares), max(shares)) if shares else None

    def missing(self, reach: float) -> np.ndarray:
        """True for each row of the target that is out of reach."""
        return np.asarray(self.rows[self.last] < reach - 1e-6)

    def to_table(self) -> pa.Table:
        """As a table to be remembered."""
        table = pa.Table.from_pandas(self.rows)
        about = orjson.dumps(self.about, option=orjson.OPT_SERIALIZE_NUMPY)
        return table.replace_schema_metadata({**(table.schema.metadata or {}), b"about": about})

    @classmethod
    def from_table(cls, table: pa.Table) -> Compared:
        """What `to_table` made."""
        return cls(table.to_pandas(), orjson.loads(table.schema.metadata[b"about"]))


def stages(dataset: Dataset) -> dict[str, np.ndarray]:
    """Masks over the rows, (rows,) bool, of each of STAGES that there is.

    Rows that were dropped before they were embedded are in none.
    """
    assert dataset.vectors is not None
    here = ~np.isnan(dataset.vectors[:, 0])
    dropped = dataset.rows["dropped_by"]
    kept = dropped.isna().to_numpy()
    select = next((r for r in dataset.steps if r.kind == "select"), None)
    if select is None:
        return {"before": here, "kept": here & kept}
    pool = kept | (dropped == select.name).fillna(False).to_numpy(dtype=bool)
    return {"before": here, "kept": here & pool, "chosen": here & kept}


def compare(
    dataset: Dataset, target: np.ndarray, ids: Sequence[str], progress: Progress = silent
) -> Compared:
    """Hold a target's vectors, (target, width) float32 of unit length, against a dataset with vectors.

    The dataset's vectors must be of the same model and sides. Raises CurationError when nothing
    that has a vector is kept.
    """
    assert dataset.vectors is not None
    parts = stages(dataset)
    last = list(parts)[-1]
    ours = np.flatnonzero(parts[last])
    if not len(ours) or not len(target):
        raise CurationError("Nothing is kept that could be compared; loosen a filter.")
    columns = dict[str, Any]()
    for number, (name, mask) in enumerate(parts.items()):
        progress(0.1 + 0.15 * number, f"nearest of {int(mask.sum()):,} examples {STAGES[name]}")
        k = ANCHORS if name == last else 1
        who, similarities = nearest_in(target, dataset.vectors[mask], k)
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
    columns.update(_nearest_dropped(dataset, parts["before"] & ~parts[last], target))
    progress(0.7, "regions of the target")
    columns["region"] = regions(target)
    progress(0.8, "the usual similarity, and chance")
    usual = usual_similarities(dataset.vectors[parts[last]])
    rows = pd.DataFrame(columns, index=pd.Index(list(ids), name="id", dtype="str"))
    about = {
        "stages": {name: int(mask.sum()) for name, mask in parts.items()},
        "rows": len(dataset.rows),
        "usual": [round(float(q), 4) for q in np.quantile(usual, [0.1, 0.25, 0.5, 0.75, 0.9])]
        if len(usual)
        else [],
        "reach": usual_reach(usual),
        "topics": topics,
        "random": _by_chance(dataset.vectors[parts["before"]], len(ours), target),
    }
    return Compared(rows, about)


def usual_similarities(vectors: np.ndarray) -> np.ndarray:
    """Similarity of examples, of SAMPLE at most, to the nearest other, ascending."""
    if len(vectors) < 3:
        return np.zeros(0)
    draw = np.random.default_rng(0).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)
    _, similarities = nearest_in(vectors[np.sort(draw)], vectors, 2)
    return np.sort(similarities[:, 1])


def usual_reach(usual: np.ndarray) -> float:
    """The threshold to begin with: three of four of our own examples have another that near.

    At least LOWEST_REACH, at most HIGHEST_REACH.
    """
    if not len(usual):
        return LOWEST_REACH
    return round(float(np.clip(np.quantile(usual, USUAL), LOWEST_REACH, HIGHEST_REACH)), 2)


def regions(vectors: np.ndarray) -> np.ndarray:
    """A number for each row of a target, (rows,): k-means with the square root of rows / 8 centres."""
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
    """Places on the map between the nearest examples, (target, 2), the nearest counting most."""
    if "map_x" not in rows:
        return np.full((len(near), 2), np.nan)
    plane = rows[["map_x", "map_y"]].to_numpy(dtype=float)[near]
    # So sharp that neighbours in far parts of the map do not pull it into the empty middle.
    weights = np.exp((similarities - similarities[:, :1]) / 0.02)
    weights = np.where(np.isnan(plane[:, :, 0]), 0.0, weights)
    total = weights.sum(axis=1, keepdims=True)
    place = np.einsum("tk,tkc->tc", weights, np.nan_to_num(plane))
    return np.where(total > 0, place / np.maximum(total, 1e-12), np.nan)


def _nearest_dropped(dataset: Dataset, mask: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    gone = np.flatnonzero(mask)
    if not len(gone):
        empty = [np.zeros(0, dtype=object) for _ in target]
        return {"dropped": empty, "dropped_similarity": [np.zeros(0) for _ in target]}
    assert dataset.vectors is not None
    who, similarities = nearest_in(target, dataset.vectors[gone], DROPPED)
    ids = dataset.rows.index.to_numpy(dtype=object)[gone[who]]
    return {"dropped": list(ids), "dropped_similarity": list(similarities.astype(float))}


def _by_chance(vectors: np.ndarray, size: int, target: np.ndarray) -> list[list[float]]:
    """Sorted similarities of a target, thinned, to DRAWS random parts of the given size.

    Nothing where the part is nearly the whole, which chance covers as well.
    """
    if size > 0.9 * len(vectors):
        return []
    rng = np.random.default_rng(0)
    asked = target[np.sort(rng.choice(len(target), min(SAMPLE // 2, len(target)), replace=False))]
    draws = []
    for _ in range(DRAWS):
        part = np.sort(rng.choice(len(vectors), size, replace=False))
        near = nearest_in(asked, vectors[part], 1)[1][:, 0]
        draws.append([round(float(s), 4) for s in np.sort(near)])
    return draws


@dataclass(frozen=True)
class Gap:
    """A region of the target of which some is out of reach.

    name: words of what is missing. size: rows of the target in it. missing: ids of those out of
    reach, farthest first. closing: dropped rows within reach of them, nearest first. closed: how
    many of the missing those would bring within reach.
    """

    name: str
    size: int
    missing: tuple[str, ...]
    closing: tuple[str, ...]
    closed: int

    @property
    def share(self) -> float:
        """Share of the region that is out of reach."""
        return len(self.missing) / self.size


def gaps(compared: Compared, texts: Mapping[str, str] | pd.Series, reach: float) -> list[Gap]:
    """Regions with rows out of reach, those with the most first; texts: prompt by target id."""
    rows = compared.rows
    missing = compared.missing(reach)
    groups = np.where(missing, rows["region"].to_numpy() + 1, 0)
    found = [int(g) for g in np.unique(groups) if g]
    known = pd.Series(texts, dtype="str").reindex(rows.index).fillna("")
    names = own_words(known.tolist(), groups)
    sizes = np.bincount(rows["region"].to_numpy(), minlength=max(found, default=0) + 1)
    made = []
    for group in found:
        part = rows[groups == group].sort_values(compared.last, kind="stable")
        closing, closed = _closing(part, reach)
        made.append(
            Gap(names[group], int(sizes[group - 1]), tuple(part.index), closing, closed),
        )
    return sorted(made, key=lambda gap: (-len(gap.missing), gap.name))


def _closing(part: pd.DataFrame, reach: float) -> tuple[tuple[str, ...], int]:
    best, closed = dict[str, float](), 0
    for ids, similarities in zip(part["dropped"], part["dropped_similarity"], strict=True):
        near = [(i, s) for i, s in zip(ids, similarities, strict=True) if s >= reach - 1e-6]
        closed += bool(near)
        for i, s in near:
            best[i] = max(s, best.get(i, 0.0))
    return tuple(sorted(best, key=lambda i: (-best[i], i))), closed


def own_words(texts: Sequence[str], groups: np.ndarray) -> dict[int, str]:
    """A name of up to three words for each group: frequent in it, rare elsewhere (c-TF-IDF)."""
    from curation.words import Naming, names

    labels, place = np.unique(groups, return_inverse=True)
    terms = Naming(texts, place, len(labels)).terms(np.arange(len(labels)))
    return dict(zip(labels.tolist(), names(terms), strict=True))


def as_json_lines(
    compared: Compared, prompts: pd.Series, ids: Sequence[str], region: str = ""
) -> bytes:
    """Rows of a target as JSON Lines of prompts to write data for, with region and similarity."""
    near = compared.rows[compared.last].reindex(list(ids)).astype(float).round(4)
    return b"".join(
        orjson.dumps({"prompt": prompt, "region": region, "similarity": similarity}) + b"\n"
        for prompt, similarity in zip(prompts.reindex(list(ids)), near, strict=True)
    )


COPY = 0.95
"""Similarity from which one looks whether an example is a row of the target, reworded at most."""


def copies(compared: Compared, least: float = COPY) -> pd.DataFrame:
    """Rows of the target that may stand among our examples, so that it would measure memory.

    By target id, the most similar first: example (the id of the nearest kept one) and similarity.
    """
    near = compared.rows[[compared.last, "nearest"]]
    near = near[near[compared.last] >= least - 1e-6].sort_values(
        compared.last, ascending=False, kind="stable"
    )
    return pd.DataFrame({"example": near["nearest"], "similarity": near[compared.last]})


def over_represented(
    compared: Compared, multiple: float = 2.0, untouched: bool = False
) -> pd.DataFrame:
    """Topics whose share of our examples is above `multiple` times their share of the target.

    A row of the target counts for the topic of its nearest example. Columns topic, here, target (rows
    of each), share_here, share_target, ratio (infinite where the target never touches the topic),
    keep, cut, beyond_chance (above the upper end of the 95 % interval, Wilson 1927). Those beyond
    chance are cut until each stands at `multiple` times its share of the target; topics that the
    target never touches only with `untouched`. The most to cut come first.
    """
    ours = pd.Series(dict(compared.about["topics"]), dtype="int64")
    if ours.empty or "topic" not in compared.rows:
        return pd.DataFrame(columns=_OVER)
    theirs = compared.rows["topic"].value_counts().reindex(ours.index).fillna(0).astype("int64")
    n, m = int(ours.sum()), int(theirs.sum())
    here, there = ours / n, theirs / max(1, m)
    over = here > multiple * there * (1 + 1e-9)
    beyond = here > multiple * _upper(theirs, m)
    capped = over & beyond & ((theirs > 0) | untouched)
    left = 1 - multiple * float(there[capped].sum())
    after = float(ours[~capped].sum()) / left if left > 1e-9 else 0.0
    keep = ours.where(~capped, (multiple * there * after).round().astype("int64"))
    keep = keep.clip(upper=ours)
    table = pd.DataFrame(
        {
            "topic": ours.index,
            "here": ours,
            "target": theirs,
            "share_here": here,
            "share_target": there,
            "ratio": here / there.where(there > 0, np.nan),
            "keep": keep,
            "cut": ours - keep,
            "beyond_chance": beyond,
        }
    )[over.to_numpy()]
    table["ratio"] = table["ratio"].fillna(np.inf)
    return table.sort_values(["cut", "here", "topic"], ascending=[False, False, True]).reset_index(
        drop=True
    )


_OVER = [
    "topic",
    "here",
    "target",
    "share_here",
    "share_target",
    "ratio",
    "keep",
    "cut",
    "beyond_chance",
]


def _upper(counts: pd.Series, total: int, z: float = 1.96) -> pd.Series:
    """Upper ends of the 95 % intervals of shares."""
    share, n = counts / max(1, total), max(1, total)
    middle = share + z**2 / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    upper: pd.Series = (middle + half) / (1 + z**2 / n)
    return upper


def remembered(folder: Path, name: str) -> Compared | None:
    """What was remembered under a name in a target's folder of results; None when it is not there."""
    table = read_table(folder / f"{name}.arrow")
    return None if table is None else Compared.from_table(table)


def by_age(folder: Path) -> list[str]:
    """Names of the comparisons remembered there, whatever they were made of, newest first."""
    return [path.stem for path in _by_age(folder)]


def remember(folder: Path, name: str, compared: Compared, most: int = 4) -> None:
    """Remember a comparison; the oldest beyond `most` are forgotten."""
    write_table(folder / f"{name}.arrow", compared.to_table())
    for path in _by_age(folder)[most:]:
        path.unlink(missing_ok=True)


def _by_age(folder: Path) -> list[Path]:
    """Remembered comparisons, newest first."""
    return sorted(folder.glob("*.arrow"), key=lambda p: (-p.stat().st_mtime_ns, p.name))
