"""What pages show of a project: today's recipe where that is a matter of moments, else the last run.

Nothing is computed here that could take long or that has no bound, such as a pattern that somebody
wrote, and nothing is computed while the project is locked: a page waits for nobody else's page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation import overlay
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.recipe import Recipe, Step
from curation.replay import NotCached, Replay, nothing

if TYPE_CHECKING:
    from curation.project import Project

NOT_AT_HAND = (
    "What the last run computed is not at hand: it was forgotten, or the program was changed since. "
    "Run the recipe; if that does not help, start the app anew."
)
NEVER_RUN = "The recipe has not been run on these examples yet."
SHOWN_THEN = "What you see is the last run with today's decisions on it."

PATIENCE = 2.0
"""Seconds of work that a page may do before it shows something; more is a job."""


@dataclass(frozen=True)
class View:
    """What pages show: a replayed dataset with today's decisions on it.

    current: whether it is what the recipe and the decisions give now; otherwise `note` says what
    has changed since, and the dataset is that of the last run.
    """

    dataset: Dataset
    current: bool
    note: str
    fingerprint: str


class Views:
    """The views of one project; the newest is remembered until something changes."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._newest: tuple[tuple[Any, ...], View] | None = None
        self._computing = threading.Lock()

    def now(self) -> View:
        """The view of this moment; raises CurationError while there are no examples."""
        about = self._about()
        known = self._newest
        if known is not None and known[0] == about:
            return known[1]
        # Many pages ask at once, and one of them computes; whoever waited too long does it too.
        held = self._computing.acquire(timeout=PATIENCE)
        try:
            about, known = self._about(), self._newest
            if known is None or known[0] != about:
                known = about, self._make()
                self._newest = known
            return known[1]
        finally:
            if held:
                self._computing.release()

    def _about(self) -> tuple[Any, ...]:
        """Everything that a view is made of, by its newest change."""
        project = self._project
        return (
            project.recipe_text(),
            project.last_decision(),
            project.source_digest,
            project.history.changed,
        )

    def _make(self) -> View:
        project, source = self._project, self._project.source()
        last = project.last_decision()
        today = project.replaying(source, last)
        latest = project.history.last_run(source.digest)
        seq = min(last, latest[1]) if latest else last
        base = today if seq == last else project.replaying(source, seq)
        dataset, note = source.dataset, NOT_AT_HAND if latest else NEVER_RUN
        try:
            recipe = project.recipe
            dataset = base.run(recipe, compute=self.quick(base, recipe))
            prints = base.fingerprints(recipe)
            if not self._decided(recipe, seq) or (
                _reads_tags(recipe) and today.fingerprints(recipe) == prints
            ):
                return View(dataset, True, "", prints[-1])
            note = f"{self._what_changed(recipe, seq)} {SHOWN_THEN}"
        except CurationError as error:
            with suppress(CurationError):  # the cache may have lost the last run
                if latest:
                    recipe = latest[0]
                    dataset = base.run(recipe, compute=nothing)
                    note = f"{self._what_changed(recipe, seq) or error} {SHOWN_THEN}"
        dataset, mark = overlay.over(source, dataset, project.people(last), project.memory)
        return View(dataset, False, note, mark)

    def quick(self, replay: Replay, recipe: Recipe) -> Callable[[Step], bool]:
        """Allows the first steps not remembered, as long as all take a page's PATIENCE at most.

        What they take is known from earlier runs; filters of single rows that were never timed here
        are counted as nothing.
        """
        rates, left, allowed = self._project.history.rates(), PATIENCE, set[str]()
        for step in replay.missing_steps(recipe):
            use, made = step.use, step.operation
            known = use in rates or (made.kind == "filter" and made.batched)
            left -= rates.get(use, 0.0) * len(replay.source)
            if made.is_slow(step.arguments) or not known or left < 0:
                allowed.discard(use)  # it may stand in the recipe twice
                break
            allowed.add(use)
        return lambda step: step.use in allowed

    def partial(self, recipe: Recipe) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it.

        With the decisions of the last run, for which the steps are remembered.
        """
        project, source = self._project, self._project.source()
        last = project.last_decision()
        latest = project.history.last_run(source.digest)
        base = project.replaying(source, min(last, latest[1]) if latest else last)
        try:
            return base.run(recipe, compute=self.quick(base, recipe))
        except NotCached as stopped:
            return stopped.partial

    def _what_changed(self, recipe: Recipe, seq: int) -> str:
        """What was changed since a run of that recipe, in a sentence; empty for nothing that counts."""
        project, changes = self._project, []
        if project.recipe_text() != recipe.to_yaml() and project.recipe != recipe:
            changes.append("the recipe was changed")
        if new := len(self._decided(recipe, seq)):
            about = "1 example" if new == 1 else f"{new:,} examples"
            changes.append(f"people decided about {about}")
        return f"Since the last run {' and '.join(changes)}." if changes else ""

    def _decided(self, recipe: Recipe, seq: int) -> set[str]:
        """Examples about which people said, since an event, what such a recipe may read."""
        now = self._project.people()
        kinds = {"keep", "drop", "edit", "label", *(["tag"] if _reads_tags(recipe) else [])}
        return set() if now is None else now.changed_examples(self._project.people(seq), kinds)


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


def _reads_tags(recipe: Recipe) -> bool:
    """Whether a step that reads more of people's decisions than their verdicts and edits is on."""
    return any("decisions" in step.operation.inputs for step in recipe if step.enabled)
