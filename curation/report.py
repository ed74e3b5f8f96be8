"""What one step of a recipe did: its counts, and its line in the receipt of any row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

PEOPLE = "people"
"""The name in `dropped_by` of rows that a person dropped."""


@dataclass(frozen=True)
class StepReport:
    """What one step did: counts, time, and the delta itself.

    kept_in, kept_out, dropped, changed: rows. seconds: this time, cached ones included.
    columns: those it added. delta: indexed by id; see `curation.replay`. before: the text it changed.
    """

    name: str
    use: str
    title: str
    kind: str
    params: Mapping[str, Any]
    kept_in: int
    kept_out: int
    dropped: int
    changed: int
    seconds: float
    computed_seconds: float
    cached: bool
    fingerprint: str
    columns: tuple[str, ...]
    delta: pd.DataFrame = field(repr=False)
    before: pd.Series | None = field(repr=False, default=None)

    def to_dict(self) -> dict[str, Any]:
        """The counts, for a manifest or `--json`."""
        names = ("use", "kept_in", "dropped", "changed", "seconds", "cached")
        values = {name: getattr(self, name) for name in names}
        values["seconds"] = round(self.seconds, 3)
        return {
            **values,
            "name": self.name,
            "title": self.title,
            "params": dict(self.params),
            "kept_out": self.kept_out,
        }

    def events(self, example_id: str) -> list[dict[str, Any]]:
        """What it did to one row, as events of a receipt."""
        if example_id not in self.delta.index:
            return []
        row = self.delta.loc[example_id]
        events: list[tuple[str, str]] = []
        if self.before is not None and example_id in self.before.index:
            events.append(("changed", str(row.get("reason") or "its text was changed")))
        elif self.kind == PEOPLE and "keep" not in row and pd.notna(row.get("reason")):
            events.append(("changed", str(row["reason"])))
        if "keep" in row:
            reason = row.get("reason")
            text = str(reason) if pd.notna(reason) and reason else ""
            if self.kind in ("select", PEOPLE):
                what = "chosen" if self.kind == "select" else "kept"
                events.append((what if row["keep"] else "dropped", text))
            elif not row["keep"]:
                events.append(("dropped", text or "it failed this filter"))
        if "split" in row and pd.notna(row["split"]):
            events.append(("placed", f"in {row['split']}"))
        measured = {c: row[c] for c in self.columns if pd.notna(row[c]) and row[c] != ""}
        if measured and self.kind in ("score", "group"):
            events.append(
                ("measured", ", ".join(f"{c} = {_short(v)}" for c, v in measured.items()))
            )
        return [
            {"step": self.name, "title": self.title, "what": what, "text": text}
            for what, text in events
        ]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
