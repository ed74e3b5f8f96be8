"""The view of a project on pages: of today's recipe where that takes moments, else of the last run.

Nothing is computed here that could take long or that has no bound, such as a pattern that somebody
wrote, and nothing is computed while the project is locked. Of pages that ask at once one computes, and
the others wait for it, but no longer than WAITING.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from curation import overlay
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.overlay import Source
from curation.recipe import Recipe, Step
from curation.replay import NotCached, Replay, nothing
from curation.review import read_review
from curation.targets import digests

if TYPE_CHECKING:
    from curation.project import Project

NOT_AT_HAND = (
    "The results of the last run are not available: they were forgotten, or the program changed. "
    "Run the recipe. If that does not help, start the app again."
)
NEVER_RUN = "The recipe has not been run on these examples yet."
SHOWN_THEN = "This page shows the last run with today's decisions."

PATIENCE = 2.0
"""Seconds of work that a page may do before it shows something; more is a job."""

WAITING = 60.0
"""Seconds that a page waits for another's view of the same project before it makes one itself."""


@dataclass(frozen=True)
class View:
    """A view of a project: a replayed dataset with today's decisions on it.

    current: whether it is what the recipe and the decisions give now; otherwise `note` says what
    has changed since, and the dataset is that of the last run. last: number of the newest decision
    that it has.
    """

    dataset: Dataset
    current: bool
    note: str
    fingerprint: str
    last: int = 0

    @property
    def ran(self) -> bool:
        """Whether the dataset is what a recipe made of the examples."""
        return self.note not in (NEVER_RUN, NOT_AT_HAND)

    @property
    def changes(self) -> str:
        """The note without the sentence on the last run; for a page that shows today's recipe."""
        return self.note.removesuffix(SHOWN_THEN).strip()


class _Base(NamedTuple):
    """The replay that a view starts from: it has the decisions that the last run had.

    recipe: of the last run; None while there was none. seq: the newest decision of the replay.
    policy: the one that said whose answer counts.
    """

    replay: Replay
    recipe: Recipe | None
    seq: int
    policy: str


