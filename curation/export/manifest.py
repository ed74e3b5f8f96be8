"""The manifest of a delivery: counts, sources, steps, people, versions, and every file's SHA-256."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from curation import __version__
from curation.dataset import Dataset
from curation.export.contamination import contamination
from curation.export.fitting import Fitting
from curation.export.offer import SPLITS, counted
from curation.export.origin import Origin, People

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "umap-learn",
    "torch",
    "sentence-transformers",
    "faiss-cpu",
    "fasttext-predict",
    "ftfy",
)
"""Packages whose versions the manifest names, because results depend on them."""

READ = ("split", "source", "problems")
"""Columns of the delivered rows that the manifest reads."""


def manifest_of(
    dataset: Dataset,
    origin: Origin,
    people: People,
    why: pd.Series,
    results: Mapping[str, Fitting],
    rendering: Mapping[str, Any],
    listed: list[dict[str, Any]],
    delivered: pd.DataFrame,
) -> dict[str, Any]:
    """Return the manifest of a delivery but for its filter and its leaks.

    why: each kept row's reason for being left out. rendering: results of rendering by format.
    listed: entries of the files. delivered: its rows, with the columns of READ.
    """
    split = delivered["split"].fillna("train").astype(str)
    state = origin.people
    return {
        "name": origin.name,
        "about": dict(origin.about),
        "examples": len(dataset),
        "kept": int(dataset.rows["dropped_by"].isna().sum()),
        "delivered": len(delivered),
        "splits": {name: n for name in SPLITS if (n := int((split == name).sum()))},
        "excluded": counted(why),
        "did_not_fit": {name: n for name, f in results.items() if (n := len(f.refused))},
        "not_in": {name: refusals for name, f in results.items() if (refusals := f.refusals())},
        "lost": {name: f.losses() for name, f in results.items()},
        "rendering": dict(rendering),
        "sources": [_source(entry, delivered["source"]) for entry in origin.imports],
        "steps": [
            {k: v for k, v in r.to_dict().items() if k not in ("seconds", "cached")}
            for r in dataset.steps
        ],
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "recipe": origin.recipe,
        "decisions": {
            "events": state.last if state else 0,
            "fingerprint": state.fingerprint() if state else "",
            "by_annotator": people.counts(),
            "pseudonyms": people.pseudonyms,
            **({"policy": state.policy} if state and state.policy != "latest" else {}),
            "delivered_with": people.counted_words(delivered.index),
        },
        "personal_data": _personal(delivered),
        "encoders": dict(origin.encoders),
        "bases": dict(origin.bases),
        "references": [dict(entry) for entry in origin.references],
        "contamination": contamination(dataset, delivered.index, origin.references),
        **({"proof": dict(origin.proof)} if origin.proof is not None else {}),
        "versions": _versions(),
        "files": listed,
    }


def _personal(delivered: pd.DataFrame) -> int | None:
    """Return the number of rows that seem to hold personal data; None where no step looked."""
    if "problems" not in delivered:
        return None
    return int(delivered["problems"].fillna("").str.contains("personal_data").sum())


def _source(entry: Mapping[str, Any], sources: pd.Series) -> dict[str, Any]:
    """Return the manifest's entry of an imported file: digest, settings, and counts of rows."""
    name = str(entry["name"])
    counts = {k: entry["report"][k] for k in ("lines", "examples", "rejected", "blank")}
    inside = (sources == name) | sources.str.startswith(f"{name}/")
    read_as = {k: v for k, v in entry.get("settings", {}).items() if v and k != "limits"}
    columns = {k: entry["report"][k] for k in ("formats", "columns") if k in entry["report"]}
    about = {"name": name, "sha256": entry["sha256"], **counts, "delivered": int(inside.sum())}
    return {**about, "read_as": {**read_as, **columns}}


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"curation": __version__, "python": ".".join(map(str, sys.version_info[:2]))}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
