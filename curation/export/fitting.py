"""Which rows each format takes, which it refuses and why, and what they lose in it."""

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
"""Parts that are lost by a format and named one by one; further ones are summed up."""


@functools.cache
def delivery_formats() -> dict[str, DeliveryFormat]:
    """The delivery formats by name."""
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
        known = ", ".join(delivery_formats())
        raise CurationError(
            f"There is no format {unknown[0]!r}; known are: {known}."
            if unknown
            else f"Name at least one format: {known}."
        )


def parts_in(rows: pd.DataFrame, words: Words | None = None) -> Counter[str]:
    """Codes of the parts of examples beside roles and texts → rows that have them."""
    counts = Counter[str]()
    for example in examples(rows, words):
        counts.update(fit(example, {"media"})[1])
    return counts


def without_place(format: DeliveryFormat, counts: Mapping[str, int]) -> dict[str, int]:
    """Parts, as people call them, that a format has no place for → rows, most first."""
    return _named({c: n for c, n in counts.items() if not holds(format.places, c)})


def _named(counts: Mapping[str, int]) -> dict[str, int]:
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
        """Code → rows, the sentence of one of them, and the first ids."""
        by_code: dict[str, list[str]] = {}
        for example, code in self.refused.items():
            by_code.setdefault(code, []).append(example)
        return {
            code: {"rows": len(ids), "why": self.reasons[code], "ids": ids[:3]}
            for code, ids in sorted(by_code.items(), key=lambda item: -len(item[1]))
        }

    def losses(self) -> dict[str, int]:
        """Part, as people call it → rows that are delivered without it, most first."""
        return _named(self.lost)

    def add(self, other: Fitted) -> None:
        """Take in the rows of another split."""
        self.records |= other.records
        self.refused |= other.refused
        self.reasons = {**other.reasons, **self.reasons}
        self.lost += other.lost


def fitted(format: DeliveryFormat, rows: pd.DataFrame, words: Words | None = None) -> Fitted:
    """Rows as records of a format, checked one by one by its trainer's rules.

    A row of a shape that the format's writer does not expect is refused, and the others are written.
    """
    made = Fitted()
    lost: dict[str, set[str]] = {}
    for example in examples(rows, words):
        name = str(example["id"])
        try:
            with_places, lost[name] = fit(example, format.places)
            made.records[name] = format.row(with_places)
        except NotHeld as refusal:
            made.refused[name] = refusal.code
            made.reasons.setdefault(refusal.code, str(refusal))
        except (TypeError, KeyError, ValueError) as error:
            made.refused[name] = "unexpected_shape"
            why = f"it is of a shape that cannot be written ({type(error).__name__}: {error})"
            made.reasons.setdefault("unexpected_shape", why)
    ids = list(made.records)
    for problem in format.check(list(made.records.values())):
        name = ids[problem.row - 1]
        if name not in made.refused:
            made.refused[name] = problem.code
            made.reasons.setdefault(problem.code, problem.message)
            del made.records[name]
    for name in made.records:
        made.lost.update(lost[name])
    return made
