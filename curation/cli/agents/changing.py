"""The tools that change the recipe and start work: steps, runs, imports, deliveries."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation import commands, jobs
from curation.cli.agents.folders import Folders
from curation.cli.agents.reading import status_of
from curation.cli.agents.shown import untrusted
from curation.errors import CurationError, RecipeConflict, RecipeError
from curation.export.deliveries import folder_of
from curation.export.places import MODELS
from curation.project import Project
from curation.reading import Reading
from curation.recipe import Recipe, Step, replace_params
from curation.text.slug import slug
from curation.view import as_far_as

PATIENCE = 50
"""Most seconds that one call waits for a job."""


class Changing:
    """The tools that change something other than decisions."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def add_step(
        self,
        project: str,
        revision: str,
        use: str,
        params: dict[str, Any] | None = None,
        save: bool = True,
    ) -> dict[str, Any]:
        """Add a step to the recipe, at the end of its phase; nothing is dropped before the next `run`.

        revision: of the recipe that you read. use: an operation, as `operations` lists them. save: false
        to see the effect only. `effect` counts what the new recipe drops, as far as that takes moments;
        `stopped` says what keeps it from being run, or which steps only a run computes.
        """
        step = replace_params(Step(use), params or {})
        return self._save(project, revision, lambda recipe: recipe + step, save)

    def change_step(
        self,
        project: str,
        revision: str,
        step: str,
        params: dict[str, Any] | None = None,
        enabled: bool | None = None,
        save: bool = True,
    ) -> dict[str, Any]:
        """Change parameters of a step of the recipe, or switch it off or on; others stay as they are.

        revision: of the recipe that you read. step: its name there, as keep_between#2. save, effect: as
        in `add_step`.
        """

        def changed(recipe: Recipe) -> Recipe:
            position = _position(recipe, step)
            former = recipe.steps[position]
            fresh = replace_params(former, {**former.params, **(params or {})}, enabled)
            return recipe.changed(position, fresh)

        return self._save(project, revision, changed, save)

    def remove_step(
        self, project: str, revision: str, step: str, save: bool = True
    ) -> dict[str, Any]:
        """Remove a step from the recipe; revision and step as `recipe` shows them, save as in `add_step`."""
        return self._save(
            project, revision, lambda recipe: recipe.without(_position(recipe, step)), save
        )

    def run(self, project: str, wait: int = 30) -> dict[str, Any]:
        """Run the recipe as a job; wait: seconds to wait for its end, 0 to 50. See `job` and `cancel`."""
        opened = self._folders.project(project)
        return _started(opened, commands.run(opened.path), wait)

    def cancel(self, project: str, job: str) -> dict[str, Any]:
        """Stop a job; finished results are kept."""
        path = self._folders.project(project).path
        jobs.cancel(path, job)
        return untrusted(**status_of(jobs.status(path, job), brief=True))

    def import_files(
        self,
        project: str,
        paths: list[str],
        format: str = "auto",
        mapping: dict[str, str] | None = None,
        wait: int = 30,
    ) -> dict[str, Any]:
        """Read files below the allowed folders into a project, as a job; the same file twice adds nothing.

        format: recognised unless one is given. mapping: field to column, as {"prompt": "question"}.
        """
        opened = self._folders.project(project)
        if not paths:
            raise CurationError("Name at least one file or folder to import.")
        files = [str(self._folders.data(path)) for path in paths]
        title = ", ".join(Path(file).name for file in files[:3]) + (" …" if len(files) > 3 else "")
        reading = Reading.of(format, mapping)
        return _started(
            opened, commands.import_files(opened.path, files, [], reading, False, title), wait
        )

    def export(
        self, project: str, name: str, formats: list[str] | None = None, wait: int = 30
    ) -> dict[str, Any]:
        """Write a delivery into exports/NAME of the project, as a job; a name that is taken is refused.

        formats: trl if none is given; alpaca, axolotl, csv, hf, llamafactory, openai, original, sharegpt
        and others. A wrong one is answered with the list.
        """
        opened = self._folders.project(project)
        to = folder_of(opened.path) / slug(name, empty="")
        if to.name != name or to.parent != folder_of(opened.path):
            raise CurationError(f"{name!r} cannot be a folder; use letters, digits, - and _.")
        if to.parent.is_symlink() or to.exists():
            raise CurationError(f"There is a delivery {name!r} already; choose another name.")
        wanted_formats = formats or ["trl"]
        command = commands.export(opened.path, to, wanted_formats, False, False, [])
        return _started(opened, command, wait)

    def _save(
        self, project: str, revision: str, change: Callable[[Recipe], Recipe], save: bool
    ) -> dict[str, Any]:
        """Save a changed recipe, or only look at its effect.

        Raises CurationError when the recipe is another one than that of the revision.
        """
        opened = self._folders.project(project)
        recipe = opened.recipe
        try:
            if recipe.revision != revision:
                raise RecipeConflict("", "")
            changed = change(recipe)
            _check_models(recipe, changed)
            changed.check()
            if save:
                opened.save_recipe(changed, revision)
        except RecipeConflict:
            raise CurationError(
                "The recipe was changed by somebody else since you read it; nothing was saved. "
                "Read it by `recipe` and change that one."
            ) from None
        return {"saved": save, "revision": changed.revision, "text": changed.to_yaml()} | _effect(
            opened, changed
        )


