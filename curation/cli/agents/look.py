"""A look at a project as it is now, and its examples as lists show them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curation.cli.agents.shown import mark, number
from curation.columns import as_numbers
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.changes import changed_lines
from curation.overlay import with_decisions
from curation.project import Project
from curation.report import reasons_of
from curation.view import View

LETTERS = 400
"""Characters of a prompt or a response in a list of rows."""


class Look:
    """A project as it is now: its view, and people's decisions that were read before it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.people = project.people()
        self.last = self.people.last if self.people else 0
        self.view: View = project.view()
        self.dataset: Dataset = with_decisions(self.view.dataset, self.people)

    def mark(self, example_id: str, row: pd.Series) -> str:
        """Return the mark of an example, which a decision on it hands back."""
        revision = self.people.revisions.get(example_id, 0) if self.people else 0
        return mark(revision, row)

    def note(self) -> dict[str, str]:
        """Return a note where the rows are not what recipe and decisions give now."""
        if self.view.current:
            return {}
        changes = self.view.changes or "Something was changed since the last run."
        after = "These are the rows of the last run with the decisions of now. Run for the others."
        return {"note": f"{changes} {after}" if self.view.ran else self.view.note}


def listed(look: Look, part: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Return rows as a list shows them."""
    reasons = reasons_of(look.dataset.rows, look.dataset.steps)
    return [
        {
            "id": str(example_id),
            "mark": look.mark(str(example_id), row),
            "dropped_by": number(row["dropped_by"]),
            "reason": reasons.at[str(example_id)],
            "label": number(row["label"]),
            **{side: _beginning(row[side]) for side in ("prompt", "response")},
            **{name: number(row[name]) for name in names},
        }
        for example_id, row in part.iterrows()
    ]


def _beginning(text: Any) -> Any:
    """Return the beginning of a text, with the number of characters left out."""
    if not isinstance(text, str) or len(text) <= LETTERS:
        return number(text)
    return {"beginning": text[:LETTERS], "characters_left_out": len(text) - LETTERS}


def ordered(dataset: Dataset, order: str, lowest_first: bool) -> np.ndarray:
    """Return all positions in the order of a column of numbers; those without a number come last."""
    values = dataset.column(order) if order else None
    if values is None:
        return np.arange(len(dataset))
    sizes = as_numbers(values).to_numpy()
    if np.isnan(sizes).all():
        raise CurationError(f"{order!r} holds no numbers, so nothing can be sorted by it.")
    return np.argsort(sizes if lowest_first else -sizes, kind="stable")


def behind(dataset: Dataset, positions: np.ndarray, mask: np.ndarray, after: str) -> np.ndarray:
    """Return the positions behind an example that meet a mask, which the example need not meet."""
    if after not in dataset.rows.index:
        raise CurationError(f"There is no example {after!r}; begin again without `after`.")
    place = int(np.flatnonzero(dataset.rows.index == after)[0])
    rest = positions[int(np.flatnonzero(positions == place)[0]) + 1 :]
    return np.asarray(rest[mask[rest]])


def receipt_line(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a receipt, with the changed lines instead of two whole texts."""
    plain = {k: v for k, v in event.items() if k not in ("before", "after")}
    if "before" in event:
        plain["changes"] = changed_lines(event["before"], event["after"])
    return plain
