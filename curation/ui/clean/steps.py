"""The list of steps: a line with the effect of each, and the library of operations to add."""

from __future__ import annotations

import streamlit as st

from curation.dataset import Dataset
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.report import StepReport
from curation.ui import downloads, state
from curation.ui.clean import edits, ready, shelf

PHASE_TITLES = {
    "clean": "Clean the text",
    "measure": "Measure and filter",
    "select": "Select",
    "split": "Split",
}


def draw(project: Project, recipe: Recipe, dataset: Dataset, chosen: int) -> None:
    """Draw a line for each step, by phase, the library, and the recipe as YAML."""
    if not recipe.steps:
        st.info("The recipe is empty. Add a step.", icon=":material/playlist_add:")
    reports = {report.name: report for report in dataset.steps}
    phase = ""
    lines = st.container(gap="xxsmall")
    for position, (step, name) in enumerate(zip(recipe.steps, recipe.names, strict=True)):
        if step.operation.phase != phase:
            phase = step.operation.phase
            lines.caption(PHASE_TITLES[phase].upper())
        with lines.container(
            key=f"step-line-{position}", horizontal=True, vertical_alignment="center", gap="small"
        ):
            _draw_line(project, recipe, position, reports.get(name), position == chosen)
    if state.owns(project):
        shelf.draw(project, recipe, dataset)
        ready.draw(project, recipe)
    with st.popover("As YAML", icon=":material/code:", width="stretch"):
        st.code(recipe.to_yaml(), language="yaml")
        downloads.draw("Download recipe.yaml", recipe.to_yaml, "recipe.yaml", key="yaml")


def _draw_line(
    project: Project, recipe: Recipe, position: int, report: StepReport | None, chosen: bool
) -> None:
    """Draw a step's title, which opens it, its effect, and its switch."""
    step, base = recipe.steps[position], recipe.revision
    switched = replace_params(step, step.params, not step.enabled)
    st.button(
        step.operation.title,
        key=f"open-{position}",
        type="secondary" if chosen else "tertiary",
        width="stretch",
        on_click=edits.STEP.set,
        args=(project, position),
    )
    st.markdown(_effect(report, step), width="content")
    st.toggle(
        "On",
        value=step.enabled,
        key=f"on-{base}-{position}",
        label_visibility="collapsed",
        disabled=not state.owns(project),
        on_change=edits.save,
        args=(project, recipe.changed(position, switched), base),
    )


def _effect(report: StepReport | None, step: Step) -> str:
    """The effect of a step, in a few words."""
    if not step.enabled:
        return "off"
    if report is None:
        return ":material/schedule: not run"
    parts = []
    if report.dropped:
        parts.append(f":red[−{report.dropped:,}]")
    if report.changed:
        parts.append(f":blue[{report.changed:,} changed]")
    if report.conflicts:
        parts.append(f":orange[▲ {report.conflicts:,} in conflict]")
    return " ".join(parts) or ":material/check:"
