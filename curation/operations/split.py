"""Train, validation and test, without leaks."""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
import orjson
import pandas as pd

from curation import registry
from curation.operations.duplicates import folded
from curation.registry import Column, Range

Share = Annotated[float, "share of the examples", Range(0, 0.9, 0.01)]
SAME_SOURCE = ("conversation_id", "source_id", "document_id", "thread_id", "session_id")
"""Metadata that says two rows are parts of one thing."""


@registry.split("Train, validation, test")
def split(
    rows: pd.DataFrame,
    *,
    validation: Share = 0.05,
    test: Share = 0.05,
    stratify: Annotated[
        Column | None, "keep the shares of this column's values alike in every split"
    ] = None,
    seed: Annotated[int, "another seed, another split", Range(0, None)] = 0,
) -> np.ndarray:
    """Place each example in train, validation or test; what belongs together stays together.

    Duplicate groups, equal prompts (folded), and rows of one source conversation never straddle two
    splits: groups are joined by union-find, and a group's place is a hash of its members' least id and the
    seed. Groups are dealt out in that order until a split has its share, within each stratum.
    """
    group = _groups(rows)
    draws = {
        g: hashlib.blake2b(f"{seed}\x00{g}".encode(), digest_size=8).digest() for g in set(group)
    }
    strata = (
        rows[stratify].astype("str").fillna("").to_numpy() if stratify else np.full(len(rows), "")
    )
    members: dict[str, list[int]] = {}
    for i, g in enumerate(group):
        members.setdefault(g, []).append(i)
    placed = np.full(len(rows), "train", dtype=object)
    for stratum in sorted({str(s) for s in strata}):
        mine = [g for g, rows_ in members.items() if strata[rows_[0]] == stratum]
        total = sum(len(members[g]) for g in mine)
        wanted = {"test": round(test * total), "validation": round(validation * total)}
        for g in sorted(mine, key=lambda g: draws[g]):
            for name, left in wanted.items():
                if left >= len(members[g]):
                    placed[members[g]] = name
                    wanted[name] -= len(members[g])
                    break
    return placed


def _groups(rows: pd.DataFrame) -> list[str]:
    """For each row the least id among the rows that must share its split."""
    from scipy.cluster.hierarchy import DisjointSet

    ids = rows.index.astype(str).tolist()
    groups = DisjointSet(range(len(rows)))
    seen: dict[tuple[str, str], int] = {}
    for i, keys in enumerate(_keys(rows)):
        for key in keys:
            groups.merge(i, seen.setdefault(key, i))
    least: dict[int, str] = {}
    for i, name in enumerate(ids):
        least[groups[i]] = min(least.get(groups[i], name), name)
    return [least[groups[i]] for i in range(len(rows))]


def _keys(rows: pd.DataFrame) -> list[list[tuple[str, str]]]:
    keys = [[("prompt", folded(p))] if p else [] for p in rows["prompt"].fillna("")]
    if "duplicate_group" in rows:
        for mine, g in zip(keys, rows["duplicate_group"], strict=True):
            if isinstance(g, str) and g:
                mine.append(("group", g))
    for mine, text in zip(keys, rows["metadata"].fillna(""), strict=True):
        if text:
            told = orjson.loads(text)
            mine += [(name, str(told[name])) for name in SAME_SOURCE if name in told]
    return keys
