"""Rows in each format: which it takes, which it refuses and why, and the parts that they lose."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from curation.errors import CurationError
from curation.export.delivery_format import DeliveryFormat, Row, examples
from curation.export.parts import NotHeld, fit, holds, title

Words = Mapping[str, Mapping[str, Any]]

NAMED = 40
"""Lost parts that are named one by one; the others are one number."""


@functools.cache
def delivery_formats() -> dict[str, DeliveryFormat]:
    """Return the delivery formats by name."""
    package = importlib.import_module("curation.export.trainers")
    formats = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        formats.update({t.name: t for t in vars(module).values() if isinstance(t, DeliveryFormat)})
    return dict(sorted(formats.items()))


def check_formats(formats: Sequence[str]) -> None:
    """Raise CurationError when a format is unknown or none is named."""
    unknown = [name for name in formats if name not in delivery_formats()]
    if unknown or not formats:
        choices = ", ".join(delivery_formats())
        raise CurationError(
            f"There is no format {unknown[0]!r}; choose one of: {choices}."
            if unknown
            else f"Name at least one format: {choices}."
        )


def parts_in(rows: pd.DataFrame, words: Words | None = None) -> Counter[str]:
    """Count the rows that have each part of an example other than roles and texts, by its code."""
    counts = Counter[str]()
    for example in examples(rows, words):
        counts.update(fit(example, {"media"})[1])
    return counts


def without_place(format: DeliveryFormat, counts: Mapping[str, int]) -> dict[str, int]:
    """Map the titles of parts that a format has no place for → rows, most first."""
    return _losses_by_title({c: n for c, n in counts.items() if not holds(format.places, c)})


def _losses_by_title(counts: Mapping[str, int]) -> dict[str, int]:
    named = [(title(code), rows) for code, rows in sorted(counts.items())]
    named.sort(key=lambda item: -item[1])
    losses = dict(named[:NAMED])
    if len(named) > NAMED:
        losses[f"{len(named) - NAMED:,} other columns or keys"] = max(n for _, n in named[NAMED:])
    return losses


@dataclass
class Fitted:
    """Rows of a dataset in one format.

    records: id → record. refused: id → code. reasons: code → sentence. lost: code of a part → rows
    that are delivered without it.
    """

    records: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def refusals(self) -> dict[str, dict[str, Any]]:
        """Map code → number of rows, the sentence of one of them, and the first ids."""
        by_code: dict[str, list[str]] = {}
        for example, code in self.refused.items():
            by_code.setdefault(code, []).append(example)
        return {
            code: {"rows": len(ids), "why": self.reasons[code], "ids": ids[:3]}
            for code, ids in sorted(by_code.items(), key=lambda item: -len(item[1]))
        }

    def losses(self) -> dict[str, int]:
        """Map the title of a part → rows that are delivered without it, most first."""
        return _losses_by_title(self.lost)

    def add(self, other: Fitted) -> None:
        """Add the rows of another split."""
        self.records |= other.records
        self.refused |= other.refused
        self.reasons = {**other.reasons, **self.reasons}
        self.lost += other.lost


def fitted(format: DeliveryFormat, rows: pd.DataFrame, words: Words | None = None) -> Fitted:
    """Make records of a format, each checked by its trainer's rules.

    A row of a shape that the format's writer does not expect is refused; the others are written.
    """
    result = Fitted()
    lost: dict[str, set[str]] = {}
    for example in examples(rows, words):
        name = str(example["id"])
        try:
            with_places, lost[name] = fit(example, format.places)
            result.records[name] = format.row(with_places)
        except NotHeld as refusal:
            result.refused[name] = refusal.code
            result.reasons.setdefault(refusal.code, str(refusal))
        except (TypeError, KeyError, ValueError) as error:
            result.refused[name] = "unexpected_shape"
            why = f"it is of a shape that cannot be written ({type(error).__name__}: {error})"
            result.reasons.setdefault("unexpected_shape", why)
    ids = list(result.records)
    for problem in format.check(list(result.records.values())):
        name = ids[problem.row - 1]
        if name not in result.refused:
            result.refused[name] = problem.code
            result.reasons.setdefault(problem.code, problem.message)
            del result.records[name]
    for name in result.records:
        result.lost.update(lost[name])
    return result
