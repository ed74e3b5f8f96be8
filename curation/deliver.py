"""Deliveries of a project: run its recipe and write a folder, or check such a delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation import export, files, roles
from curation.alike.work import Work
from curation.dataset import Progress
from curation.engine import Engine
from curation.engine.work import EngineWork, one_by_one
from curation.export.contamination import references_read
from curation.export.offer import listed
from curation.export.proof import proof
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.review import read_review
from curation.runs import all_runs
from curation.settings import read_about

if TYPE_CHECKING:
    from curation.project import Project


def deliver(
    project: Project,
    out: Path,
    formats: Sequence[str],
    engine: Engine | None,
    progress: Progress,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Run the recipe, write a delivery folder and return its manifest; see `Project.export`."""
    roles.need(project.path, roles.OWNER)
    export.check(out, formats)  # before the work, not after it
    _check_filter(project, options.get("only"))
    recipe, seq = project.recipe, project.last_decision()
    policy = read_review(project.path).consensus
    source, imports = project.source_with_files()
    if (ids := options.get("ids")) is not None:
        listed(source.dataset.rows.index, ids)
    replay = project.replaying(source, seq, engine, lambda s, text: progress(0.8 * s, text), policy)
    dataset = replay.run(recipe)
    project.history.note(recipe, seq, replay.source.digest, dataset.steps, policy)
    origin = export.Origin(
        project.path.resolve().name,
        imports,
        recipe.to_yaml(),
        project.people(seq, policy),
        imported=source.dataset.rows["messages"],
        rejected=project.rejected[list(export.REFUSED)],
        encoders=project.vectors.used(dataset.steps),
        bases={
            basis.path.name: files.sha256(basis.path)
            for basis in replay.bases_of(dataset).values()
            if basis.path is not None and basis.exists
        },
        references=references_read(project.references, dataset.steps),
        proof=proof(all_runs(project.path), recipe, source.digest),
        about=read_about(project.path),
    )

    def work(places: np.ndarray) -> Work:
        run = one_by_one if engine is None else engine.run
        return EngineWork(dataset.rows, places, replay.cache, run)

    return export.export(dataset, origin, out, formats, progress=progress, work=work, **options)


def _check_filter(project: Project, only: Filter | None) -> None:
    """Raise CurationError for a column or value that the last run lacks, if that is still current."""
    if only and (view := project.view()).current:
        only.checked(with_decisions(view.dataset, project.people()))


def check(
    project: Project,
    formats: Sequence[str] | None,
    allow_attention: bool,
    engine: Engine | None,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Return what a delivery would hold, refuse and lose in each format; see `Project.check`."""
    names = list(formats or export.delivery_formats())
    export.check_formats(names)
    dataset = project.replay(engine=engine, progress=progress)
    words = export.People.of(project.people(), False).words
    return export.survey(dataset, names, words, allow_attention=allow_attention)
