"""Precision of a filter: rows to judge, and an estimate from those drawn by chance.

Rows near the threshold show where it should lie, but they are the doubtful ones: only rows drawn by
chance speak for all that the filter drops. A person's keep says that the filter was wrong about a
row, a drop that it was right.

Guarantee: the draw depends on nothing but the ids of what is dropped, and the estimate counts its
rows up to the first one without a verdict, so that no row is left out because it was hard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from curation.columns import as_numbers
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.duplicates import STEPS
from curation.looking.thresholds import answered, reached
from curation.report import StepReport

if TYPE_CHECKING:
    from curation.decisions.state import State

SHOWN = 30
"""Rows that are shown at a time."""

LEVEL = 0.95
"""Confidence of an interval."""

Way = Literal["nearest", "random", "inside"]
"""Dropped rows nearest to the threshold, dropped rows by chance, or kept rows nearest to it."""

_STRENGTHS = {"decontaminate": "contamination"}
"""Steps that drop from a number on, and its column."""


@dataclass(frozen=True)
class Precision:
    """An estimate of the share of its dropped rows that a filter is right to drop.

    dropped: all of them. judged, right: of the rows drawn by chance. low, high: interval by Wilson
    1927; equal to the share when every dropped row was judged.
    """

    dropped: int
    judged: int
    right: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The share that was right; None before the first verdict."""
        return self.right / self.judged if self.judged else None

    def to_dict(self) -> dict[str, Any]:
        """The estimate as a JSON object."""
        interval = [round(self.low, 4), round(self.high, 4)] if self.judged else None
        share = None if self.share is None else round(self.share, 4)
        counts = {"dropped": self.dropped, "judged": self.judged, "right": self.right}
        return {**counts, "precision": share, "interval": interval, "level": LEVEL}


def can_be_judged(report: StepReport) -> bool:
    """Whether single rows of a step can be judged: of a filter, unless it drops copies of others."""
    return report.kind == "filter" and report.use not in STEPS and "keep" in report.delta


def drawn(dataset: Dataset, report: StepReport) -> pd.Index:
    """The ids of all rows that a filter dropped, in an order by chance that never changes.

    What an earlier step dropped is not counted, although the filter may answer for it too.
    """
    index: pd.Index = report.delta.index[_drawn(dataset, report)]
    return index


def _drawn(dataset: Dataset, report: StepReport) -> np.ndarray:
    """The places of the drawn rows among the answers of a filter."""
    places = _reached(dataset, report, keep=False)
    ids = report.delta.index[places].to_numpy(dtype=object)
    order = np.argsort(pd.util.hash_array(ids, categorize=False), kind="stable")
    return np.asarray(places[order])


def _reached(dataset: Dataset, report: StepReport, keep: bool) -> np.ndarray:
    """The places, among the answers of a filter, of the rows that reached it and that it kept or dropped."""
    places = reached(dataset, report)
    return np.asarray(places[report.delta["keep"].to_numpy(dtype=bool)[places] == keep])


def estimate(dataset: Dataset, report: StepReport, people: State | None) -> Precision:
    """Estimate a filter's precision from people's verdicts on rows that were drawn by chance."""
    order, verdicts = drawn(dataset, report), {} if people is None else people.verdicts
    judged = right = 0
    for example in order:
        if example not in verdicts:
            break
        judged += 1
        right += verdicts[example].kind == "drop"
    if not judged:
        return Precision(len(order), 0, 0, 0.0, 1.0)
    share = right / judged
    if judged == len(order):
        return Precision(len(order), judged, right, share, share)
    from scipy.stats import binomtest  # slow to import, and no page needs it before a verdict

    ends = binomtest(right, judged).proportion_ci(LEVEL, method="wilson")
    return Precision(len(order), judged, right, float(ends.low), float(ends.high))


def ways(report: StepReport) -> list[Way]:
    """The ways of drawing rows that a filter has: nearness needs a threshold."""
    if report.use in _STRENGTHS:
        return ["nearest", "random"]
    return ["nearest", "random", "inside"] if _bounds(report) else ["random"]


def rows_to_judge(
    dataset: Dataset, report: StepReport, people: State | None, manner: Way
) -> pd.DataFrame:
    """Rows to judge, by id: reason, verdict (keep, drop or ""), and the number that was compared.

    Of a random draw those that the estimate counts next; otherwise those nearest to the threshold.
    """
    verdicts = {} if people is None else people.verdicts
    if manner == "random":
        places = _drawn(dataset, report)[estimate(dataset, report, people).judged :][:SHOWN]
    else:
        places = _reached(dataset, report, keep=manner == "inside")
        distances = _distance(dataset, report, places)
        near = np.argsort(distances, kind="stable")[: min(SHOWN, len(places))]  # NaN comes last
        places = places[near[~np.isnan(distances[near])]]
    delta = report.delta.iloc[places]
    numbers, ids = answered(dataset, report)[places], delta.index
    table = pd.DataFrame(
        {
            "verdict": [verdicts[i].kind if i in verdicts else "" for i in ids],
            "reason": delta["reason"].fillna("") if "reason" in delta else "",
        },
        index=ids,
    )
    if manner == "inside":
        table["reason"] = "kept"
    column = _compared(report)
    values = dataset.column(column) if column else None
    if values is not None:
        table["number"] = as_numbers(values.iloc[numbers]).to_numpy()
    texts = dataset.rows[["prompt", "response"]].iloc[numbers]
    return table.assign(**{name: texts[name].array for name in texts})


def _bounds(report: StepReport) -> list[float]:
    """The bounds of a step that keeps numbers between two."""
    given = [report.params.get(name) for name in ("low", "high")]
    return [bound for bound in given if bound is not None]


def _compared(report: StepReport) -> str | None:
    """The column of the number that a filter compares with a threshold."""
    score = report.params.get("score")
    return score if isinstance(score, str) and _bounds(report) else _STRENGTHS.get(report.use)


def _distance(dataset: Dataset, report: StepReport, places: np.ndarray) -> np.ndarray:
    """Distances to the threshold of the numbers of rows at places among a step's answers, or NaN."""
    column = _compared(report)
    values = None if column is None else dataset.column(column)
    if values is None:
        raise CurationError(f"{report.title} compares no number, so no row is near to a threshold.")
    numbers = as_numbers(values.iloc[answered(dataset, report)[places]]).to_numpy()
    bounds = _bounds(report)
    if not bounds:  # the weakest that is dropped lies at the threshold
        return np.asarray(numbers)
    return np.asarray(np.min([np.abs(numbers - bound) for bound in bounds], axis=0))


def filter_of(dataset: Dataset, name: str) -> StepReport:
    """The report of a filter of a run by its name; raises CurationError with the names there are."""
    reports = {report.name: report for report in dataset.steps if can_be_judged(report)}
    if name not in reports:
        names = ", ".join(reports) or "none"
        raise CurationError(
            f"No filter {name!r} has run whose rows can be judged; there are: {names}."
        )
    return reports[name]
