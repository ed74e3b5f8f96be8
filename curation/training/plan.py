"""A plan: what a training run compares, by which learner, at which budgets and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from curation import files
from curation.errors import CurationError
from curation.operations.split import given_splits
from curation.project import Project
from curation.recipe import Recipe
from curation.training.arms import NEEDS_ARGUMENT, Arm
from curation.training.learners import Task, learner_of

MOST_SEEDS = 100
SPLIT_SEED = 7_919
"""The draw of the test set; a seed that steps usually have would repeat their draws."""

SHARES = (0.02, 0.5)
"""Least and greatest share of the examples that a test set may have."""


@dataclass(frozen=True)
class Plan:
    """The arms, budgets, seeds and learner of a run.

    learner, settings: see `curation.training.learners`. arms: ways to choose, as text; see `Arm`.
    budgets: numbers of examples (equal: examples), or of examples whose tokens are the budget
    (equal: tokens). seeds: paired repetitions. test: "share" for a share of the examples, or
    "given" for those whose files call them test. recipe: the project's recipe as text, when the run
    was made. files: what the arms' files held then: the text of a recipe, the digest of a delivery.
    """

    learner: str = "logistic"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    arms: tuple[str, ...] = ("curated", "random", "balanced", "everything")
    budgets: tuple[int, ...] = (500,)
    seeds: int = 5
    test: Literal["share", "given"] = "share"
    test_share: float = 0.2
    validation_share: float = 0.1
    equal: Literal["examples", "tokens"] = "examples"
    split_seed: int = SPLIT_SEED
    recipe: str = "version: 1\nsteps: []\n"
    files: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def task(self) -> Task:
        """The task of the learner."""
        return learner_of(self.learner).task

    def check(self) -> Plan:
        """The plan with all settings filled in; raises CurationError for what cannot be run."""
        settings = learner_of(self.learner).check(self.settings)
        if not self.arms:
            raise CurationError("Name at least one arm, such as random.")
        arms = [Arm.parse(text) for text in self.arms]
        if len({arm.text for arm in arms}) < len(arms):
            raise CurationError("An arm is named twice; leave one of them out.")
        if not self.budgets and any(arm.takes_budget for arm in arms):
            raise CurationError("Give a budget: how many examples each arm trains on.")
        if any(budget < 2 for budget in self.budgets):
            raise CurationError("A budget must be at least 2 examples.")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise CurationError(f"Seeds must be between 1 and {MOST_SEEDS}.")
        for name in ("test_share", "validation_share"):
            share = getattr(self, name)
            if not SHARES[0] <= share <= SHARES[1]:
                raise CurationError(f"{name} must be between {SHARES[0]} and {SHARES[1]}.")
        if self.test not in ("share", "given") or self.equal not in ("examples", "tokens"):
            raise CurationError("test is share or given, and equal is examples or tokens.")
        Recipe.from_yaml(self.recipe, "the plan's recipe").check()
        now = {
            arm.argument: _held_by(arm)
            for arm in arms
            if arm.kind in NEEDS_ARGUMENT and arm.argument not in self.files
        }
        return replace(self, settings=settings, files={**self.files, **now})

    def to_json(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """The plan of a JSON object; raises CurationError for one of another version."""
        usual = cls().to_json()
        for name, entry in value.items():
            if name not in usual:
                raise CurationError(
                    f"The plan was made by another version: {name} is no part of it."
                )
            _check_type(name, entry, usual[name])
        lists = {name: tuple(value[name]) for name in ("arms", "budgets") if name in value}
        return cls(**{**value, **lists})

    def cells(self) -> list[Cell]:
        """Every fit of the plan: seeds outermost, so that a run ended early is still paired."""
        cells = []
        for seed in range(self.seeds):
            for text in self.arms:
                budgets = self.budgets if Arm.parse(text).takes_budget else (None,)
                cells += [Cell(text, budget, seed) for budget in budgets]
        return cells


def _check_type(name: str, value: Any, usual: Any) -> None:
    """Raise CurationError for a value of another type than the usual one."""
    number = isinstance(usual, int | float)
    items = value if isinstance(value, list | tuple) else []
    right = {
        "arms": bool(items) and all(isinstance(item, str) for item in items),
        "budgets": isinstance(value, list | tuple) and all(type(item) is int for item in items),
        "seeds": type(value) is int,
        "split_seed": type(value) is int,
    }.get(name, isinstance(value, (int, float) if number else type(usual)))
    if not right or isinstance(value, bool):
        raise CurationError(f"The plan's {name} cannot be {value!r}; usual is {usual!r}.")


def _held_by(arm: Arm) -> str:
    """The content of an arm's file: the text of a recipe, which is checked, or a delivery's digest."""
    if arm.kind == "export":
        return delivery_digest(Path(arm.argument))
    try:
        text = Path(arm.argument).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"The recipe {arm.argument} cannot be read: {error}.") from None
    Recipe.from_yaml(text, arm.argument).check()
    return text


def delivery_digest(folder: Path) -> str:
    """The digest of a delivery's receipts; raises CurationError for a folder that has none."""
    try:
        return files.sha256(folder / "receipts.parquet")
    except OSError as error:
        raise CurationError(f"{folder} is no delivery that can be read: {error}.") from None


@dataclass(frozen=True)
class Cell:
    """One fit: an arm at a budget with a seed; budget: None for an arm that takes all it has."""

    arm: str
    budget: int | None
    seed: int

    @property
    def key(self) -> str:
        """The name of its folder."""
        return f"{Arm.parse(self.arm).slug}-{self.budget or 'all'}-{self.seed}"


def given_column(rows: pd.DataFrame) -> str | None:
    """The column in which files call examples test: their own split, or else the file's name."""
    for name in ("split", "source"):
        if (given_splits(rows[name]) == "test").any():
            return name
    return None


def budgets_for(pool: int) -> tuple[int, ...]:
    """Budgets that make a curve over a pool of some size: halves, from a few hundred on."""
    usual = (250, 500, 1_000, 2_500, 5_000, 10_000)
    fitting = tuple(b for b in usual if b <= pool * 0.6)
    return fitting[-3:] or (max(2, math.ceil(pool / 2)),)


def plan_for(
    project: Project, learner: str = "", settings: Mapping[str, Any] | None = None
) -> Plan:
    """A sound plan for a project's examples: labels are to be told apart, answers are to be written.

    learner: a name, or empty for the quickest that fits; labels beside answers are learned where one is
    named that learns labels. Budgets are those that its pool allows.
    """
    rows = project.examples.rows
    labelled = rows["label"].notna() & (rows["label"] != "")
    answered = rows["response"].fillna("").str.strip() != ""
    name = learner or ("logistic" if (labelled & ~answered).sum() > len(rows) / 2 else "small_gpt")
    task = learner_of(name).task
    count = int((labelled if task == "classification" else answered | ~labelled).sum())
    fixed: dict[str, Any] = {"learner": name, "settings": dict(settings or {})}
    return Plan(
        **fixed,
        budgets=budgets_for(round(count * 0.7)),
        test="given" if given_column(project.examples.with_columns(["split"])) else "share",
        equal="examples" if task == "classification" else "tokens",
        recipe=project.recipe.to_yaml(),
    )
