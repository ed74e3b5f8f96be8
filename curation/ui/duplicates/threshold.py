"""The step whose copies are looked at, its threshold, and what a threshold drops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from curation.cache import Cache
from curation.dataset import Dataset
from curation.looking.duplicates import STEPS, Copies, Cut, Order, copies_of, steps_of
from curation.project import Project, View
from curation.recipe import Step, replace_params
from curation.registry import operation
from curation.report import StepReport
from curation.ui import shell, state
from curation.ui.budget import remembered
from curation.ui.duplicates import pair
from curation.ui.text import markdown
from curation.view import as_far_as

ORDERS: dict[Order, str] = {
    "largest": "Largest groups first",
    "least": "Least similar first",
    "conflicts": "Conflicts",
}


def choose(project: Project, view: View) -> tuple[Dataset, StepReport] | None:
    """Draw the choice of a step that drops copies; return it with its rows, None where none has run."""
    recipe = project.recipe
    # A step may be done though one after it is not; what it makes of today's recipe goes first.
    datasets = [view.dataset] if view.current else [view.dataset, as_far_as(project, recipe)[0]]
    by_name = {r.name: (dataset, r) for dataset in datasets for r in steps_of(dataset, recipe)}
    if not by_name:
        if any(step.use in STEPS and step.enabled for step in recipe):
            st.info("The steps that find copies have not run yet.", icon=":material/schedule:")
            shell.run_button(project, "duplicates-run")
        else:
            _offer(project)
        return None
    name = next(iter(by_name))
    if len(by_name) > 1:
        name = st.segmented_control(
            "Step",
            list(by_name),
            default=name,
            key="duplicates-step",
            required=True,
            format_func=lambda chosen: by_name[chosen][1].title,
            label_visibility="collapsed",
        )
    return by_name[str(name)]


def _offer(project: Project) -> None:
    """Offer to add the step for near duplicates."""
    st.info("No step of the recipe finds copies.", icon=":material/content_copy:")
    st.button(
        f"Add the step {operation(STEPS[0]).title}",
        key="duplicates-add",
        type="primary",
        on_click=_add,
        args=(project,),
    )


def _add(project: Project) -> None:
    with state.flashing_errors():
        recipe = project.recipe
        project.save_recipe(recipe + Step(STEPS[0]), recipe.revision)
        state.flash("Added to the recipe; run it to see what it finds")


@remembered(4, spinner="Comparing the examples…")
def _copies(
    path: str, fingerprint: str, name: str, _dataset: Dataset, _report: StepReport
) -> Copies:
    return copies_of(_dataset, _report, Cache(Path(path) / "cache" / "steps"))


def copies_now(project: Project, dataset: Dataset, report: StepReport) -> Copies:
    """The rows that a step saw, compared once for each fingerprint, with today's decisions."""
    compared = _copies(str(project.path), report.fingerprint, report.name, dataset, report)
    return replace(compared, people=project.people())


@st.fragment
def draw(project: Project, dataset: Dataset, report: StepReport) -> None:
    """Draw the threshold, what it drops, and the pairs; only this part runs again."""
    state.present(project)
    done = pair.take(project)
    copies = copies_now(project, dataset, report)
    left, right = st.columns([5, 6], vertical_alignment="bottom", gap="large")
    with left:
        chosen = slider(copies)
    with right:
        order = _order()
    cut = copies.cut(chosen, order)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(sentence(cut, copies), width="content")
        if copies.lowest is not None:
            st.button(
                f"Use {chosen:.2f} in the recipe",
                key="duplicates-use",
                icon=":material/check:",
                disabled=chosen == copies.threshold,
                on_click=_use,
                args=(project, report.name, chosen),
            )
        name = "" if state.annotator() else "Type your name on the left to decide. "
        st.caption(f"{name}Decisions count elsewhere from the next run on.")
    pair.draw(project, copies, cut, order, done)


def sentence(cut: Cut, copies: Copies) -> str:
    """Counts of dropped rows and groups at a threshold, as a sentence."""
    rows, done = len(copies.ids), "flagged" if copies.flags else "dropped"
    if not cut.dropped:
        dropped = f"**None** of {rows:,} examples is {done}"
    else:
        groups = "group" if cut.groups == 1 else "groups"
        dropped = f"**{cut.dropped:,}** of {rows:,} examples {done}, in **{cut.groups:,}** {groups}"
    return f"{dropped}" + (f"; **{cut.conflicts:,}** in conflict." if cut.conflicts else ".")


def slider(copies: Copies) -> float:
    """Draw the slider of the step's threshold; equal texts have none."""
    if copies.lowest is None:
        st.caption("Equal texts are copies whatever the threshold.")
        return copies.threshold
    help_ = operation(copies.use).params["similarity"].help
    chosen = st.slider(
        "Similarity from which two are copies",
        float(copies.lowest),
        1.0,
        copies.threshold,
        step=0.01,
        key=f"duplicates-similarity-{copies.name}-{copies.threshold}",
        help=markdown(help_, 300),
    )
    return float(chosen)


def _order() -> Order:
    chosen = st.segmented_control(
        "Show",
        list(ORDERS),
        default="largest",
        key="duplicates-order",
        required=True,
        format_func=lambda order: ORDERS[order],
        label_visibility="collapsed",
        wrap=True,
    )
    return "least" if chosen == "least" else "conflicts" if chosen == "conflicts" else "largest"


def _use(project: Project, name: str, similarity: float) -> None:
    """Give the step of the recipe the threshold that was chosen by looking."""
    with state.flashing_errors():
        recipe = project.recipe
        position = recipe.names.index(name)
        step = recipe.steps[position]
        changed = replace_params(step, {**step.params, "similarity": similarity})
        project.save_recipe(recipe.changed(position, changed), recipe.revision)
        state.flash("Saved in the recipe; run it to see what changes")
