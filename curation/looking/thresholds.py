"""Numbers that a filter compares with its bounds, sorted once, so that any bounds are counted at once.

Guarantee: a count here is what the step makes of these bounds. Accepted: the rows are those that
reached the step in the last run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np

from curation.columns import as_numbers
from curation.dataset import Dataset
from curation.recipe import Step
from curation.report import StepReport

BARS = 60
"""Bars of a distribution at most."""

SHOWN_SHARE = 0.995
"""Share of the numbers that a distribution shows one by one; its last bar holds the rest."""


@dataclass(frozen=True)
class Parts:
    """The rows that a filter keeps and drops, by why.

    missing: rows that were not measured, which `kept` counts where they stay.
    """

    kept: int
    below: int
    above: int
    missing: int
    missing_stay: bool

    @property
    def dropped(self) -> int:
        """All rows that it drops."""
        return self.below + self.above + (0 if self.missing_stay else self.missing)

    @property
    def total(self) -> int:
        """All rows."""
        return self.kept + self.dropped


@dataclass(frozen=True)
class Bars:
    """A distribution in bars: where each begins and ends, and its rows by fate; (bars,) each.

    more: rows of the last bar that lie beyond its end.
    """

    edges: np.ndarray
    kept: np.ndarray
    dropped: np.ndarray
    more: int


@dataclass(frozen=True)
class Scale:
    """The places of a slider: least, greatest, and the distance of two; its ends mean no bound."""

    least: float
    greatest: float
    step: float

    def bounds(self, places: tuple[float, float]) -> tuple[float | None, float | None]:
        """The bounds that two places of the slider mean; None at an end."""
        low, high = places
        half = self.step / 2
        return (
            None if low < self.least + half else low,
            None if high > self.greatest - half else high,
        )

    def places(self, low: float | None, high: float | None) -> tuple[float, float]:
        """The places of two bounds."""
        return (
            self.least if low is None else max(low, self.least),
            self.greatest if high is None else min(high, self.greatest),
        )


@dataclass(frozen=True)
class Numbers:
    """The numbers that a step with bounds read.

    column: of the numbers. values: sorted, without missing ones. missing: rows without a number.
    low, high, missing_stay: the step's parameters.
    """

    column: str
    values: np.ndarray
    missing: int
    low: float | None
    high: float | None
    missing_stay: bool

    @cached_property
    def whole(self) -> bool:
        """Whether all numbers are whole."""
        finite = self._finite
        return bool(len(finite)) and bool(np.all(finite == np.round(finite)))

    @cached_property
    def _finite(self) -> np.ndarray:
        return np.asarray(self.values[np.isfinite(self.values)])

    def parts(self, low: float | None, high: float | None) -> Parts:
        """The rows that these bounds keep and drop; both bounds are kept."""
        start, end = self._inside(low, high)
        inside, count = max(0, end - start), len(self.values)
        kept = inside + (self.missing if self.missing_stay else 0)
        above = count - max(start, end)
        return Parts(kept, count - inside - above, above, self.missing, self.missing_stay)

    def _inside(self, low: float | None, high: float | None) -> tuple[int, int]:
        """The first position that the bounds keep, and the one after the last."""
        return (
            0 if low is None else int(np.searchsorted(self.values, low, "left")),
            len(self.values) if high is None else int(np.searchsorted(self.values, high, "right")),
        )

    @cached_property
    def _edges(self) -> np.ndarray:
        """The edges of the bars; a bar of whole numbers holds as many of them as each other."""
        least = float(self._finite[0])
        most = max(float(np.quantile(self._finite, SHOWN_SHARE)), least)
        if self.whole:
            width = math.ceil((most - least + 1) / BARS)
            return np.arange(least, most + width + 0.5, width) - 0.5
        if most == least:
            return np.array([least - 0.5, least + 0.5])
        return np.linspace(least, most, BARS + 1)

    def bars(self, low: float | None, high: float | None) -> Bars | None:
        """The distribution under these bounds; None where nothing is a number."""
        if not len(self._finite):
            return None
        places = np.searchsorted(self.values, self._edges, "left")
        more = len(self.values) - int(np.searchsorted(self.values, self._edges[-1], "right"))
        places[0], places[-1] = 0, len(self.values)
        start, end = self._inside(low, high)
        kept = np.maximum(0, np.minimum(places[1:], end) - np.maximum(places[:-1], start))
        return Bars(self._edges, kept, np.diff(places) - kept, more)

    @cached_property
    def scale(self) -> Scale | None:
        """The slider that suits the numbers; None where there is nothing to slide over."""
        if not len(self._finite):
            return None
        given = [bound for bound in (self.low, self.high) if bound is not None]
        least = min([float(self._finite[0]), *given])
        most = max([float(self._edges[-1]), *given])
        step = 1.0 if self.whole else 10.0 ** math.floor(math.log10((most - least or 1.0) / 100))
        digits = max(0, -math.floor(math.log10(step)))
        return Scale(
            round(math.floor(least / step) * step - step, digits),
            round(math.ceil(most / step) * step + step, digits),
            step,
        )


def answered(dataset: Dataset, report: StepReport) -> np.ndarray:
    """The numbers in the dataset of the rows that a step answered for, in the order of its answers."""
    if report.numbers is not None:
        return report.numbers
    return np.asarray(dataset.rows.index.get_indexer(report.delta.index))


def reached(dataset: Dataset, report: StepReport) -> np.ndarray:
    """The places, among a step's answers, of the rows that no step before this one dropped.

    A step that looks at single rows also answers for those that are dropped already. Rows are known by
    their numbers: to look ids up takes a table for each step, of 120 MB at a million rows.
    """
    stay = np.ones(len(dataset), dtype=bool)
    for earlier in takewhile(lambda other: other.name != report.name, dataset.steps):
        if "keep" in earlier.delta:
            keep = earlier.delta["keep"].to_numpy(dtype=bool)
            stay[answered(dataset, earlier)[~keep]] = False
    return np.flatnonzero(stay[answered(dataset, report)])


def numbers_of(dataset: Dataset, report: StepReport, step: Step) -> Numbers | None:
    """The numbers that a step compared with its bounds; None for a step without such bounds."""
    arguments: dict[str, Any] = step.arguments
    column = arguments.get("score")
    if not {"low", "high"} <= set(arguments) or not isinstance(column, str):
        return None
    read = dataset.column(column)
    if read is None:
        return None
    numbers = answered(dataset, report)[reached(dataset, report)]
    values = as_numbers(read).to_numpy()[numbers]
    measured = values[~np.isnan(values)]
    return Numbers(
        column,
        np.sort(measured),
        len(values) - len(measured),
        arguments["low"],
        arguments["high"],
        bool(arguments.get("keep_missing", True)),
    )