class Views:
    """The views of one project; the newest is remembered until something changes."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._newest: tuple[tuple[Any, ...], View] | None = None
        self._computing = threading.Lock()

    def now(self) -> View:
        """The view of this moment; raises CurationError while there are no examples."""
        state, newest = self._state(), self._newest
        if newest is not None and newest[0] == state:
            return newest[1]
        # Many pages ask at once and one of them computes: each that did it too would hold a copy of all.
        acquired = self._computing.acquire(timeout=WAITING)
        try:
            state, newest = self._state(), self._newest
            if newest is None or newest[0] != state:
                newest = state, self._make()
                self._newest = newest
            return newest[1]
        finally:
            if acquired:
                self._computing.release()

    def _state(self) -> tuple[Any, ...]:
        """The newest change of everything that a view depends on."""
        project = self._project
        return (
            project.recipe_text(),
            project.last_decision(),
            read_review(project.path).consensus,
            project.source_digest,
            digests(project.references, ()),
            project.history.changed,
        )

    def _make(self) -> View:
        project, source = self._project, self._project.source()
        last = project.last_decision()
        base = self._base(source, last)
        dataset, note = source.dataset, NEVER_RUN if base.recipe is None else NOT_AT_HAND
        try:
            recipe = project.recipe
            try:
                dataset = base.replay.run(recipe, compute=self.quick(base.replay, recipe))
            except NotCached as stopped:
                if base.recipe is None or not (pending := _pending(recipe, stopped)):
                    raise
                dataset = stopped.partial
                note = f"{self._changes(base.recipe, base)} {pending}".strip()
                if not self._decided(recipe, base):
                    mark = dataset.steps[-1].fingerprint if dataset.steps else source.digest
                    return View(dataset, False, note, mark, last)
                return self._with_decisions(source, dataset, note, last)
            prints = base.replay.fingerprints(recipe)
            if not self._decided(recipe, base) or (
                _reads_more(recipe)
                and project.replaying(source, last).fingerprints(recipe) == prints
            ):
                return View(dataset, True, "", prints[-1], last)
            note = f"{self._changes(recipe, base)} {SHOWN_THEN}"
        except CurationError as error:
            with suppress(CurationError):  # the cache may have lost the last run
                if base.recipe is not None:
                    dataset = base.replay.run(base.recipe, compute=nothing)
                    note = f"{error} {SHOWN_THEN}"
                    if changes := self._changes(base.recipe, base):
                        note = f"{changes} {SHOWN_THEN}"
        return self._with_decisions(source, dataset, note, last)

    def _with_decisions(self, source: Source, dataset: Dataset, note: str, last: int) -> View:
        """The view of a dataset that is not of this moment, with today's decisions on it."""
        project = self._project
        dataset, mark = overlay.over(source, dataset, project.people(last), project.memory)
        return View(dataset, False, note, mark, last)

    def _base(self, source: Source, last: int) -> _Base:
        """The base of what pages show and edit: the decisions of the last run, or all up to `last`."""
        latest = self._project.history.last_run(source.digest)
        policy = read_review(self._project.path).consensus
        recipe, seq, then = latest or (None, last, policy)
        seq = min(last, seq)
        replay = self._project.replaying(source, seq, policy=then)
        return _Base(replay, recipe, seq, then)

    def quick(self, replay: Replay, recipe: Recipe) -> Callable[[Step], bool]:
        """Allow the first steps that are not remembered, up to a page's PATIENCE in all.

        Their seconds are known from earlier runs. A filter of single rows that was never timed
        counts as nothing.
        """
        rates, left, allowed = self._project.history.rates(), PATIENCE, set[str]()
        for step in replay.missing_steps(recipe):
            use, operation = step.use, step.operation
            timed = use in rates or (operation.kind == "filter" and operation.batched)
            left -= rates.get(use, 0.0) * len(replay.source.dataset)
            if operation.is_slow(step.arguments) or not timed or left < 0:
                allowed.discard(use)  # it may stand in the recipe twice
                break
            allowed.add(use)
        return lambda step: step.use in allowed

    def partial(self, recipe: Recipe) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it."""
        replay = self._base(self._project.source(), self._project.last_decision()).replay
        try:
            return replay.run(recipe, compute=self.quick(replay, recipe))
        except NotCached as stopped:
            return stopped.partial

    def _changes(self, recipe: Recipe, base: _Base) -> str:
        """The changes since a run of that recipe, in a sentence; empty for none that counts."""
        project, changes = self._project, []
        if project.recipe_text() != recipe.to_yaml() and project.recipe != recipe:
            changes.append("the recipe was changed")
        if base.policy != read_review(project.path).consensus:
            changes.append("the rule of whose answer counts was changed")
        if new := len(self._decided(recipe, base)):
            changes.append(
                "1 example was decided" if new == 1 else f"{new:,} examples were decided"
            )
        sentence = f"{' and '.join(changes)} since the last run." if changes else ""
        return sentence[:1].upper() + sentence[1:]

    def _decided(self, recipe: Recipe, base: _Base) -> set[str]:
        """Examples with other decisions than in a base that such a recipe reads."""
        now, then = self._project.people(), self._project.people(base.seq, base.policy)
        kinds = {"keep", "drop", "edit", "label", *(MORE_KINDS if _reads_more(recipe) else ())}
        return set() if now is None else now.changed_examples(then, kinds)


def _pending(recipe: Recipe, stopped: NotCached) -> str:
    """The sentence on a late step that waits for a run; empty for an early one.

    What a step of a late phase gives is read by no other step, so all before it can be shown.
    """
    operation = recipe.steps[recipe.names.index(stopped.step)].operation
    if operation.phase not in LATE:
        return ""
    return f"This page shows today's recipe up to the step {operation.title}, which needs a run."


def as_far_as(project: Project, recipe: Recipe) -> tuple[Dataset, CurationError | None]:
    """The dataset after the first steps that can run, and the error that stops the next; for editing.

    Raises CurationError when there are no examples.
    """
    stopped = None
    for count in range(len(recipe), 0, -1):
        try:
            return project.partial(Recipe(recipe.steps[:count])), stopped
        except CurationError as error:
            stopped = stopped or error
    return project.partial(Recipe()), stopped


LATE = ("select", "split")
"""Phases whose steps may wait for a run while pages show what the recipe gives before them."""

MORE_KINDS = ("tag", "apart", "prefer")
"""Kinds of decisions that steps read, besides those that are laid over the rows."""


def _reads_more(recipe: Recipe) -> bool:
    """Whether a step that reads more of people's decisions than their verdicts and edits is on."""
    return any("decisions" in step.operation.inputs for step in recipe if step.enabled)
