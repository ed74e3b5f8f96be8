"""The form of a selection: method, budget and parameters, saved and run together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import categories, numbers
from curation.looking.quotas import count_candidates
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.registry import Operation, operations
from curation.ui import form, quotas, shell, state
from curation.ui.text import markdown

LABELLED = (
    "These examples have labels: start with Random, balanced. After the step Drop wrong labels it beats "
    "a plain random choice of 500 by 0.08 to 0.16 of macro-F1, on three sets with planted faults."
)
"""Advice where examples have labels; the figures are those of benchmarks/README.md, lift."""


def draw(project: Project, dataset: Dataset) -> None:
    """Draw the choice of a method and its parameters; the button saves and runs the recipe."""
    recipe, handed = project.recipe, quotas.HANDED.get(project)
    if handed:
        _draw_handed(project, handed)
    methods = {o.name: o for o in operations().values() if o.kind == "select"}
    titles: dict[str | None, str] = {None: "Everything kept"}
    titles |= {name: method.title for name, method in methods.items()}
    current = _current(recipe, handed)
    name = st.radio(
        "Method",
        list(titles),
        index=list(titles).index(current.use if current else None),
        key="method",
        format_func=lambda name: titles[name],
        horizontal=True,
    )
    if "label" in categories(dataset):
        st.caption(LABELLED)
    step = _draw_parameters(methods[name], current, dataset, handed) if name else None
    pool = count_candidates(dataset)
    st.caption(f"{pool:,} examples are kept before the selection.")
    budget = step.arguments["budget"] if step else pool
    if isinstance(budget, int) and budget > pool:
        st.warning(
            f"The budget is {budget:,} examples but only {pool:,} are kept; "
            "lower the budget or loosen a filter."
        )
    chosen = recipe.with_selection(step)
    st.button(
        "Save and run",
        type="primary",
        icon=":material/play_arrow:",
        key="select-go",
        disabled=chosen == recipe,
        on_click=_apply,
        args=(project, chosen, recipe.revision),
    )


def _current(recipe: Recipe, handed: Mapping[str, Any]) -> Step | None:
    """The selection with which the form opens: the recipe's, with parameters from another page."""
    current = recipe.selection
    if not handed:
        return current
    former = current.params if current and current.use == "select_diverse" else {}
    return replace_params(Step("select_diverse"), {**former, **handed})


def _draw_handed(project: Project, handed: Mapping[str, Any]) -> None:
    """Show that values of the form come from another page, with a button to discard them."""
    line = st.columns([5, 1], vertical_alignment="center")
    line[0].info(
        f"{len(handed['quotas'])} quotas came from another page. They count after you save.",
        icon=":material/my_location:",
    )
    line[1].button(
        "Discard",
        key="select-let-go",
        width="stretch",
        on_click=_let_go,
        args=(project,),
    )


def _let_go(project: Project) -> None:
    """Forget the parameters from another page."""
    quotas.HANDED.take(project)


def _draw_parameters(
    method: Operation, current: Step | None, dataset: Dataset, handed: Mapping[str, Any]
) -> Step:
    """Draw the form of a method, with the values of the current selection of that method."""
    st.caption(markdown(method.help, 400))
    of_numbers = numbers(dataset)
    params = form.parameters(
        method,
        dict(current.params) if current and current.use == method.name else {},
        key=f"select-{method.name}" + (f"-{abs(hash(str(handed)))}" if handed else ""),
        columns=[*categories(dataset), *of_numbers],
        numbers=of_numbers,
    )
    return replace_params(Step(method.name), params)


def _apply(project: Project, recipe: Recipe, base: str) -> None:
    """Save the recipe and run it."""
    with state.flashing_errors():
        project.save_recipe(recipe, base)
        _let_go(project)
        shell.start_run(project)
