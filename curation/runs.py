"""runs/: a folder for each training run, which pages, commands and the dataset card read.

    plan.json               what is compared, by what learner, with which settings
    holdout.json            the test set: its size, how it was chosen, what was near it
    fits/<arm>-<budget>-<seed>/   choice.parquet, curve.jsonl, answers.parquet, fit.json (written last)
    verdict.json            the comparison, once there are fits to compare
    notes.txt               a person's own words

Guarantee: every file is whole or not there, and a fit counts only by its fit.json. A run that was
ended in the middle is the same folder with fewer fits; starting it again computes the rest.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from curation import files, lock, roles
from curation.errors import CurationError


@dataclass(frozen=True)
class Run:
    """A run by its folder."""

    path: Path

    @property
    def id(self) -> str:
        """Its name in `runs/`."""
        return self.path.name

    @property
    def plan(self) -> dict[str, Any]:
        """The plan: arms, budgets, seeds and learner; raises CurationError when the file is lost or damaged."""
        plan = self.read("plan.json")
        if plan is None:
            raise CurationError(f"The run {self.id} has no plan that can be read; delete it.")
        return plan

    @property
    def holdout(self) -> dict[str, Any] | None:
        """The summary of the test set; None before it was taken out."""
        return self.read("holdout.json")

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The comparison; None while there is nothing to compare."""
        return self.read("verdict.json")

    @property
    def notes(self) -> str:
        """A person's own words about it."""
        try:
            return (self.path / "notes.txt").read_text("utf-8")
        except FileNotFoundError:
            return ""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the only one at work on it for a block; raises CurationError when another is."""
        with open(self.path / ".lock", "ab") as stream:
            if not lock.take(stream.fileno(), patience=0):
                raise CurationError(f"The run {self.id} is at work already; cancel it first.")
            try:
                yield
            finally:
                lock.let_go(stream.fileno())

    @property
    def at_work(self) -> bool:
        """Whether a process is at work on it now."""
        try:
            with open(self.path / ".lock", "rb") as stream:
                return not lock.share(stream.fileno())
        except OSError:
            return False

    def write_notes(self, text: str) -> None:
        """Replace the notes."""
        roles.need(self.path.parents[1], roles.OWNER)
        files.write_text(self.path / "notes.txt", text)

    def read(self, name: str) -> dict[str, Any] | None:
        """The JSON object in a file of the folder; None when it is not there or not whole."""
        try:
            value = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON object to a file of the folder."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps(value, ensure_ascii=False, indent=1))

    def fits(self) -> list[dict[str, Any]]:
        """The finished fits, each with its folder's name as `key`, in the order of their names."""
        names = sorted(p.parent.name for p in self.path.glob("fits/*/fit.json"))
        fits = ((name, self.read(f"fits/{name}/fit.json")) for name in names)
        return [{**fit, "key": name} for name, fit in fits if fit is not None]

    def answers(self, key: str) -> pd.DataFrame:
        """The answers of a fit for each test example, indexed by id; raises CurationError without."""
        return self._table(key, "answers.parquet")

    def choice(self, key: str) -> pd.Index:
        """The ids that a fit was trained on, the first chosen first; raises CurationError without."""
        return self._table(key, "choice.parquet").index

    def _table(self, key: str, name: str) -> pd.DataFrame:
        try:
            return pd.read_parquet(self.path / "fits" / key / name)
        except (OSError, ValueError) as error:
            raise CurationError(
                f"The fit {key} of run {self.id} cannot be read: {error}."
            ) from None

    def curve(self, key: str) -> pd.DataFrame:
        """The learning curve of a fit so far: step, epoch, train_loss, validation_loss, seconds."""
        points = []
        try:
            lines = (self.path / "fits" / key / "curve.jsonl").read_text("utf-8").splitlines()
        except OSError:
            lines = []
        for line in lines:
            try:
                points.append(json.loads(line))
            except ValueError:
                break  # its last line is being written
        columns = ["step", "epoch", "train_loss", "validation_loss", "seconds"]
        return pd.DataFrame(points, columns=columns)

    def started(self) -> Iterator[str]:
        """Keys of the fits that were begun, in the order of their names."""
        yield from sorted(p.name for p in self.path.glob("fits/*") if p.is_dir())


def create(project: Path, plan: dict[str, Any]) -> Run:
    """Make the folder of a new run; raises CurationError where it cannot be written."""
    roles.need(project, roles.OWNER)
    run = Run(project / "runs" / (time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:4]))
    run.write("plan.json", plan)
    return run


def open_run(project: Path, run_id: str) -> Run:
    """The run of an id, or of the only one whose id begins so; raises CurationError otherwise."""
    if not re.fullmatch(r"[\w-]+", run_id):
        raise CurationError(f"{run_id!r} is no id of a run.")
    matches = [run for run in all_runs(project) if run.id.startswith(run_id)]
    exact = [run for run in matches if run.id == run_id]
    if len(exact or matches) != 1:
        some = "no run whose id begins" if not matches else f"{len(matches)} runs whose ids begin"
        raise CurationError(f"There is {some} with {run_id!r}; see `curate runs {project}`.")
    return (exact or matches)[0]


def all_runs(project: Path) -> list[Run]:
    """The runs of a project, the newest first."""
    folders = sorted((p.parent for p in project.glob("runs/*/plan.json")), reverse=True)
    return [Run(folder) for folder in folders]


def delete(run: Run) -> None:
    """Delete a run and everything in its folder; its job, if one is at work, must be ended before."""
    roles.need(run.path.parents[1], roles.OWNER)
    (run.path / "plan.json").unlink(missing_ok=True)  # without it, what is left is no run
    shutil.rmtree(run.path, ignore_errors=True)
