"""The form of a selection: method, budget and parameters, saved and run together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from curation.dataset import Dataset
from curation.looking.columns import categories, numbers
from curation.looking.quotas import count_candidates, with_column
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.registry import Operation, operations
from curation.ui import form, quotas, shell, state
from curation.ui.slots import set_widget, widget_value
from curation.ui.text import markdown

LABELLED = (
    "These examples have labels: start with Random, balanced. After the step Drop wrong labels it beats "
    "a plain random choice of 500 by 0.07 to 0.16 of macro-F1, on three sets with planted faults."
)
"""Advice where examples have labels; the figures are those of benchmarks/README.md, lift."""

UNLABELLED = (
    "Random, balanced, after the filters, comes first: where models were trained on the choices, no method was "
    "ahead of it on every set. To cover more with as many examples, take Quality × diversity with a balance "
    "by topic, in proportion: on a mixed pool it beat all ten random choices by 3 to 6 of 7 measures and lost by none, "
    "on Alpaca by 4 to 6, and lost by up to 2."
)
"""Advice where examples have no labels; the figures are those of benchmarks/README.md, coverage."""

FIRST = "select_balanced"
"""The method that is offered first."""


def draw(project: Project, dataset: Dataset) -> None:
    """Draw the form, folded to one line where there is a selection; its button saves and runs."""
    recipe, handed = project.recipe, quotas.HANDED.get(project)
    current = _current(recipe, handed)
    title = "Choose a method and a budget"
    if recipe.selection is not None:
        chosen = recipe.selection
        budget = chosen.arguments["budget"]
        unit = chosen.arguments.get("unit", "examples")
        title = f"**{chosen.operation.title}** · {budget:,} {unit}"
    opened = recipe.selection is None or bool(handed)
    with st.expander(title, expanded=opened, icon=":material/tune:"):
        if handed:
            _draw_handed(project, handed)
        _draw_form(project, dataset, current, handed)


def _draw_form(
    project: Project, dataset: Dataset, current: Step | None, handed: Mapping[str, Any]
) -> None:
    """Draw method, budget and parameters."""
    recipe, pool = project.recipe, count_candidates(dataset)
    methods = {o.name: o for o in operations().values() if o.kind == "select"}
    order: list[str | None] = [None, FIRST, *(name for name in methods if name != FIRST)]
    name = st.selectbox(
        "Method",
        order,
        index=order.index(current.use if current else None),
        key="method",
        format_func=lambda name: methods[name].title if name else "Everything kept",
    )
    st.caption(LABELLED if "label" in categories(dataset) else UNLABELLED)
    step = _draw_parameters(methods[name], current, dataset, handed, pool) if name else None
    st.caption(f"{pool:,} examples are kept before the selection.")
    budget = step.arguments["budget"] if step else pool
    tokens = step is not None and step.arguments.get("unit") == "tokens"
    if isinstance(budget, int) and budget > pool and not tokens:
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
        disabled=shell.note_owners(project) or chosen == recipe,
        on_click=_apply,
        args=(project, chosen, recipe.revision),
    )


def _current(recipe: Recipe, handed: Mapping[str, Any]) -> Step | None:
    """The selection with which the form opens: the recipe's, with parameters from another page.

    Quotas from elsewhere name the column by which they are as `balance`; a method that calls it `by`
    gets it under that name. A method without quotas gives way to the first one.
    """
    current = recipe.selection
    if not handed:
        return current
    if current is None or "quotas" not in current.operation.params:
        current = Step(FIRST)
    column = "balance" if "balance" in current.operation.params else "by"
    given = {column if key == "balance" else key: value for key, value in handed.items()}
    return replace_params(current, {**current.params, **given})


def _draw_handed(project: Project, handed: Mapping[str, Any]) -> None:
    """Show that values of the form come from another page, with a button to discard them."""
    line = st.columns([5, 1], vertical_alignment="center")
    count = len(handed["quotas"])
    line[0].info(
        f"{count:,} {'quota is' if count == 1 else 'quotas are'} in the form. They count after you save.",
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
    method: Operation,
    current: Step | None,
    dataset: Dataset,
    handed: Mapping[str, Any],
    pool: int,
) -> Step:
    """Draw the form of a method, with the values of the current selection of that method."""
    st.caption(markdown(method.help, 400))
    of_numbers = numbers(dataset)
    values = dict(current.params) if current and current.use == method.name else {}
    key = f"select-{method.name}" + (f"-{abs(hash(str(handed)))}" if handed else "")
    budget = _draw_budget(int(values.get("budget", method.params["budget"].default)), pool, key)
    params = form.parameters(
        method,
        values,
        key=key,
        columns=[*categories(dataset), *of_numbers],
        numbers=of_numbers,
        skip=("budget",),
    )
    if budget != method.params["budget"].default or "budget" in values:
        params = {"budget": budget, **params}
    return replace_params(Step(method.name), params)


def _draw_budget(value: int, pool: int, key: str) -> int:
    """Draw the budget as a number beside a slider up to the pool; each moves the other."""
    number, slider = f"{key}-budget", f"{key}-slider"
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    budget = left.number_input("Budget", 1, None, value=value, step=50, key=number)
    if pool > 1:
        set_widget(slider, min(int(budget), pool))
        right.slider(
            "Budget, up to all that are kept",
            1,
            pool,
            key=slider,
            label_visibility="collapsed",
            on_change=lambda: set_widget(number, widget_value(slider)),
        )
    return int(budget)


def _apply(project: Project, recipe: Recipe, base: str) -> None:
    """Save the recipe and run it."""
    with state.flashing_errors():
        project.save_recipe(with_column(recipe), base)
        _let_go(project)
        shell.start_run(project)
