"""Whether anything stands on two sides of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curation.operations.duplicates import folded


def leaks(rows: pd.DataFrame, vectors: np.ndarray | None, threshold: float) -> dict[str, Any]:
    """Same prompts, same duplicate groups and the nearest pair across splits.

    vectors: aligned with rows, NaN where a row was not embedded. `leak_safe` only when nothing is shared
    and no pair reaches the threshold; what could not be checked is said in `text`.
    """
    names = rows["split"].fillna("train").astype(str)
    if names.nunique() < 2:
        return {
            "checked": False,
            "leak_safe": False,
            "text": "There is one split only; nothing to check.",
        }
    prompts = rows["prompt"].fillna("").map(folded)
    same_prompt = _straddling(prompts, names)
    same_group = _straddling(rows["duplicate_group"], names) if "duplicate_group" in rows else 0
    found: dict[str, Any] = {
        "checked": True,
        "same_prompt": same_prompt,
        "same_group": same_group,
        "threshold": threshold,
    }
    if vectors is None:
        return {
            **found,
            "leak_safe": False,
            "text": "Without embeddings only equal prompts and groups were checked.",
        }
    nearest, above = _nearest(rows, names.to_numpy(), vectors, threshold)
    safe = not (same_prompt or same_group or above)
    text = (
        ""
        if safe
        else (
            f"Across splits, {same_prompt:,} prompts and {same_group:,} duplicate groups are shared, "
            f"and {above:,} examples of validation or test have a neighbour in another split at "
            f"similarity {threshold:g} or more."
        )
    )
    return {**found, "nearest": nearest, "above_threshold": above, "leak_safe": safe, "text": text}


def _straddling(keys: pd.Series, names: pd.Series) -> int:
    known = keys.notna() & (keys != "")
    return int((names[known].groupby(keys[known]).nunique() > 1).sum())


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
