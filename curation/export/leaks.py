"""Whether anything stands on two sides of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.operations.duplicates import folded
from curation.operations.split import SAME_SOURCE


def leaks(rows: pd.DataFrame, vectors: np.ndarray | None, threshold: float) -> dict[str, Any]:
    """Same prompts, duplicate groups and source conversations, and the nearest pair across splits.

    vectors: aligned with rows, NaN where a row was not embedded. `leak_safe` only when nothing is
    shared, no pair reaches the threshold and every row was looked at; what is not so is said in
    `text`.
    """
    names = rows["split"].fillna("train").astype(str)
    if names.nunique() < 2:
        return {
            "checked": False,
            "leak_safe": False,
            "text": "There is one split only; nothing to check.",
        }
    shared = {
        "same_prompt": _straddling(rows["prompt"].fillna("").map(folded), names),
        "same_group": _straddling(rows["duplicate_group"], names)
        if "duplicate_group" in rows
        else 0,
        "same_conversation": sum(
            _straddling(ids, names) for ids in _conversations(rows["metadata"])
        ),
    }
    found: dict[str, Any] = {"checked": True, **shared, "threshold": threshold}
    said = []
    if any(shared.values()):
        said.append(
            f"{shared['same_prompt']:,} prompts, {shared['same_group']:,} duplicate groups and "
            f"{shared['same_conversation']:,} source conversations stand in more than one split."
        )
    if vectors is None:
        said.append("Without embeddings only equal prompts, groups and conversations were checked.")
        return {**found, "leak_safe": False, "text": " ".join(said)}
    nearest, above = _nearest(rows, names.to_numpy(), vectors, threshold)
    blind = int(np.isnan(vectors[:, 0]).sum())
    if above:
        said.append(
            f"{above:,} examples of validation or test have a neighbour in another split at "
            f"similarity {threshold:g} or more."
        )
    if blind:
        said.append(f"{blind:,} examples have no embedding and were not compared.")
    return {
        **found,
        "nearest": nearest,
        "above_threshold": above,
        "not_embedded": blind,
        "leak_safe": not said,
        "text": " ".join(said),
    }


def _straddling(keys: pd.Series, names: pd.Series) -> int:
    """How many keys stand in more than one split."""
    known = (keys.notna() & (keys != "")).to_numpy()
    return int((names[known].groupby(keys[known].to_numpy()).nunique() > 1).sum())


def _conversations(metadata: pd.Series) -> list[pd.Series]:
    """For each way in which files name a source conversation, the name that each row carries."""
    told = [orjson.loads(text) if text else {} for text in metadata.fillna("")]
    return [
        pd.Series([str(t[k]) if k in t else "" for t in told], index=metadata.index, dtype="str")
        for k in SAME_SOURCE
        if any(k in t for t in told)
    ]


def _nearest(
    rows: pd.DataFrame, names: np.ndarray, vectors: np.ndarray, threshold: float
) -> tuple[dict[str, Any] | None, int]:
    """The most similar pair across splits, and how many held-out rows reach the threshold."""
    import faiss

    best: dict[str, Any] | None = None
    above = 0
    here = ~np.isnan(vectors[:, 0])
    for name in sorted(set(names) - {"train"}):
        mine, others = (
            np.flatnonzero((names == name) & here),
            np.flatnonzero((names != name) & here),
        )
        if not len(mine) or not len(others):
            continue
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors[others]))
        similarity, who = index.search(np.ascontiguousarray(vectors[mine]), 1)
        above += int((similarity[:, 0] >= threshold).sum())
        i = int(similarity[:, 0].argmax())
        if best is None or similarity[i, 0] > best["similarity"]:
            j = others[who[i, 0]]
            best = {
                "similarity": round(float(similarity[i, 0]), 4),
                "ids": [str(rows.index[mine[i]]), str(rows.index[j])],
                "splits": [name, str(names[j])],
            }
    return best, above