def _effect(project: Project, recipe: Recipe) -> dict[str, Any]:
    """Return what the steps of a recipe drop, as far as is remembered or quickly computed."""
    if not project.source_digest:
        return {"effect": [], "stopped": "There are no examples yet."}
    dataset, error = as_far_as(project, recipe)
    seconds, never_timed = project.estimate(recipe)
    done = {report.name for report in dataset.steps}
    steps = zip(recipe.names, recipe, strict=True)
    ahead = [name for name, step in steps if step.enabled and name not in done]
    waits = f"The steps from {ahead[0]} on are computed by the next run." if ahead else ""
    return {
        "effect": [
            {"step": report.name, "kept_in": report.kept_in, "dropped": report.dropped}
            for report in dataset.steps
            if report.dropped
        ],
        "kept": int(dataset.rows["dropped_by"].isna().sum()),
        "stopped": str(error) if error else waits,
        "run_takes_seconds": round(seconds, 1),
        "steps_never_timed": never_timed,
    }


def _position(recipe: Recipe, step: str) -> int:
    """Return the position of a step by its name; raises RecipeError when there is none."""
    if step not in recipe.names:
        raise RecipeError(f"The recipe has no step {step!r}; it has: {', '.join(recipe.names)}.")
    return recipe.names.index(step)


def _check_models(former: Recipe, changed: Recipe) -> None:
    """Raise CurationError for a model that neither the former recipe nor a default names.

    A model's name may be a folder of this machine, or fetch files from the Hub.
    """
    used = {str(step.arguments.get(name)) for step in former for name in MODELS}
    for step in changed:
        defaults = {name: p.default for name, p in step.operation.params.items()}
        for name in MODELS:
            value = step.params.get(name)
            if value not in (None, "", defaults.get(name)) and str(value) not in used:
                raise CurationError(
                    f"{step.use}: {name} {value!r} is new in this recipe. A model may be fetched from "
                    "the network or read from a folder, so a person has to choose it."
                )


def _started(project: Project, command: commands.Command, wait: int) -> dict[str, Any]:
    """Start a job and return its status when it has ended, or after some seconds."""
    job = jobs.start(project.path, command)
    until = time.monotonic() + max(0, min(wait, PATIENCE))
    status = jobs.status(project.path, job)
    while status.active and time.monotonic() < until:
        time.sleep(0.1)
        status = jobs.status(project.path, job)
    return untrusted(**status_of(status))
