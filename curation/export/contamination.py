"""Contamination in a manifest: the reference sets that steps read, and the examples that hold their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from curation.dataset import Dataset
from curation.looking.contamination import STEP
from curation.registry import operation
from curation.report import PEOPLE, StepReport
from curation.targets import References, chosen, row_of

LIMITS = ("sides", "run", "overlap", "similarity", "action")
"""Its parameters that a manifest names."""


def references_read(references: References, steps: Sequence[StepReport]) -> list[dict[str, Any]]:
    """Return name, sha256, rows and `read_by` (names of steps) of each reference set that steps read.

    Raises CurationError for a set that is missing.
    """
    read = dict[str, dict[str, Any]]()
    for report in steps:
        if report.use == PEOPLE or "targets" not in operation(report.use).inputs:
            continue
        names = operation(report.use).references_read(report.params)
        for target in chosen(references, names):
            about = {"name": target.name, "sha256": target.sha256, "rows": target.rows}
            entry = read.setdefault(target.slug, {**about, "read_by": []})
            entry["read_by"].append(report.name)
    return list(read.values())


def contamination(
    dataset: Dataset, delivered: pd.Index, references: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return, for each step that looked for contamination, its sets, its limits and its counts.

    examples: those that hold a row of a set. delivered: of these, those that are in the delivery,
    because they were flagged only or a person kept them.
    """
    return [
        _of_step(report, delivered, references) for report in dataset.steps if report.use == STEP
    ]


def _of_step(
    report: StepReport, delivered: pd.Index, references: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    holders = report.delta["contaminated_by"].fillna("")
    hits = holders[holders != ""]
    sets = [
        {
            **{k: v for k, v in reference.items() if k != "read_by"},
            "examples": int(row_of(hits, reference["name"]).notna().sum()),
        }
        for reference in references
        if report.name in reference["read_by"]
    ]
    return {
        "step": report.name,
        **{name: report.params[name] for name in LIMITS},
        "sets": sets,
        "examples": len(hits),
        "delivered": int(hits.index.isin(delivered).sum()),
    }
