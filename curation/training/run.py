"""A run: the test set out first, then every arm at every budget with every seed.

Guarantee: a run that was ended in the middle goes on where it was: finished fits are not repeated,
and a fit that has checkpoints goes on from the last. A fit that could not be done (one class only,
out of memory, a loss that is no number) is a sentence in the run, and the others are done.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.cache import key
from curation.dataset import Progress, load_messages, part_of, silent
from curation.engine.supply import embedded
from curation.errors import CurationError
from curation.files import replacing
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.review import read_review
from curation.runs import Run
from curation.training import metrics
from curation.training.arms import Arm
from curation.training.holdout import Holdout, hold_out
from curation.training.learners import Data, Learner, Outcome, Part, Point, Work, learner_of
from curation.training.plan import Cell, Plan
from curation.training.pool import Pool, only, replaying_of
from curation.training.trackers import tracking
from curation.training.verdict import verdict
from curation.versions import module_version

PACKAGES = ("numpy", "scikit-learn", "torch", "transformers", "trl", "peft", "cleanlab")
"""Packages whose versions a run notes, where they are installed."""


def execute(project: Project, run: Run, progress: Progress = silent) -> dict[str, Any]:
    """Do what is left of a run and return its verdict.

    Raises CurationError where the examples have changed since it began, and where no fit could be
    done.
    """
    bench = Bench.of(project, run, progress)
    cells = bench.plan.cells()
    fits = {fit["key"]: fit for fit in run.fits()}
    for number, cell in enumerate(cells):
        if cell.key in fits and not fits[cell.key].get("error"):
            continue
        within = part_of(progress, number, len(cells))
        fits[cell.key] = bench.fit(cell, within, list(fits.values()))
        last_of_seed = number + 1 == len(cells) or cells[number + 1].seed != cell.seed
        if last_of_seed:
            run.write("verdict.json", verdict(run))
    if all(fit.get("error") for fit in fits.values()):
        raise CurationError(next(iter(fits.values()))["error"])
    result = verdict(run)
    run.write("verdict.json", result)
    progress(1.0, "done")
    return result


@dataclass
class Bench:
    """Everything that the fits of a run share: the plan, the test set, the pool, the vectors."""

    project: Project
    run: Run
    plan: Plan
    holdout: Holdout
    pool: Pool
    held_out: pd.DataFrame
    _parts: dict[str, Part] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project, run: Run, progress: Progress = silent) -> Bench:
        """Read the project, and take the test set out unless the run has one already."""
        plan = Plan.from_json(run.plan).check()
        source, receipt = project.source(), run.read("receipt.json")
        if receipt is None:
            receipt = _receipt(source.digest, plan, project)
            run.write("receipt.json", receipt)
        policy = receipt.get("policy", "latest")
        people = project.people(receipt["decisions"], policy)  # those of its beginning, to its end
        replay = replaying_of(project)
        decided = replay(source, people, silent).run(Recipe(())).with_columns(["split"])
        if receipt["examples"] != source.digest:
            raise CurationError(
                "The examples have changed since this run began, so its test set means another "
                "thing; start a new run."
            )
        holdout = _remembered(run)
        if holdout is None:
            holdout = hold_out(source.dataset.rows, decided, plan, progress)
            _remember(run, holdout)
        large = [budget for budget in plan.budgets if budget > len(holdout.pool)]
        if large:
            raise CurationError(
                f"The budget {large[0]:,} is more than the {len(holdout.pool):,} examples that are left "
                "beside the test set; take a smaller one."
            )
        pool = Pool(plan, holdout, only(source, holdout.pool), people, replay)
        held_out = decided.loc[[*holdout.test, *holdout.validation]]
        return cls(project, run, plan, holdout, pool, held_out)

    @property
    def learner(self) -> Learner:
        """The plan's learner."""
        return learner_of(self.plan.learner)

    def data(self, rows: pd.DataFrame, progress: Progress = silent) -> Data:
        """The parts that a fit on some rows gets."""
        for name in ("validation", "test"):
            if name not in self._parts:
                ids = getattr(self.holdout, name)
                self._parts[name] = self.part(self.held_out.loc[list(ids)], progress)
        train = self.part(rows, progress)
        return Data(train, self._parts["validation"], self._parts["test"], self.holdout.classes)

    def part(self, rows: pd.DataFrame, progress: Progress = silent) -> Part:
        """Rows as a learner reads them."""
        ids = tuple(map(str, rows.index))
        texts = tuple(rows["prompt"].fillna(""))
        if self.holdout.task == "language_modelling":
            messages = tuple(tuple(load_messages(m)) for m in rows["messages"])
            tools = tuple(orjson.loads(text) if text else None for text in rows["tools"].fillna(""))
            return Part(ids, texts, messages=messages, tools=tools)
        numbers = {name: number for number, name in enumerate(self.holdout.classes)}
        labels = np.array([numbers[str(label)] for label in rows["label"]], dtype=np.int64)
        vectors = self._vectors(rows, progress) if self.learner.needs_vectors else None
        return Part(ids, texts, labels=labels, vectors=vectors)

    def _vectors(self, rows: pd.DataFrame, progress: Progress) -> np.ndarray:
        """Vectors of rows by the recipe's own embedding, or by the default one."""
        steps = (s for s in Recipe.from_yaml(self.plan.recipe) if s.enabled)
        step = next((s for s in steps if s.operation.kind == "embed"), Step("embed"))
        return embedded(step.use, step.arguments, rows, self.project.vectors, progress)

    def fit(self, cell: Cell, progress: Progress, former: list[dict[str, Any]]) -> dict[str, Any]:
        """Do one fit and write it; a fit of the same examples that needs no other seed is copied."""
        folder = self.run.path / "fits" / cell.key
        arm = Arm.parse(cell.arm)
        about = {"arm": cell.arm, "title": arm.title, "budget": cell.budget, "seed": cell.seed}
        budget = "" if cell.budget is None else f" {cell.budget:,}"
        name = f"{arm.title}{budget}, seed {cell.seed + 1} of {self.plan.seeds}"
        progress(0.0, name)
        try:
            choice = self.pool.choose(arm, cell.budget, cell.seed)
            content = _content(choice.rows)
            fingerprint = self.fingerprint(content, cell)
            same = next((f for f in former if f.get("fingerprint") == fingerprint), None)
            if same is not None:
                self._copied(same["key"], folder)
                fit = {**same, **about}
            else:
                data = self.data(choice.rows, progress)
                outcome = self.outcome(data, cell, folder, lambda s, t: progress(s, f"{name}: {t}"))
                self._write_answers(folder, outcome)
                fit = {**about, **self._measured(data, outcome), "fingerprint": fingerprint}
            fit["choice"] = content
            fit["notes"] = [*filter(None, [choice.note]), *fit.get("learner_notes", [])]
            _write_table(folder / "choice.parquet", pd.DataFrame(index=choice.rows.index))
        except CurationError as error:
            shutil.rmtree(folder / "work", ignore_errors=True)
            fit = {**about, "error": str(error)}
        fit["key"] = cell.key
        self.run.write(f"fits/{cell.key}/fit.json", fit)
        return fit

    def outcome(self, data: Data, cell: Cell, folder: Path, progress: Progress) -> Outcome:
        """Train on one part and answer for the test part."""
        _check(data)
        work = folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        curve = folder / "curve.jsonl"
        curve.unlink(missing_ok=True)

        def report(point: Point) -> None:
            values = {k: v if math.isfinite(v) else None for k, v in asdict(point).items()}
            with open(curve, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(values) + "\n")
            for tracker in trackers:
                tracker(point)

        settings = self.plan.settings
        try:
            with tracking(self.run.path / "tensorboard", cell.key, settings) as trackers:
                given = Work(cell.seed, work, progress=progress, report=report)
                outcome = self.learner.fit(data, given, **settings)
        except MemoryError:
            raise CurationError(
                "There was not enough memory: take a smaller model, batch or length of text."
            ) from None
        shutil.rmtree(work, ignore_errors=True)
        for values in (outcome.probabilities, outcome.losses):
            if values is not None and not np.isfinite(values).all():
                raise CurationError(
                    "The answers are no numbers: the training went astray. Try a lower rate."
                )
        return outcome

    def _measured(self, data: Data, outcome: Outcome) -> dict[str, Any]:
        if outcome.probabilities is not None:
            assert data.test.labels is not None and data.train.labels is not None
            values = metrics.classification(
                data.test.labels, outcome.probabilities, self.holdout.classes
            )
            counts = np.bincount(data.train.labels, minlength=len(self.holdout.classes))
            for entry, count in zip(values["classes"], counts.tolist(), strict=True):
                entry["train"] = count
        else:
            assert outcome.losses is not None and outcome.tokens is not None
            values = metrics.language(outcome.losses, outcome.tokens)
            if outcome.losses_before is not None:
                before = metrics.language(outcome.losses_before, outcome.tokens)
                values["loss_before"] = before["loss"]
        return {
            "train": len(data.train),
            "tokens": outcome.cost.tokens,
            "metrics": values,
            "cost": asdict(outcome.cost),
            "samples": [asdict(sample) for sample in outcome.samples],
            "learner_notes": list(outcome.notes),
        }

    def _write_answers(self, folder: Path, outcome: Outcome) -> None:
        test = self._parts["test"]
        if outcome.probabilities is not None:
            assert test.labels is not None
            names = np.array(self.holdout.classes)
            predicted = outcome.probabilities.argmax(axis=1)
            rows = np.arange(len(predicted))
            table = {
                "label": names[test.labels],
                "predicted": names[predicted],
                "probability": outcome.probabilities[rows, predicted],
                "probability_of_label": outcome.probabilities[rows, test.labels],
            }
        else:
            table = {"loss": outcome.losses, "tokens": outcome.tokens}
            if outcome.losses_before is not None:
                table["loss_before"] = outcome.losses_before
        _write_table(folder / "answers.parquet", pd.DataFrame(table, index=list(test.ids)))

    def _copied(self, former: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("answers.parquet", "curve.jsonl"):
            if (self.run.path / "fits" / former / name).exists():
                shutil.copyfile(self.run.path / "fits" / former / name, folder / name)

    def fingerprint(self, content: str, cell: Cell) -> str:
        """Equal for fits that give the same answers; content: digest of the rows to train on."""
        seed = cell.seed if self.learner.seeded else None
        return key(
            "fit",
            module_version(self.learner.fit.__module__),
            dict(self.plan.settings),
            content,
            seed,
        )


def _content(rows: pd.DataFrame) -> str:
    """A digest of what a learner reads of some rows, in their order."""
    content = hashlib.blake2b(digest_size=16)
    for column in ("messages", "tools", "label"):
        content.update("\0".join(rows[column].fillna("")).encode("utf-8", "surrogatepass"))
    return content.hexdigest()


def _check(data: Data) -> None:
    if data.train.labels is not None and len(np.unique(data.train.labels)) < 2:
        raise CurationError("What was chosen has one class only; there is nothing to tell apart.")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as scratch:
        table.rename_axis("id").to_parquet(scratch)


def _remember(run: Run, holdout: Holdout) -> None:
    """Write the ids first: the JSON file says that they are whole."""
    parts = [(name, getattr(holdout, name)) for name in ("test", "validation", "pool")]
    ids = [identifier for _, members in parts for identifier in members]
    names = [name for name, members in parts for _ in members]
    _write_table(run.path / "holdout.parquet", pd.DataFrame({"part": names}, index=ids))
    counts = {name: len(members) for name, members in parts}
    rest = dataclasses.asdict(holdout)
    kept = {name: rest[name] for name in ("task", "copies", "classes", "warnings")}
    run.write("holdout.json", {**counts, **kept, "text": holdout.text})


def _remembered(run: Run) -> Holdout | None:
    summary = run.holdout
    if summary is None:
        return None
    try:
        parts = pd.read_parquet(run.path / "holdout.parquet")["part"]
    except (OSError, ValueError, KeyError):
        return None
    ids = {name: tuple(parts.index[parts == name]) for name in ("test", "validation", "pool")}
    return Holdout(
        summary["task"],
        **ids,
        copies=summary["copies"],
        classes=tuple(summary["classes"]),
        warnings=tuple(summary["warnings"]),
    )


def _receipt(digest: str, plan: Plan, project: Project) -> dict[str, Any]:
    return {
        "examples": digest,
        "decisions": project.last_decision(),
        "policy": read_review(project.path).consensus,
        "recipe": Recipe.from_yaml(plan.recipe).revision,
        "code": module_version(__name__),
        "packages": dict(_versions()),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
