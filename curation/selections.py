"""Ways to choose beside chance: each method's choice from one pool, under one budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from curation.comparison import remembered_vectors
from curation.dataset import Dataset, Progress, silent
from curation.engine import Engine
from curation.errors import CurationError
from curation.looking.chance import BANDS, Beside, chance
from curation.looking.choice import Choice
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.registry import operations


def compare_selections(
    project: Project,
    methods: Sequence[str] = (),
    budget: int | None = None,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Choose by each method from what the recipe keeps, and measure every choice beside chance.

    methods: names of operations that select; all where none is named, and those that lack something
    are left out. budget: examples; that of the recipe's selection, in its unit, where none is named.
    Returns budget, unit, pool (examples), covered (of the pool, see `Beside`), bands (random and
    balanced: measure → least and greatest value of ten choices), selections (use, title, params,
    chosen, seconds, measures, verdicts, and by how many measures it is better and worse than all ten
    random choices) and left_out (use and why). Raises CurationError without embeddings or a budget,
    and for a named method that is none or cannot choose.
    """
    selectors = {o.name: o for o in operations().values() if o.kind == "select"}
    if unknown := [name for name in methods if name not in selectors]:
        raise CurationError(
            f"{unknown[0]!r} is no way to choose; there are: {', '.join(sorted(selectors))}."
        )
    if not any(step.enabled and step.operation.kind == "embed" for step in project.recipe):
        raise CurationError("A comparison needs embeddings: add the step embed to the recipe.")
    steps = _steps(project.recipe, methods or sorted(selectors), budget)
    drawn = Step("select_random", **_budget_of(steps[0]))
    dataset, choice, _ = _chosen(project, drawn, engine, progress)
    if dataset.vectors is None:
        raise CurationError("A comparison needs embeddings, and none of these examples has one.")
    by_chance = chance(dataset, choice, remembered_vectors(project, dataset), progress)
    lines, left_out, beside = list[dict[str, Any]](), list[dict[str, str]](), None
    for step in steps:
        try:
            _, other, seconds = _chosen(project, step, engine, progress)
        except CurationError as error:
            if methods:
                raise
            left_out.append({"use": step.use, "why": str(error)})
            continue
        beside = by_chance.beside(other)
        lines.append({**_line(step, other, beside), "seconds": round(seconds, 3)})
    assert beside is not None, "a random choice needs nothing that could be missing"
    table = beside.table.set_index("measure")
    return {
        **_budget_of(steps[0]),
        "pool": len(choice.pool),
        "covered": beside.covered,
        "bands": {
            band: {
                name: [float(row[f"{band}_low"]), float(row[f"{band}_high"])]
                for name, row in table.iterrows()
            }
            for band in BANDS
        },
        "selections": lines,
        "left_out": left_out,
    }


def _steps(recipe: Recipe, names: Sequence[str], budget: int | None) -> list[Step]:
    """A step for each method; the recipe's own selection keeps its other parameters."""
    own = recipe.selection
    current = {} if own is None else own.arguments
    if budget is None and own is None:
        raise CurationError("The recipe has no selection, so name a budget: --budget 1000.")
    shared = {"budget": budget or current["budget"]}
    shared["unit"] = "examples" if budget else current["unit"]
    return [
        Step(name, **{**(current if own is not None and name == own.use else {}), **shared})
        for name in dict.fromkeys(names)
    ]


def _budget_of(step: Step) -> dict[str, Any]:
    return {name: step.arguments[name] for name in ("budget", "unit")}


def _chosen(
    project: Project, step: Step, engine: Engine | None, progress: Progress
) -> tuple[Dataset, Choice, float]:
    """The dataset up to a selection in place of the recipe's, its choice, and the seconds."""
    recipe, begin = project.recipe.with_selection(step), time.perf_counter()
    steps = recipe.steps[: recipe.names.index(step.use) + 1]
    dataset = project.replay(Recipe(steps), engine=engine, progress=progress)
    choice = Choice.of(dataset)
    assert choice is not None, "its last step is a selection"
    return dataset, choice, time.perf_counter() - begin


def _line(step: Step, choice: Choice, beside: Beside) -> dict[str, Any]:
    """One choice beside chance, as a JSON object."""
    table = beside.table.set_index("measure")
    better, worse = beside.counts("random")
    return {
        "use": step.use,
        "title": step.operation.title,
        "params": dict(step.arguments),
        "chosen": len(choice.chosen),
        "measures": {name: float(value) for name, value in table["chosen"].items()},
        "verdicts": table["verdict"].to_dict(),
        "better": better,
        "worse": worse,
    }
