"""The reports of imported files as one: every line is an example, a refused line, or blank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

COUNTS = ("lines", "examples", "rejected", "blank")
"""The counts of a report; the first is the sum of the others."""


@dataclass(frozen=True)
class ImportSummary:
    """The outcome of reading some files, by the entries of their imports.

    files: entries of the files that were read, in order; with `already` where a file's bytes were
    there before, whose lines do not count. left_out: name → reason, of files that are no data.
    """

    files: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, str]

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> ImportSummary:
        """The summary of entries, as an import returns them or `Project.imports` lists them."""
        entries = list(entries)
        left_out = {e["name"]: e["left_out"] for e in entries if "left_out" in e}
        for entry in entries:
            left_out.update(entry["report"].get("left_out", {}))
        return cls(tuple(e for e in entries if "left_out" not in e), left_out)

    @property
    def _fresh(self) -> Sequence[Mapping[str, Any]]:
        """The files whose lines count."""
        return [entry for entry in self.files if not entry.get("already")]

    @property
    def counts(self) -> dict[str, int]:
        """COUNTS of all files together."""
        return {c: sum(entry["report"][c] for entry in self._fresh) for c in COUNTS}

    @property
    def notes(self) -> list[tuple[str, str]]:
        """The notes on how files were read, each with the file's name."""
        return [(e["name"], note) for e in self._fresh for note in e["report"].get("notes", [])]

    def table(self) -> pd.DataFrame:
        """A line for each file: file, COUNTS, repaired, formats, encodings."""
        return pd.DataFrame(
            [
                {
                    "file": entry["name"],
                    **{count: entry["report"][count] for count in COUNTS},
                    "repaired": sum(entry["report"]["repaired"].values()),
                    "formats": ", ".join(
                        f"{name} {rows:,}" for name, rows in entry["report"]["formats"].items()
                    ),
                    "encodings": ", ".join(sorted(set(entry["report"]["encodings"].values()))),
                }
                for entry in self.files
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """The summary for `--json`: sums of the counts and tallies, and the report of each file."""
        reports = [entry["report"] for entry in self._fresh]
        columns = dict[str, dict[str, int]]()
        encodings = dict[str, str]()
        for report in reports:
            encodings.update(report["encodings"])
            for column, roles in report["columns"].items():
                columns[column] = _summed([columns.get(column, {}), roles])
        return {
            **self.counts,
            "repaired": _summed(report["repaired"] for report in reports),
            "formats": _summed(report["formats"] for report in reports),
            "columns": columns,
            "encodings": encodings,
            "files": [
                {
                    "name": entry["name"],
                    "already": bool(entry.get("already")),
                    "replaced": entry["replaced"],
                    **entry["report"],
                }
                for entry in self.files
            ],
            "left_out": [{"name": name, "reason": why} for name, why in self.left_out.items()],
        }


def line_sum(counts: Mapping[str, Any]) -> str:
    """COUNTS as a sum, which shows that no line is lost."""
    return (
        "{lines:,} lines = {examples:,} examples + {rejected:,} refused + {blank:,} blank"
    ).format_map(counts)


def _summed(tallies: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for tally in tallies:
        total.update(tally)
    return dict(total)
