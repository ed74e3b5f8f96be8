"""Applying a recipe and people's decisions to a dataset, remembering every prefix.

A dataset is its source with a layer for each step over it (see `curation.overlay`), so a delta found
in the cache is as good as one computed. A delta's key is made of the source, every step before it
and the decisions used so far. Batched scores and cleaners are remembered a second time by the text
they saw, so an edit of one row or another filter repeats one batch and not all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation.basis import Bases, Basis
from curation.cache import Cache, Memory, key
from curation.dataset import Dataset, Progress, silent
from curation.embedding.store import NotRemembered
from curation.engine import Engine, Serial
from curation.engine.steps import Computed, Steps
from curation.engine.supply import vectors_of
from curation.engine.vector_places import keep_places, remembered_places
from curation.errors import CurationError
from curation.files import content_of
from curation.footprint import give_back
from curation.numbered import from_table, is_whole, to_table, with_numbers, without_numbers
from curation.overlay import PeopleLayer, PeopleState, Source, interleaved, lay
from curation.recipe import Recipe, Step, replace_params
from curation.registry import SEEDS, operation
from curation.report import PEOPLE, StepReport
from curation.targets import NONE, References, digests
from curation.vectors import Vectors

Compute = Callable[[Step], bool]
"""A test of whether a step that is not remembered may be computed."""


class NotCached(CurationError):
    """A replay met a step that is not remembered and that it may not compute.

    partial: the dataset before that step.
    """

    def __init__(self, step: str, partial: Dataset) -> None:
        super().__init__(f"{step} has not been run yet.")
        self.step = step
        self.partial = partial


def everything(step: Step) -> bool:
    """Compute every step that is not remembered."""
    return True


def nothing(step: Step) -> bool:
    """Compute nothing; use remembered steps only."""
    return False


@dataclass(frozen=True)
class _Named:
    """A step of a recipe with its name there, which no other step has."""

    name: str
    step: Step


@dataclass
class Replay:
    """Everything a replay needs besides the recipe.

    source: the examples as imported. people: decisions, or None. store: the vector store that
    `embed` operations get. bases: the tables that operations keep to. references: sets that
    operations compare the examples with. folder: the project's.
    """

    source: Source
    cache: Cache
    store: Any = None
    people: PeopleState | None = None
    bases: Bases = field(default_factory=Bases)
    engine: Engine = field(default_factory=Serial)
    progress: Progress = silent
    memory: Memory[Dataset] = field(default_factory=Memory)
    references: References = NONE
    folder: Path = Path()

    def __post_init__(self) -> None:
        self._steps = Steps(
            *(self.cache, self.store, self.people, self.bases, self.engine, self.references),
            folder=self.folder,
        )

    def run(
        self, recipe: Recipe, *, upto: int | None = None, compute: Compute = everything
    ) -> Dataset:
        """The dataset after the recipe's steps (the first `upto` of them, when given).

        compute: which steps may be computed when they are not remembered.
        Raises RecipeError for a recipe that cannot be run, CurationError where a step cannot do
        its work, NotCached where it may not compute one.
        """
        recipe.check()
        stages = list(self._stages(recipe, upto))
        fingerprint, dataset = self.source
        for i, stage in enumerate(stages):
            rows = None
            if isinstance(stage, _Named) and compute(stage.step):
                rows = int(dataset.rows["dropped_by"].isna().sum())
            fingerprint = self._print(fingerprint, stage, rows)
            after = self.memory.get(fingerprint)
            if after is None:
                if self.progress is not silent:
                    self.progress(i / len(stages), _title(stage))
                if isinstance(stage, PeopleLayer):
                    after = self._decide(dataset, stage, fingerprint, compute)
                else:
                    after = self._advance(dataset, stage, fingerprint, (i, len(stages)), compute)
                self.memory.put(fingerprint, after)
                if not after.steps[-1].cached:
                    give_back(len(after))
            dataset = after
        self.cache.prune()
        self.progress(1.0, "done")
        return dataset

    def fingerprints(self, recipe: Recipe) -> list[str]:
        """The fingerprint after each stage; the last stands for the whole result."""
        prints = [self.source.digest]
        for stage in self._stages(recipe, None):
            prints.append(self._print(prints[-1], stage))
        return prints

    def missing(self, recipe: Recipe) -> list[str]:
        """Operations of the steps that a run would have to compute, in order."""
        return [step.use for step in self.missing_steps(recipe)]

    def missing_steps(self, recipe: Recipe) -> list[Step]:
        """The steps that a run would have to compute, in order."""
        fingerprint, missing = self.source.digest, []
        for stage in self._stages(recipe, None):
            fingerprint = self._print(fingerprint, stage)
            remembered = self.memory.get(fingerprint) is not None or self.cache.has(fingerprint)
            if isinstance(stage, _Named) and not remembered:
                missing.append(stage.step)
        return missing

    def _stages(self, recipe: Recipe, upto: int | None) -> Iterator[_Named | PeopleLayer]:
        named = [_Named(n, s) for s, n in zip(recipe.steps, recipe.names, strict=True)]
        steps = [s for s in named[: len(named) if upto is None else upto] if s.step.enabled]
        last = "split"
        if upto is not None:
            last = steps[-1].step.operation.phase if steps else "clean"
        return interleaved(steps, lambda s: s.step.operation.phase, self.people, last)

    def _print(self, before: str, stage: _Named | PeopleLayer, rows: int | None = None) -> str:
        """A name for the result after a stage, given the one before; `rows` as in registry."""
        if isinstance(stage, PeopleLayer):
            return key(before, PEOPLE, stage.title, stage.fingerprint)
        operation, params = stage.step.operation, stage.step.arguments
        depends = operation.depends_on(params, self.store, rows)
        if "decisions" in operation.inputs:
            depends = [depends, operation.read_of(params, self.people)]
        if "targets" in operation.inputs:
            depends = [depends, digests(self.references, operation.references_read(params))]
        if "folder" in operation.inputs:
            names = operation.files_read(params)
            depends = [depends, [_content(self.folder / name) for name in names]]
        return key(before, stage.name, operation.version, params, depends)

    def _decide(
        self, dataset: Dataset, layer: PeopleLayer, fingerprint: str, compute: Compute
    ) -> Dataset:
        begin = time.perf_counter()
        after = lay(dataset, layer.report(fingerprint), self.people)
        if after.vectors is not None:
            after = self._embed_revived(after, compute)
        return _timed(after, begin)

    def _advance(
        self,
        dataset: Dataset,
        stage: _Named,
        fingerprint: str,
        place: tuple[int, int],
        compute: Compute,
    ) -> Dataset:
        begin = time.perf_counter()
        step, operation = stage.step, stage.step.operation
        earlier = [r.numbers for r in dataset.steps if r.use != PEOPLE and r.numbers is not None]
        remembered = with_numbers(self.cache.get(fingerprint, plain=False), earlier)
        vectors, ids = dataset.vectors, dataset.rows.index
        if operation.kind == "embed" and remembered is not None:
            try:
                vectors = self._vectors_again(dataset, stage, fingerprint)
            except NotRemembered:  # the vectors are gone, so there is work to be done
                remembered = None
        if remembered is not None:
            delta, numbers = from_table(remembered, len(ids))
        else:
            if not compute(step):
                raise NotCached(stage.name, dataset)
            delta, numbers, vectors = self._computed(dataset, stage, place)
            table = to_table(delta, numbers, len(ids))
            self.cache.put(fingerprint, without_numbers(table, earlier))
            if operation.kind == "embed":
                keep_places(self.cache, fingerprint, vectors, self.store)
        index, numbers = _index_of(dataset, numbers)
        report = StepReport(
            name=stage.name,
            use=step.use,
            title=operation.title,
            kind=operation.kind,
            params=step.arguments,
            cached=remembered is not None,
            fingerprint=fingerprint,
            delta=delta.set_axis(index),
            numbers=numbers,
        )
        return _timed(lay(dataset, report).replace(vectors=vectors), begin)

    def _vectors_again(self, dataset: Dataset, stage: _Named, fingerprint: str) -> Vectors | None:
        """The vectors of a remembered step; raises NotRemembered where some are gone."""
        vectors = remembered_places(self.cache, fingerprint, self.store)
        if vectors is None:
            operation, store = stage.step.operation, self.store.remembering()
            arguments = stage.step.arguments
            vectors = self._steps.compute(dataset, operation, arguments, silent, store).vectors
            keep_places(self.cache, fingerprint, vectors, self.store)
        return vectors

    def _computed(self, dataset: Dataset, stage: _Named, place: tuple[int, int]) -> Computed:
        """The answer of a step to a dataset; an error names the step."""
        number, count = place
        title = _title(stage)

        def progress(share: float, text: str = "") -> None:
            self.progress((number + share) / count, f"{title}: {text}" if text else title)

        operation, params = stage.step.operation, stage.step.arguments
        try:
            return self._steps.compute(dataset, operation, params, progress, name=stage.name)
        except MemoryError:
            raise CurationError(f"{title} ran out of memory.") from None
        except CurationError as error:
            if type(error) is CurationError and stage.name not in str(error):
                raise CurationError(f"{stage.name}: {error}") from error
            raise

    def bases_of(self, dataset: Dataset) -> dict[str, Basis]:
        """The table that each step of a replayed dataset keeps to, by the step's name."""
        return {
            report.name: self._steps.basis(report.name, report.params, dataset.steps[:position])
            for position, report in enumerate(dataset.steps)
            if report.use != PEOPLE and "basis" in operation(report.use).inputs
        }

    def anew(self, recipe: Recipe, dataset: Dataset) -> Recipe:
        """The recipe with an unused seed for each step that keeps to a table.

        dataset: of a replay of the recipe; its embed step tells which tables exist.
        """
        steps = list(recipe.steps)
        for position, (name, step) in enumerate(zip(recipe.names, recipe.steps, strict=True)):
            if "basis" not in step.operation.inputs:
                continue
            end = next((i for i, r in enumerate(dataset.steps) if r.name == name), None)
            params, before = dict(step.arguments), dataset.steps[:end]
            while self._steps.basis(name, params, before).exists or params == step.arguments:
                params["seed"] = (int(params["seed"]) + 1) % SEEDS
            steps[position] = replace_params(step, {**step.params, "seed": params["seed"]})
        return Recipe(tuple(steps))

    def _embed_revived(self, dataset: Dataset, compute: Compute) -> Dataset:
        """Give vectors to rows that a person kept although they were dropped before `embed`."""
        assert dataset.vectors is not None
        bare = dataset.rows["dropped_by"].isna().to_numpy() & ~dataset.vectors.present
        steps = [r for r in dataset.steps if r.kind == "embed"]
        if not bare.any() or not steps:
            return dataset
        rows = dataset.rows[bare].sort_index()
        step = replace_params(Step(steps[-1].use), steps[-1].params)
        store = self.store if compute(step) else self.store.remembering()
        try:
            revived = vectors_of(steps[-1].use, steps[-1].params, rows, store)
        except NotRemembered:
            raise NotCached(steps[-1].name, dataset) from None
        places = dataset.rows.index.get_indexer(rows.index)
        return dataset.replace(vectors=dataset.vectors.with_others(places, revived))


def _index_of(dataset: Dataset, numbers: np.ndarray) -> tuple[pd.Index, np.ndarray]:
    """The ids of some rows, and their numbers: those of an earlier step where it has the same rows."""
    ids = dataset.rows.index
    if is_whole(numbers, len(ids)):
        return ids, numbers
    former = [r for r in dataset.steps if r.numbers is not None and len(r.numbers) == len(numbers)]
    for report in former:
        if report.numbers is not None and np.array_equal(report.numbers, numbers):
            return report.delta.index, report.numbers
    return ids.take(numbers), numbers


def _content(path: Path) -> str:
    """The SHA-256 of a file; empty where there is none."""
    try:
        return content_of(path)
    except OSError:
        return ""


def _title(stage: _Named | PeopleLayer) -> str:
    return stage.title if isinstance(stage, PeopleLayer) else stage.step.operation.title


def _timed(dataset: Dataset, begin: float) -> Dataset:
    """The dataset, whose newest layer took the time since `begin`."""
    *steps, newest = dataset.steps
    newest = replace(newest, seconds=time.perf_counter() - begin)
    return dataset.replace(steps=(*steps, newest))
