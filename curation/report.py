"""The report of one step: its counts, and its events in the receipt of any row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

PEOPLE = "people"
"""The name in `dropped_by` of rows that a person dropped."""

PEOPLE_COLUMNS = (
    *("verdict", "tags", "flags", "rating_by_people", "notes", "reason_by_people"),
    *("edited_by", "decided_by", "decided_at"),
)
"""Columns of people's decisions besides text and label; see `curation.overlay`."""

ANSWERS = "answers."
"""The first letters of the column that holds people's answers to a question of the lead's."""

DISAGREEMENT = "disagreement"
"""The column that holds the share of unequal pairs of answers."""


@dataclass(frozen=True)
class StepReport:
    """The report of one step: its delta, counts, and time.

    delta: indexed by id; see `curation.overlay`. numbers: of its rows in the dataset, where they were
    looked up. kept_in, kept_out, dropped, changed: rows.
    seconds: this time, cached ones included. columns: those it added. before: the text it changed.
    overruled: for people's verdicts, the rows that were dropped already, and by whom.
    """

    name: str
    use: str
    title: str
    kind: str
    params: Mapping[str, Any]
    fingerprint: str
    delta: pd.DataFrame = field(repr=False)
    kept_in: int = 0
    kept_out: int = 0
    dropped: int = 0
    changed: int = 0
    seconds: float = 0.0
    cached: bool = False
    columns: tuple[str, ...] = ()
    before: pd.Series | None = field(repr=False, default=None)
    overruled: pd.Series | None = field(repr=False, default=None)
    numbers: np.ndarray | None = field(repr=False, default=None)

    @property
    def notes(self) -> list[str]:
        """Sentences for a person, such as one about a value that no row has."""
        return list(self.delta.attrs.get("notes", []))

    @property
    def conflicts(self) -> int:
        """The number of rows with the same prompt as another and another answer or label."""
        return (
            int((self.delta["conflict"].fillna("") != "").sum()) if "conflict" in self.delta else 0
        )

    def dropped_examples(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that the step dropped, by id: reason, twin, and similarity where it measured one.

        rows: of the dataset after the recipe. twin: id of the row that stays in its place, "" for
        none. The least similar rows come first, because they show whether a threshold is right.
        """
        ids = rows.index[rows["dropped_by"] == self.name]
        delta = self.delta.reindex(ids)
        table = pd.DataFrame(
            {
                "reason": delta["reason"].fillna("") if "reason" in delta else "",
                "twin": delta["duplicate_of"].fillna("") if "duplicate_of" in delta else "",
            },
            index=ids,
        )
        table.loc[~table["twin"].isin(rows.index), "twin"] = ""
        if "similarity" in delta:
            table["similarity"] = delta["similarity"]
            table = table.sort_values("similarity", kind="stable")
        return table

    def changed_examples(self) -> pd.DataFrame:
        """The rows whose text the step changed, by id: before and after, as canonical JSON."""
        if self.before is None:
            return pd.DataFrame({"before": [], "after": []}, dtype="str")
        after = self.delta["messages"].reindex(self.before.index)
        return pd.DataFrame({"before": self.before, "after": after})

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
            **({"conflicts": self.conflicts} if "conflict" in self.delta else {}),
            **({"notes": self.notes} if self.notes else {}),
        }

    def events(self, example_id: str, rows: pd.DataFrame | None = None) -> list[dict[str, Any]]:
        """The events of one row in this step, for its receipt.

        rows: of the dataset, of which a copy's event shows the row that it is a copy of.
        The event of a changed text has `before` and `after`, each a conversation's canonical JSON.
        """
        place = self._place(example_id, rows)
        if place is None:
            return []
        row, part = self.delta.iloc[place], self.delta.iloc[[place]]
        reason = str(row["reason"]) if pd.notna(row.get("reason")) else ""
        if rows is not None:
            reason += twins(rows, part, True).iloc[0]
        events: list[tuple[str, str]] = []
        texts: dict[str, str] = {}
        if self.before is not None and example_id in self.before.index:
            events.append(("changed", reason or "its text was changed"))
            texts = {"before": str(self.before[example_id]), "after": str(row["messages"])}
        elif self.kind == PEOPLE and "keep" not in row and reason:
            events.append(("changed", reason))
        if "keep" in row:
            events += self._fate(example_id, bool(row["keep"]), reason)
        if isinstance(group := row.get("conflict"), str) and group:
            others = int((self.delta["conflict"] == group).sum()) - 1
            text = (
                f"{others:,} more with the same prompt and a different answer or label "
                f"(conflict {group})"
            )
            events.append(("in conflict", text))
        if "split" in row and pd.notna(row["split"]):
            events.append(("placed", f"in {row['split']}"))
        measured = {c: row[c] for c in self.columns if pd.notna(row[c]) and row[c] != ""}
        if measured and self.kind in ("score", "group"):
            events.append(
                ("measured", ", ".join(f"{c} = {_short(v)}" for c, v in measured.items()))
            )
        return [
            {
                "step": self.name,
                "title": self.title,
                "what": what,
                "text": text,
                **(texts if what == "changed" else {}),
            }
            for what, text in events
        ]

    def _place(self, example_id: str, rows: pd.DataFrame | None) -> int | None:
        """The place of a row in the delta; None where it has none.

        By its number in the dataset where that is known: ids of their own, each delta would keep in a
        table to look them up.
        """
        if rows is None or self.numbers is None:
            places = self.delta.index.get_indexer(pd.Index([example_id], dtype="str"))
        else:
            number = rows.index.get_indexer(pd.Index([example_id], dtype="str"))
            places = np.flatnonzero(self.numbers == number)
        return int(places[0]) if len(places) and places[0] >= 0 else None

    def _fate(self, example_id: str, keep: bool, reason: str) -> list[tuple[str, str]]:
        """Whether the row was kept or dropped, and the step or person that this overrules."""
        if self.kind == PEOPLE:
            if self.overruled is not None and example_id in self.overruled.index:
                who = self.overruled[example_id]
                reason += f", although {who} dropped it" if keep else f", as {who} did"
            return [("kept" if keep else "dropped", reason)]
        if self.kind == "select":
            return [("chosen" if keep else "dropped", reason)]
        if keep:
            flags = self.params.get("action") == "flag" and reason
            return [("flagged", reason)] if flags else []
        return [("dropped", reason or "it failed this filter")]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def reasons_of(rows: pd.DataFrame, steps: Iterable[StepReport]) -> pd.Series:
    """Return each row's reason for being dropped, by id; "" for rows that were not."""
    reasons = np.full(len(rows), "", dtype=object)
    for report in steps:
        if "reason" in report.delta:
            mine = np.flatnonzero(rows["dropped_by"] == report.name)
            dropped = rows.index[mine]
            delta = report.delta[report.delta.index.isin(dropped)]
            inside = dropped.isin(delta.index)
            delta = delta.loc[dropped[inside]]
            texts = delta["reason"].fillna("").astype("str").str.cat(twins(rows, delta))
            reasons[mine[inside]] = texts.to_numpy(dtype=object)
    return pd.Series(reasons, index=rows.index, dtype="str")


FIRST_LINE = 80
"""Characters of a row's first line that a reason shows."""


def twins(rows: pd.DataFrame, delta: pd.DataFrame, dropped_too: bool = False) -> pd.Series:
    """Return the place and the first line of the row that each row of a delta is a copy of, or "".

    rows: of the dataset, whose texts are shown as they are now. dropped_too: also the text of a row
    that is dropped by now, which a delivery should not hold.
    """
    if "duplicate_of" not in delta:
        return pd.Series("", index=delta.index, dtype="str")
    names = delta["duplicate_of"].dropna()
    named = rows[["source", "source_row", "prompt", "dropped_by"]].iloc[
        np.flatnonzero(rows.index.isin(names))
    ]
    names = names[names.isin(named.index)]
    table = named.loc[names]
    shown = table["dropped_by"].isna() | dropped_too
    texts = [
        f"; {source}, row {number:,}" + (f": {_first_line(prompt)}" if shows else "")
        for source, number, prompt, shows in table.assign(dropped_by=shown).itertuples(index=False)
    ]
    return pd.Series(texts, index=names.index, dtype="str").reindex(delta.index, fill_value="")


def _first_line(text: Any) -> str:
    line = " ".join((str(text) if pd.notna(text) else "").strip().partition("\n")[0].split())
    return f"{line[:FIRST_LINE]}…" if len(line) > FIRST_LINE else line
