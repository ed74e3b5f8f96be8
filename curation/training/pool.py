"""The pool that arms choose from: the examples without the test set, replayed by each arm's recipe.

Guarantee: the source of every replay has no test or validation example in it, so no step can read
one; and arms without people's decisions know none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from curation.basis import Bases
from curation.cache import Memory, key
from curation.columns import FileColumns
from curation.dataset import Dataset, Progress, silent
from curation.errors import CurationError
from curation.overlay import PeopleState, Source
from curation.project import Project
from curation.recipe import Recipe
from curation.replay import Replay
from curation.training.arms import Arm, filters_of, recipe_of
from curation.training.holdout import Holdout, usable
from curation.training.plan import Plan, delivery_digest

Replaying = Callable[[Source, PeopleState | None, Progress], Replay]
"""Gives the replay of a source with people's decisions."""

CHARACTERS_A_TOKEN = 4
"""By which tokens are estimated before a model's own tokenizer counts them; about right in English."""


@dataclass(frozen=True)
class Choice:
    """The rows that an arm trains on, the first chosen first, and what has to be said about it."""

    rows: pd.DataFrame
    note: str = ""


def only(source: Source, ids: tuple[str, ...]) -> Source:
    """A source that holds these ids only; its digest says which."""
    rows = source.dataset.rows
    kept = rows.index.isin(ids)
    part = rows[kept]
    return Source(
        key(source.digest, "pool", sorted(ids)), Dataset(part, own=FileColumns(part["metadata"]))
    )


@dataclass
class Pool:
    """The pool of a run. people: decisions, for the arms that know them."""

    plan: Plan
    holdout: Holdout
    source: Source
    people: PeopleState | None
    replaying: Replaying
    progress: Progress = silent
    _rows: dict[tuple[str, bool], pd.DataFrame] = field(default_factory=dict)

    @property
    def raw(self) -> pd.DataFrame:
        """The pool's rows as they were imported."""
        return self.source.dataset.rows

    def _replay(self, recipe: Recipe, with_people: bool) -> pd.DataFrame:
        name = recipe.revision, with_people
        if name not in self._rows:
            people = self.people if with_people else None
            dataset = self.replaying(self.source, people, self.progress).run(recipe)
            if len(self._rows) > 32:
                self._rows.clear()
            rows = dataset.kept
            self._rows[name] = rows[usable(rows, self.holdout.task)]
        return self._rows[name]

    def choose(self, arm: Arm, budget: int | None, seed: int) -> Choice:
        """The rows that an arm trains on; raises CurationError where its recipe cannot be run.

        An arm that has fewer than the budget takes all, and its note says so. Where tokens are
        equal, the order of choice is followed until the budget's tokens are spent.
        """
        if arm.kind == "export":
            return self._delivered(Path(arm.argument))
        if budget is None:
            return Choice(self._replay(self._recipe(arm, 1, seed), arm.with_people))
        available = self._replay(filters_of(self._recipe(arm, 1, seed)), arm.with_people)
        if available.empty:
            raise CurationError(f"{arm.title}: nothing is kept to choose from.")
        most = budget if self.plan.equal == "examples" else 2 * budget
        size = min(most, len(available))
        rows = self._ordered(self._recipe(arm, size, seed), arm)
        if self.plan.equal == "tokens":
            return self._within_tokens(rows, budget, arm)
        note = ""
        if len(rows) < budget:
            note = f"{arm.title} has {len(rows):,} examples for a budget of {budget:,}."
        elif len(rows) > budget:
            note = (
                f"People kept more than the budget: {arm.title} has {len(rows):,} examples, of which "
                f"the first {budget:,} are trained on."
            )
        return Choice(rows.head(budget), note)

    def missing(self, arm: Arm) -> list[str]:
        """The operations that an arm's first choice has to compute, in order."""
        if arm.kind == "export":
            return []
        recipe = self._recipe(arm, 1, 0)
        people = self.people if arm.with_people else None
        return self.replaying(self.source, people, silent).missing(recipe)

    def _recipe(self, arm: Arm, size: int, seed: int) -> Recipe:
        own = Recipe.from_yaml(self.plan.recipe)
        labelled = self.holdout.task == "classification"
        other = self.plan.files.get(arm.argument, "")
        if arm.kind == "recipe":
            own = Recipe.from_yaml(other, arm.argument)
        return recipe_of(arm, own, size, seed, labelled)

    def _ordered(self, recipe: Recipe, arm: Arm) -> pd.DataFrame:
        """The chosen rows in the order of choice; by arms that know nobody, as imported."""
        rows = self._replay(recipe, arm.with_people)
        if "rank" in rows:
            rows = rows.sort_values("rank", kind="stable")
        return rows if arm.with_people else self.raw.loc[rows.index]

    def _within_tokens(self, rows: pd.DataFrame, budget: int, arm: Arm) -> Choice:
        task = self.holdout.task
        sound = self.raw[usable(self.raw, task)]
        tokens = budget * float(lengths(sound if len(sound) else rows, task).mean())
        spent = np.cumsum(lengths(rows, self.holdout.task))
        count = max(1, int(np.searchsorted(spent, tokens, side="right")))
        few = spent[-1] < 0.95 * tokens
        note = f"{arm.title} has {spent[-1] / tokens:.0%} of the budget's tokens." if few else ""
        return Choice(rows.iloc[:count], note)

    def _delivered(self, folder: Path) -> Choice:
        if self.plan.files.get(str(folder)) != delivery_digest(folder):
            raise CurationError(f"The delivery {folder} is not the one that this run began with.")
        columns = ["id", "delivered", "split"]
        table = pd.read_parquet(folder / "receipts.parquet", columns=columns)
        train = table[table["delivered"] & (table["split"].fillna("train") == "train")]
        rows = self.raw[self.raw.index.isin(train["id"]) & usable(self.raw, self.holdout.task)]
        if rows.empty:
            raise CurationError(f"No training row of the delivery {folder} is in the pool.")
        return Choice(rows, f"{len(rows):,} of the delivery's {len(train):,} rows are in the pool.")


def lengths(rows: pd.DataFrame, task: str) -> np.ndarray:
    """Estimated tokens of each row, (rows,): of the text, or of the whole conversation."""
    column = "prompt" if task == "classification" else "messages"
    characters = rows[column].fillna("").str.len().to_numpy(dtype=float)
    return np.maximum(1.0, characters / CHARACTERS_A_TOKEN)


def replaying_of(project: Project) -> Replaying:
    """A project's own replay on other examples.

    It remembers steps in the project's cache. Topics are found anew, because those of the project
    have read the test set.
    """

    def replay(source: Source, people: PeopleState | None, progress: Progress) -> Replay:
        base = project.replaying(source, progress=progress)
        return replace(base, people=people, bases=Bases(), memory=Memory())

    return replay
