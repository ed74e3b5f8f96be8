"""Gaps of a dataset against a reference set, over-represented topics, and possible copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pandas as pd

from curation.looking.coverage import Compared


@dataclass(frozen=True)
class Gap:
    """A region of the reference set with rows out of reach.

    name: words of the missing rows. size: rows of the reference set in the region. missing: ids of
    the rows out of reach, farthest first. closing: dropped rows within reach of them, nearest first.
    closed: number of missing rows that the dropped ones would bring within reach.
    """

    name: str
    size: int
    missing: tuple[str, ...]
    closing: tuple[str, ...]
    closed: int

    @property
    def share(self) -> float:
        """The share of the region that is out of reach."""
        return len(self.missing) / self.size


def gaps(compared: Compared, texts: Mapping[str, str] | pd.Series, reach: float) -> list[Gap]:
    """Return regions with rows out of reach, the most first; texts: reference set id → prompt."""
    rows = compared.rows
    missing = compared.missing(reach)
    groups = np.where(missing, rows["region"].to_numpy() + 1, 0)
    regions = [int(g) for g in np.unique(groups) if g]
    prompts = pd.Series(texts, dtype="str").reindex(rows.index).fillna("")
    names = own_words(prompts.tolist(), groups)
    sizes = np.bincount(rows["region"].to_numpy(), minlength=max(regions, default=0) + 1)
    result = []
    for group in regions:
        part = rows[groups == group].sort_values(compared.last, kind="stable")
        closing, closed = _closing(part, reach)
        result.append(
            Gap(names[group], int(sizes[group - 1]), tuple(part.index), closing, closed),
        )
    return sorted(result, key=lambda gap: (-len(gap.missing), gap.name))


def gap_frame(gaps: Sequence[Gap]) -> pd.DataFrame:
    """Return a line for each gap: missing, size, name, share, and closing (numbers of rows)."""
    return pd.DataFrame(
        {
            "missing": [len(gap.missing) for gap in gaps],
            "size": [gap.size for gap in gaps],
            "name": [gap.name for gap in gaps],
            "share": [gap.share for gap in gaps],
            "closing": [len(gap.closing) for gap in gaps],
        }
    )


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
    from curation.topic_names import Naming, names

    labels, place = np.unique(groups, return_inverse=True)
    terms = Naming(texts, place, len(labels)).terms(np.arange(len(labels)))
    return dict(zip(labels.tolist(), names(terms), strict=True))


def as_json_lines(
    compared: Compared, prompts: pd.Series, ids: Sequence[str], region: str = ""
) -> bytes:
    """Return rows of a reference set as JSON Lines: prompt, region and similarity."""
    near = compared.rows[compared.last].reindex(list(ids)).astype(float).round(4)
    return b"".join(
        orjson.dumps({"prompt": prompt, "region": region, "similarity": similarity}) + b"\n"
        for prompt, similarity in zip(prompts.reindex(list(ids)), near, strict=True)
    )


COPY = 0.95
"""Similarity from which an example may be a copy of a row of the reference set, or a rewording."""


def copies(compared: Compared, least: float = COPY) -> pd.DataFrame:
    """Return rows of the reference set that our examples may contain; a model would know them by heart.

    Indexed by reference set id, the most similar first: example (id of the nearest one), similarity.
    """
    near = compared.rows[[compared.last, "nearest"]]
    near = near[near[compared.last] >= least - 1e-6].sort_values(
        compared.last, ascending=False, kind="stable"
    )
    return pd.DataFrame({"example": near["nearest"], "similarity": near[compared.last]})


def copies_kept(copied: pd.DataFrame, prompts: pd.Series, rows: pd.DataFrame) -> pd.DataFrame:
    """Return copies whose example is kept now, with the reference set's prompt (asked) and our prompt.

    copied: see `copies`. prompts: prompts of the reference set by id. rows: rows of the dataset.
    """
    examples = copied["example"]
    kept = rows["dropped_by"].reindex(examples).isna().to_numpy()
    copied = copied[kept & examples.isin(rows.index).to_numpy()]
    return copied.assign(
        asked=prompts.reindex(copied.index),
        prompt=rows["prompt"].reindex(copied["example"]).to_numpy(),
    )


def over_represented(
    compared: Compared, multiple: float = 2.0, untouched: bool = False
) -> pd.DataFrame:
    """Return topics whose share of our examples is over `multiple` times that of the reference set.

    A row of the reference set counts for the topic of its nearest example. Columns: topic, here and
    reference (rows of each), share_here, share_reference, ratio (infinite for a topic that the
    reference set lacks), keep, cut, beyond_chance (above the upper end of the 95 % interval, Wilson
    1927). A topic beyond chance is cut to `multiple` times its share of the reference set; a topic
    that the reference set lacks is cut only with `untouched`. The largest cut comes first.
    """
    ours = pd.Series(dict(compared.about["topics"]), dtype="int64")
    if ours.empty or "topic" not in compared.rows:
        return pd.DataFrame(columns=_OVER)
    theirs = compared.rows["topic"].value_counts().reindex(ours.index).fillna(0).astype("int64")
    n, m = int(ours.sum()), int(theirs.sum())
    share_ours, share_theirs = ours / n, theirs / max(1, m)
    over = share_ours > multiple * share_theirs * (1 + 1e-9)
    beyond = share_ours > multiple * _upper(theirs, m)
    capped = over & beyond & ((theirs > 0) | untouched)
    left = 1 - multiple * float(share_theirs[capped].sum())
    after = float(ours[~capped].sum()) / left if left > 1e-9 else 0.0
    keep = ours.where(~capped, (multiple * share_theirs * after).round().astype("int64"))
    keep = keep.clip(upper=ours)
    table = pd.DataFrame(
        {
            "topic": ours.index,
            "here": ours,
            "reference": theirs,
            "share_here": share_ours,
            "share_reference": share_theirs,
            "ratio": share_ours / share_theirs.where(share_theirs > 0, np.nan),
            "keep": keep,
            "cut": ours - keep,
            "beyond_chance": beyond,
        }
    )[over.to_numpy()]
    table["ratio"] = table["ratio"].fillna(np.inf)
    return table.sort_values(["cut", "here", "topic"], ascending=[False, False, True]).reset_index(
        drop=True
    )


@dataclass(frozen=True, eq=False)
class Excess:
    """The list of `over_represented` in two parts, and the rows left when it is cut.

    touched, never: topics that the reference set touches and those that it never does.
    beyond_chance: of those touched. cut, left, total: rows of the dataset.
    """

    touched: pd.DataFrame
    never: pd.DataFrame
    beyond_chance: int
    cut: int
    total: int

    @classmethod
    def of(cls, compared: Compared, over: pd.DataFrame) -> Excess:
        """The parts of a table and their sums."""
        touched = over[over["reference"] > 0]
        return cls(
            touched=touched,
            never=over[over["reference"] == 0],
            beyond_chance=int(touched["beyond_chance"].sum()),
            cut=int(over["cut"].sum()),
            total=sum(compared.about["topics"].values()),
        )

    @property
    def left(self) -> int:
        """Rows that are left."""
        return self.total - self.cut


_OVER = [
    "topic",
    "here",
    "reference",
    "share_here",
    "share_reference",
    "ratio",
    "keep",
    "cut",
    "beyond_chance",
]


def _upper(counts: pd.Series, total: int, z: float = 1.96) -> pd.Series:
    """Return the upper ends of the 95 % intervals of shares."""
    share, n = counts / max(1, total), max(1, total)
    middle = share + z**2 / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    upper: pd.Series = (middle + half) / (1 + z**2 / n)
    return upper


def still_dropped(rows: pd.DataFrame, ids: Sequence[str]) -> list[str]:
    """Return the ids of examples that are dropped now; the comparison may be older."""
    return list(rows["dropped_by"].reindex(list(ids)).dropna().index)
