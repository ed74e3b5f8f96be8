"""The tables of `python -m benchmarks lift`, from its cells alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from curation.training.intervals import Interval, holm, paired
from curation.training.metrics import influence_on_f1, variance_of_test_set

Cells = Sequence[Mapping[str, Any]]

Place = tuple[str, str, int]
"""Pool, arm and budget of a cell."""

CEILING = "random from the clean rows"
BASELINE = "random"


class Scores:
    """Macro-F1 of cells, and its differences between arms.

    labels: the right labels of the test rows. learner: the key of its predictions in a cell.
    """

    def __init__(self, cells: Cells, labels: np.ndarray, learner: str) -> None:
        classes, self._right = np.unique(labels, return_inverse=True)
        self._of: dict[Place, dict[int, np.ndarray]] = {}
        self._rows: dict[Place, list[int]] = {}
        for cell in (cell for cell in cells if learner in cell):
            place = (cell["pool"], cell["arm"], cell["budget"])
            predicted = np.array([int(digit, 36) for digit in cell[learner]])
            self._of.setdefault(place, {})[cell["seed"]] = predicted
            self._rows.setdefault(place, []).append(cell["rows"])
        self.budgets = sorted({budget for _, _, budget in self._of} - {0})

    def _macro_f1(self, predicted: np.ndarray) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(self._right, predicted, average="macro", zero_division=0))

    def _arm(self, pool: str, arm: str, budget: int) -> dict[int, np.ndarray] | None:
        return self._of.get((pool, arm, budget)) or self._of.get((pool, arm, 0))

    def mean(self, pool: str, arm: str, budget: int) -> float:
        """Return the mean of macro-F1 over the seeds; NaN for an arm that was not run."""
        scores = self._arm(pool, arm, budget)
        return float(np.mean([self._macro_f1(p) for p in scores.values()])) if scores else np.nan

    def rows(self, pool: str, arm: str, budget: int) -> float:
        """Return the mean number of rows that the arm chose."""
        rows = self._rows.get((pool, arm, budget)) or self._rows.get((pool, arm, 0), [])
        return float(np.mean(rows)) if rows else np.nan

    def lift(
        self, pool: str, arm: str, budget: int, other: tuple[str, str] | None = None
    ) -> Interval | None:
        """Return the interval of the arm less another (random of the same pool), over paired seeds.

        The variance from the choice of the test rows is added to that from the seeds.
        """
        mine = self._arm(pool, arm, budget)
        theirs = self._arm(*(other or (pool, BASELINE)), budget)
        if not mine or not theirs:
            return None
        seeds = sorted(mine.keys() & theirs.keys())
        differences = [self._macro_f1(mine[s]) - self._macro_f1(theirs[s]) for s in seeds]
        gaps = [
            influence_on_f1(self._right, mine[s]) - influence_on_f1(self._right, theirs[s])
            for s in seeds
        ]
        shared = variance_of_test_set(gaps) if gaps else 0.0
        return paired(differences, extra_variance=shared)


def shown(interval: Interval | None, adjusted: float = np.nan) -> str:
    """Return a difference with its half-interval; bold where Holm's adjusted p is below 0.05."""
    if interval is None:
        return "–"
    text = f"{_points(interval.mean)} ± {_points(interval.high - interval.mean)[1:]}"
    if interval.n < 2:
        text = f"{_points(interval.mean)} (one seed)"
    return f"**{text}**" if adjusted < 0.05 else text


def _points(value: float) -> str:
    """Return a difference of scores without its zero: +.123."""
    return f"{value:+.3f}".replace("0.", ".", 1)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def lifts(scores: Scores, arms: Sequence[str]) -> str:
    """Return the table of differences to random, an arm a row and a budget a column."""
    columns: list[list[str]] = []
    for budget in scores.budgets:
        intervals = [scores.lift("planted", arm, budget) for arm in arms]
        adjusted = holm([np.nan if i is None else i.p for i in intervals])
        columns.append([])
        for arm, interval, p in zip(arms, intervals, adjusted, strict=True):
            rows = scores.rows("planted", arm, budget)
            few = f" ({rows:,.0f} rows)" if interval and round(rows) != budget else ""
            columns[-1].append(shown(interval, p) + few)
    head = ["arm", *[f"{budget:,}" for budget in scores.budgets]]
    means = [f"{scores.mean('planted', BASELINE, b):.3f}" for b in scores.budgets]
    lines = [[arm, *cells] for arm, *cells in zip(arms, *columns, strict=True)]
    return table(head, [[f"{BASELINE}: macro-F1", *means], *lines])


def gaps(scores: Scores, arms: Sequence[str]) -> str:
    """Return the table of the share of the gap between random and the ceiling that is closed."""
    lines = []
    for arm in arms:
        cells = []
        for budget in scores.budgets:
            low, own, high = (
                scores.mean("planted", name, budget) for name in (BASELINE, arm, CEILING)
            )
            cells.append(f"{(own - low) / (high - low):.0%}" if high > low else "no gap")
        lines.append([arm, *cells])
    return table(["share of the gap closed", *[f"{b:,}" for b in scores.budgets]], lines)


def filtered(cells: Cells) -> str:
    """Return the table of what each filter leaves: the arms that take everything."""
    every = [c for c in cells if c["pool"] == "planted" and c["arm"].endswith("everything")]
    arms = list(dict.fromkeys(cell["arm"] for cell in every))
    totals = {
        arm: {
            name: np.array([c[name] for c in every if c["arm"] == arm])
            for name in ("rows", "flipped", "copied", "garbled")
        }
        for arm in arms
    }
    lines = []
    for arm in arms:
        left, whole = totals[arm], totals["everything"]
        right, all_right = left["rows"] - left["flipped"], whole["rows"] - whole["flipped"]
        lines.append(
            [
                arm,
                f"{left['rows'].mean():,.0f}",
                *(
                    f"{(1 - left[n] / whole[n]).mean():.0%}"
                    for n in ("flipped", "copied", "garbled")
                ),
                f"{(1 - right / all_right).mean():.0%}",
            ]
        )
    head = ["left", "rows", "wrong labels out", "copies out", "garbled out", "right labels out"]
    return table(head, lines)


def controls(scores: Scores, arms: Sequence[str], permuted: Sequence[str]) -> str:
    """Return the table of the controls: a clean balanced pool, and wrong labels permuted."""
    lines = [
        [f"clean and even: {arm}", *(shown(scores.lift("even", arm, b)) for b in scores.budgets)]
        for arm in arms
        if arm != BASELINE
    ]
    for arm in permuted:
        bare = arm.split(" → ")[-1]
        for against in dict.fromkeys((BASELINE, bare)):
            cells = [
                shown(scores.lift("permuted", arm, b, ("planted", against))) for b in scores.budgets
            ]
            lines.append([f"permuted: {arm}, less {against}", *cells])
    return table(["control", *[f"{b:,}" for b in scores.budgets]], lines)
