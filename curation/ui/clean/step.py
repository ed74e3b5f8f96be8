"""The open step: its parameters, its position, and its effect."""

from __future__ import annotations

import streamlit as st

from curation import cache
from curation.dataset import Dataset
from curation.looking.columns import nameable, values_of
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.ui import form, state
from curation.ui.clean import asking, edits, effect
from curation.ui.text import markdown


def draw(project: Project, recipe: Recipe, dataset: Dataset, position: int) -> None:
    """The form of a step, the buttons that move and remove it, and its effect."""
    step, name = recipe.steps[position], recipe.names[position]
    st.header(step.operation.title, anchor=False)
    st.caption(markdown(step.operation.help, 500))
    if not _draw_parameters(project, recipe, dataset, position):
        return
    edits.PAINTED.set(project, recipe.revision)
    if state.owns(project):
        _draw_place(project, recipe, position)
    if step.use == "judged" and state.owns(project):
        asking.draw(project, recipe, position)
    report = next((report for report in dataset.steps if report.name == name), None)
    if report is not None:
        effect.draw(project, recipe, position, dataset, report)
    elif step.enabled:
        sentence = "This step has not run with these settings yet."
        st.info(sentence, icon=":material/schedule:")
    else:
        st.info("This step is switched off.", icon=":material/schedule:")


def _draw_parameters(project: Project, recipe: Recipe, dataset: Dataset, position: int) -> bool:
    """Draw the form and save its changes; False while it holds a mistake."""
    step, name = recipe.steps[position], recipe.names[position]
    if not step.operation.params:
        st.caption("It has no parameters.")
        return True
    if not state.owns(project):
        st.code(Recipe((step,)).to_yaml(), language="yaml")
        return True
    # Keys hold a digest of the parameters. After somebody else changed them, new widgets show the
    # change, and no old widget of this session writes its value back.
    key = f"step-{name}-{position}-{cache.key(dict(step.params))[:8]}"
    columns, numbers = nameable(dataset, name)
    column = step.arguments.get("column")
    values = values_of(dataset, column) if isinstance(column, str) else []
    params = form.parameters(
        step.operation,
        step.params,
        key=key,
        columns=columns,
        numbers=numbers,
        choices={**({"values": values} if values else {}), **_named_sets(project, step)},
    )
    return edits.change(project, recipe, position, params)


def _named_sets(project: Project, step: Step) -> dict[str, list[str]]:
    """The reference sets that a step may name, by its parameter."""
    names = [p.name for p in step.operation.params.values() if p.references]
    return {name: [t.name for t in project.references.all()] for name in names}


def _draw_place(project: Project, recipe: Recipe, position: int) -> None:
    """Draw buttons that move the step up or down, or remove it."""
    base = recipe.revision
    with st.container(horizontal=True):
        st.button(
            "Up",
            icon=":material/arrow_upward:",
            key=f"up-{base}",
            on_click=edits.move,
            args=(project, recipe, position, -1),
        )
        st.button(
            "Down",
            icon=":material/arrow_downward:",
            key=f"down-{base}",
            on_click=edits.move,
            args=(project, recipe, position, 1),
        )
        st.button(
            "Remove",
            icon=":material/delete:",
            key=f"remove-{base}",
            on_click=edits.remove,
            args=(project, recipe, position),
        )
