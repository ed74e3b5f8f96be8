"""Leaks between splits: equal prompts, groups and conversations, and near pairs.

Guarantee: `leak_safe` is said only when every row was compared, exactly. Accepted cost: the time of
an exact search over all pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Progress, silent
from curation.operations.split import conversations
from curation.text.folding import folded

LISTED = 100
"""Pairs above the threshold that are listed."""

BLOCK = 1_024
"""Held-out rows that are compared at once."""


def leaks(
    rows: pd.DataFrame, vectors: np.ndarray | None, threshold: float, progress: Progress = silent
) -> dict[str, Any]:
    """Find equal prompts, duplicate groups and source conversations, and near pairs across splits.

    vectors: aligned with rows, NaN where a row was not embedded. `leak_safe` is true only when
    nothing is shared, no pair reaches the threshold and every row was compared; otherwise `text`
    says what is wrong and what to do. `pairs` are those above the threshold, nearest first, at most
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
        "same_prompt": _keys_in_several_splits(
            rows["prompt"].fillna("").map(lambda prompt: folded(prompt, False)), names
        ),
        "same_group": _keys_in_several_splits(rows["duplicate_group"], names)
        if "duplicate_group" in rows
        else 0,
        "same_conversation": sum(
            _keys_in_several_splits(ids, names) for ids in conversations(rows["metadata"]).values()
        ),
    }
    result: dict[str, Any] = {"checked": True, **shared, "threshold": threshold}
    sentences = []
    if any(shared.values()):
        sentences.append(
            f"{shared['same_prompt']:,} prompts, {shared['same_group']:,} duplicate groups and "
            f"{shared['same_conversation']:,} source conversations stand in more than one split."
        )
    if vectors is None:
        sentences.append(
            "Without embeddings only equal prompts, groups and conversations were checked; add the "
            "step embed to have meanings compared too."
        )
        return {**result, "leak_safe": False, "text": " ".join(sentences)}
    similarity, pairs = _nearest(names.to_numpy(), vectors, progress)
    above = int((similarity >= threshold).sum())
    listed = _listed_pairs(rows.index, names.to_numpy(), similarity, pairs)
    blind = int(np.isnan(vectors[:, 0]).sum())
    if above:
        sentences.append(
            f"{above:,} examples of validation or test have a neighbour in another split at "
            f"similarity {threshold:g} or more: look at the pairs in manifest.json, drop one of each "
            "and export again."
        )
    if blind:
        sentences.append(f"{blind:,} examples have no embedding and were not compared.")
    return {
        **result,
        "nearest": listed[0] if listed else None,
        "above_threshold": above,
        "pairs": [pair for pair in listed if pair["similarity"] >= threshold],
        "not_embedded": blind,
        "leak_safe": not sentences,
        "text": " ".join(sentences),
    }


def _keys_in_several_splits(keys: pd.Series, names: pd.Series) -> int:
    """Count the keys that stand in more than one split."""
    filled = (keys.notna() & (keys != "")).to_numpy()
    return int((names[filled].groupby(keys[filled].to_numpy()).nunique() > 1).sum())


def _nearest(
    names: np.ndarray, vectors: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest row of another split to each held-out row, nearest first.

    Returns cosine similarities (n,) to four digits and positions (n, 2), the held-out row's first.
    The search is exact; it passes over all rows once for every block of held-out rows.
    """
    import faiss

    embedded = ~np.isnan(vectors[:, 0])
    held_out = int((embedded & (names != "train")).sum())
    similarity, pairs = [np.zeros(0, np.float32)], [np.zeros((0, 2), np.int64)]
    done = 0
    for name in sorted(set(names) - {"train"}):
        mine, others = (np.flatnonzero(part & embedded) for part in (names == name, names != name))
        if not len(others):
            continue
        data = vectors[others]
        for start in range(0, len(mine), BLOCK):
            block = mine[start : start + BLOCK]
            similarities, neighbours = faiss.knn(
                vectors[block], data, 1, metric=faiss.METRIC_INNER_PRODUCT
            )
            similarity.append(similarities[:, 0])
            pairs.append(np.column_stack([block, others[neighbours[:, 0]]]))
            done += len(block)
            progress(done / held_out, f"Leaks: {done:,} of {held_out:,} compared")
    closeness, found_pairs = np.concatenate(similarity).round(4), np.concatenate(pairs)
    order = np.lexsort([*found_pairs.T, -closeness])
    return closeness[order], found_pairs[order]


def _listed_pairs(
    ids: pd.Index, names: np.ndarray, similarity: np.ndarray, pairs: np.ndarray
) -> list[dict[str, Any]]:
    """Return the first `LISTED` pairs by their ids; two rows that name each other are one pair."""
    entries: dict[frozenset[int], dict[str, Any]] = {}
    for close, (i, j) in zip(similarity.tolist(), pairs.tolist(), strict=True):
        if len(entries) == LISTED:
            break
        entries.setdefault(
            frozenset((i, j)),
            {
                "similarity": round(close, 4),
                "ids": [str(ids[i]), str(ids[j])],
                "splits": [str(names[i]), str(names[j])],
            },
        )
    return list(entries.values())
