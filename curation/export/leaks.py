"""Whether anything stands on two sides of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Progress, silent
from curation.operations.split import conversations
from curation.text.folding import folded

LISTED = 100
"""Pairs above the threshold that are named one by one."""

BLOCK = 1_024
"""Held-out rows that are compared at once."""


def leaks(
    rows: pd.DataFrame, vectors: np.ndarray | None, threshold: float, progress: Progress = silent
) -> dict[str, Any]:
    """Same prompts, duplicate groups and source conversations, and the nearest pairs across splits.

    vectors: aligned with rows, NaN where a row was not embedded. `leak_safe` only when nothing is
    shared, no pair reaches the threshold and every row was looked at; what is not so, and what to
    do about it, is said in `text`. `pairs` are those above the threshold, nearest first, at most
    `LISTED`.
    """
    names = rows["split"].fillna("train").astype(str)
    if names.nunique() < 2:
        return {
            "checked": False,
            "leak_safe": False,
            "text": "There is one split only; nothing to check.",
        }
    shared = {
        "same_prompt": _straddling(
            rows["prompt"].fillna("").map(lambda prompt: folded(prompt, False)), names
        ),
        "same_group": _straddling(rows["duplicate_group"], names)
        if "duplicate_group" in rows
        else 0,
        "same_conversation": sum(
            _straddling(ids, names) for ids in conversations(rows["metadata"]).values()
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
        said.append(
            "Without embeddings only equal prompts, groups and conversations were checked; add the "
            "step embed to have meanings compared too."
        )
        return {**found, "leak_safe": False, "text": " ".join(said)}
    similarity, pairs = _nearest(names.to_numpy(), vectors, progress)
    above = int((similarity >= threshold).sum())
    named = _named(rows.index, names.to_numpy(), similarity, pairs)
    blind = int(np.isnan(vectors[:, 0]).sum())
    if above:
        said.append(
            f"{above:,} examples of validation or test have a neighbour in another split at "
            f"similarity {threshold:g} or more: look at the pairs in manifest.json, drop one of each "
            "and export again."
        )
    if blind:
        said.append(f"{blind:,} examples have no embedding and were not compared.")
    return {
        **found,
        "nearest": named[0] if named else None,
        "above_threshold": above,
        "pairs": [pair for pair in named if pair["similarity"] >= threshold],
        "not_embedded": blind,
        "leak_safe": not said,
        "text": " ".join(said),
    }


def _straddling(keys: pd.Series, names: pd.Series) -> int:
    """How many keys stand in more than one split."""
    known = (keys.notna() & (keys != "")).to_numpy()
    return int((names[known].groupby(keys[known].to_numpy()).nunique() > 1).sum())


def _nearest(
    names: np.ndarray, vectors: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest row of another split to each held-out row, nearest first.

    Returns cosine similarities (n,) to four digits and positions (n, 2), the held-out row's first.
    Exact, for leak-safe is a promise; one pass over all rows for every block of held-out ones.
    """
    import faiss

    here = ~np.isnan(vectors[:, 0])
    held_out = int((here & (names != "train")).sum())
    similarity, pairs = [np.zeros(0, np.float32)], [np.zeros((0, 2), np.int64)]
    done = 0
    for name in sorted(set(names) - {"train"}):
        mine, others = (np.flatnonzero(part & here) for part in (names == name, names != name))
        if not len(others):
            continue
        data = vectors[others]
        for at in range(0, len(mine), BLOCK):
            block = mine[at : at + BLOCK]
            found, who = faiss.knn(vectors[block], data, 1, metric=faiss.METRIC_INNER_PRODUCT)
            similarity.append(found[:, 0])
            pairs.append(np.column_stack([block, others[who[:, 0]]]))
            done += len(block)
            progress(done / held_out, f"Leaks: {done:,} of {held_out:,} compared")
    closeness, found_pairs = np.concatenate(similarity).round(4), np.concatenate(pairs)
    order = np.lexsort([*found_pairs.T, -closeness])
    return closeness[order], found_pairs[order]


def _named(
    ids: pd.Index, names: np.ndarray, similarity: np.ndarray, pairs: np.ndarray
) -> list[dict[str, Any]]:
    """The first `LISTED` pairs by their ids; two held-out rows that name each other are one."""
    found: dict[frozenset[int], dict[str, Any]] = {}
    for close, (i, j) in zip(similarity.tolist(), pairs.tolist(), strict=True):
        if len(found) == LISTED:
            break
        found.setdefault(
            frozenset((i, j)),
            {
                "similarity": round(close, 4),
                "ids": [str(ids[i]), str(ids[j])],
                "splits": [str(names[i]), str(names[j])],
            },
        )
    return list(found.values())
