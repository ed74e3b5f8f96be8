"""The comparison of a project with one of its reference sets, stored until either changes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from curation.cache import key
from curation.dataset import Dataset, Progress, part_of, silent
from curation.embedding.store import NotRemembered
from curation.engine.supply import embedded, vectors_of
from curation.errors import CurationError
from curation.looking import coverage
from curation.looking.coverage import Compared
from curation.project import Project
from curation.reference_sets import ReferenceSet
from curation.versions import module_version
from curation.view import View


def comparison_key(
    project: Project, reference: ReferenceSet, of: str = "", view: View | None = None
) -> str:
    """Return the key of a stored comparison: of view, reference set, sides and code.

    view: the current view unless one is given.
    """
    as_read, shown = (reference.sha256, reference.settings), view or project.view()
    return key(shown.fingerprint, as_read, of, module_version("curation.looking.coverage"))


def compare_with(
    project: Project, reference: ReferenceSet, of: str = "", progress: Progress = silent
) -> Compared:
    """Compare the view of a project with a reference set; the result is stored.

    of: prompt, response or both; empty for the side of the recipe's embeddings. Raises
    CurationError without embeddings.
    """
    view = project.view()
    name, dataset = comparison_key(project, reference, of, view), view.dataset
    remembered = coverage.remembered(reference.results, name)
    if remembered is not None:
        return remembered
    step = next((r for r in reversed(dataset.steps) if r.kind == "embed"), None)
    if step is None or dataset.vectors is None:
        raise CurationError(
            "A comparison needs embeddings: add the step Embeddings and run the recipe."
        )
    params = {**step.params, **({"of": of} if of else {})}
    if params != step.params:
        part = part_of(progress, 0, 2)
        has_vector = dataset.vectors.present
        vectors = vectors_of(step.use, params, dataset.rows[has_vector], project.vectors, part)
        dataset = dataset.replace(vectors=vectors.among(has_vector, len(has_vector)))
    part = part_of(progress, 1, 4)
    reference_vectors = embedded(step.use, params, reference.examples, project.vectors, part)
    part = part_of(progress, 1, 2)
    compared = coverage.compare(dataset, reference_vectors, list(reference.examples.index), part)
    compared = replace(compared, about={**compared.about, "of": params["of"]})
    coverage.remember(reference.results, name, compared)
    return compared


def remembered_vectors(project: Project, dataset: Dataset) -> dict[str, np.ndarray]:
    """Map the name of each reference set whose vectors are remembered → them, (rows, width).

    They are those of the side and the model of the recipe's embeddings; nothing is computed.
    """
    step = next((r for r in reversed(dataset.steps) if r.kind == "embed"), None)
    vectors, store = dict[str, np.ndarray](), project.vectors.remembering()
    if step is None:
        return vectors
    for reference in project.references.all():
        with suppress(NotRemembered):
            vectors[reference.name] = embedded(step.use, step.params, reference.examples, store)
    return vectors
