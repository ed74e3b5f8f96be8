"""Rows in each format: which it takes, which it refuses and why, and the parts that they lose."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curation.errors import CurationError
from curation.export.delivery_format import READ, DeliveryFormat, Row, examples
from curation.export.parts import NotHeld, fit, holds, title

Words = Mapping[str, Mapping[str, Any]]

CHUNK = 1_000
"""Rows that are turned into records at once."""

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


class Fitting:
    """Rows of a dataset in one format, made and checked by its trainer's rules one after the other.

    Attributes, filled by `records`: delivered (rows,) bool; reasons: code → sentence, of the first
    row refused for it; lost: code of a part → rows that are delivered without it.
    """

    def __init__(
        self, format: DeliveryFormat, rows: pd.DataFrame, words: Words | None = None
    ) -> None:
        self.format = format
        self.delivered = np.zeros(len(rows), dtype=bool)
        self.reasons: dict[str, str] = {}
        self.lost = Counter[str]()
        self._rows, self._words = rows[list(READ)], words
        self._refused = np.zeros(len(rows), dtype=np.int16)

    def records(self, places: np.ndarray) -> Iterator[tuple[int, Row]]:
        """Yield the places of rows that the format takes, each with a record of the row.

        A row of a shape that the format's writer does not expect is refused; the others are written.
        """
        for part in parts_of(places):
            yield from self._records(part)

    def _records(self, part: np.ndarray) -> Iterator[tuple[int, Row]]:
        accepted: list[tuple[int, list[Row], set[str]]] = []
        shown = examples(rows_at(self._rows, part), self._words)
        for place, example in zip(part.tolist(), shown, strict=True):
            try:
                with_places, lost = fit(example, self.format.places)
                row = self.format.row(with_places)
            except NotHeld as refusal:
                self._refuse(place, refusal.code, str(refusal))
            except (TypeError, KeyError, ValueError) as error:
                why = f"it is of a shape that cannot be written ({type(error).__name__}: {error})"
                self._refuse(place, "unexpected_shape", why)
            else:
                accepted.append((place, row if isinstance(row, list) else [row], lost))
        owners = [place for place, records, _ in accepted for _ in records]
        for problem in self.format.check([row for _, records, _ in accepted for row in records]):
            self._refuse(owners[problem.row - 1], problem.code, problem.message)
        for place, records, lost in accepted:
            if not self._refused[place]:
                self.delivered[place] = True
                self.lost.update(lost)
                yield from ((place, record) for record in records)

    def _refuse(self, place: int, code: str, why: str) -> None:
        self.reasons.setdefault(code, why)
        if not self._refused[place]:
            self._refused[place] = 1 + list(self.reasons).index(code)

    def codes(self, part: slice | np.ndarray) -> np.ndarray:
        """Return the code for which each of some rows is in no file of the format; "" for none."""
        return np.array(["", *self.reasons], dtype=object)[self._refused[part]]

    @property
    def refused(self) -> pd.Series:
        """The code for which each refused row is in no file of the format, by id."""
        places = np.flatnonzero(self._refused)
        return pd.Series(self.codes(places), index=self._rows.index[places], dtype="str")

    def refusals(self) -> dict[str, dict[str, Any]]:
        """Map code → number of rows, the sentence of one of them, and the first ids."""
        refused = self.refused
        return {
            str(code): {
                "rows": int(rows),
                "why": self.reasons[str(code)],
                "ids": refused.index[(refused == code).to_numpy()][:3].tolist(),
            }
            for code, rows in refused.value_counts().items()
        }

    def losses(self) -> dict[str, int]:
        """Map the title of a part → rows that are delivered without it, most first."""
        return _losses_by_title(self.lost)


def parts_of(places: np.ndarray) -> Iterator[np.ndarray]:
    """Yield places in parts of at most CHUNK, in their order."""
    for start in range(0, len(places), CHUNK):
        yield places[start : start + CHUNK]


def rows_at(rows: pd.DataFrame, places: np.ndarray) -> pd.DataFrame:
    """Return the rows at some places.

    Places near each other cost little: only the slice around them is copied, while a column of many
    chunks would be copied whole.
    """
    if not len(places):
        return rows.iloc[:0]
    low, high = int(places.min()), int(places.max()) + 1
    return rows.iloc[low:high].iloc[places - low]
