"""The progress of a run, in numbers and in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curation.errors import CurationError
from curation.runs import Run
from curation.training.answers import fit_words
from curation.training.arms import Arm
from curation.training.learners import learners
from curation.training.plan import Plan


@dataclass(frozen=True)
class Standing:
    """The progress of a run.

    done: finished fits, failed ones among them. total: fits of its plan. at_work: whether a process
    works on it now.
    """

    done: int
    failed: int
    total: int
    at_work: bool

    @classmethod
    def of(cls, run: Run) -> Standing:
        """Read the standing of a run; raises CurationError for a plan that cannot be read."""
        fits = run.fits()
        failed = [fit for fit in fits if fit.get("error")]
        return cls(len(fits), len(failed), len(Plan.from_json(run.plan).cells()), run.at_work)

    @property
    def finished(self) -> bool:
        """Whether every fit is done."""
        return self.done >= self.total

    @property
    def resumable(self) -> bool:
        """Whether fits are missing and nobody works on them."""
        return not self.finished and not self.at_work

    @property
    def words(self) -> str:
        """The standing as people read it."""
        if self.finished:
            failed = f", {self.failed:,} of them failed" if self.failed else ""
            return f"finished: {self.total:,} fit{'' if self.total == 1 else 's'}{failed}"
        word = "at work" if self.at_work else "stopped"
        return f"{word}: {self.done:,} of {self.total:,} fits done"


def begun(run: Run) -> str:
    """Return the time at which a run was begun, which its id holds, to the minute."""
    try:
        moment = time.strptime(run.id[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return run.id
    return time.strftime("%Y-%m-%d %H:%M", moment)


def title(run: Run) -> str:
    """Return a run's time and learner, by which people know it."""
    try:
        name = str(run.plan.get("learner", ""))
    except CurationError:
        return begun(run)
    learner = learners().get(name)
    return f"{begun(run)} · {learner.title if learner else name}"


def listing(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row for each run: begun, learner, arms, state, sentence and notes, indexed by id.

    A run whose plan cannot be read has that as its state.
    """
    return pd.DataFrame([_row(run) for run in runs], index=[run.id for run in runs])


def _row(run: Run) -> dict[str, Any]:
    row = {"begun": begun(run), "notes": run.notes}
    try:
        plan = Plan.from_json(run.plan)
        standing = Standing.of(run).words
    except CurationError as error:
        return {**row, "state": str(error)}
    return {
        **row,
        "learner": plan.learner,
        "arms": ", ".join(plan.arms),
        "budgets": ", ".join(f"{budget:,}" for budget in plan.budgets),
        "seeds": plan.seeds,
        "state": standing,
        "verdict": (run.verdict or {}).get("sentence", ""),
    }


def newest_curve(run: Run) -> tuple[str, pd.DataFrame]:
    """Return the name and the learning curve of the fit at work, or else of the last one."""
    finished = {fit["key"] for fit in run.fits()}
    keys = list(run.started())
    at_work = [key for key in keys if key not in finished]
    folders = [run.path / "fits" / key for key in at_work or keys]
    if not folders:
        return "", run.curve("")
    newest = max(folders, key=lambda folder: folder.stat().st_mtime)
    cells = {cell.key: cell for cell in Plan.from_json(run.plan).cells()}
    cell = cells[newest.name]
    about = {"title": Arm.parse(cell.arm).title, "budget": cell.budget, "seed": cell.seed}
    return fit_words(about), run.curve(newest.name)


def curve_lines(curve: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Return the lines of a learning curve for `picture.lines`: (step, loss) by name."""
    names = {"train_loss": "training loss", "validation_loss": "validation loss"}
    steps = curve["step"].tolist()
    lines = {
        title: list(zip(steps, pd.to_numeric(curve[column]).tolist(), strict=True))
        for column, title in names.items()
    }
    return {name: points for name, points in lines.items() if any(y == y for _, y in points)}
