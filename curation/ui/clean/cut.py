"""The threshold of a filter on the distribution that it cuts: a slider counts at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from curation.dataset import Dataset
from curation.looking.duplicates import Copies
from curation.looking.thresholds import Numbers, Parts, numbers_of
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.report import StepReport
from curation.ui import charts, state
from curation.ui.budget import remembered
from curation.ui.clean import edits
from curation.ui.duplicates import threshold
from curation.ui.text import title_of


@remembered(8)
def _numbers(
    path: str, fingerprint: str, name: str, _dataset: Dataset, _report: StepReport, _step: Step
) -> Numbers | None:
    return numbers_of(_dataset, _report, _step)


def numbers(project: Project, dataset: Dataset, report: StepReport, step: Step) -> Numbers | None:
    """The numbers that a step's bounds cut; None for a step without bounds."""
    return _numbers(str(project.path), report.fingerprint, report.name, dataset, report, step)


@st.fragment
def draw(project: Project, recipe: Recipe, position: int, cut: Numbers, fingerprint: str) -> None:
    """Draw the slider of both bounds and what they keep and drop; only this part runs again."""
    state.present(project)
    if cut.scale is None:
        st.caption("No example has a number here, so there is nothing to cut.")
        return
    own = cut.scale.places(cut.low, cut.high)
    places = st.slider(
        f"Keep {title_of(cut.column)} between",
        cut.scale.least,
        cut.scale.greatest,
        own,
        step=cut.scale.step,
        format="%.0f" if cut.whole else None,
        key=f"cut-{fingerprint}",
        help="At an end there is no bound.",
    )
    moved = places != own
    low, high = cut.scale.bounds(places) if moved else (cut.low, cut.high)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(sentence(cut.parts(low, high), low, high), width="content")
        label = "Use in the recipe"
        if st.button(label, icon=":material/check:", key="cut-use", disabled=not moved):
            bounds = {"low": low, "high": high}
            edits.change(project, recipe, position, with_bounds(recipe.steps[position], bounds))
    if bars := cut.bars(low, high):
        lines = [bound for bound in (low, high) if bound is not None]
        charts.cut(bars, cut.column, lines, f"cut-bars-{fingerprint}")
        if bars.more:
            st.caption(f"The last bar holds {bars.more:,} more from beyond its end.")


def with_bounds(step: Step, bounds: Mapping[str, float | None]) -> dict[str, Any]:
    """A step's parameters with other bounds; without a bound that is none and was never given."""
    given = {n: b for n, b in bounds.items() if b is not None or n in step.params}
    return {**step.params, **given}


def sentence(parts: Parts, low: float | None, high: float | None) -> str:
    """Counts of kept and dropped rows within bounds, as a sentence."""
    why = [
        *([f"{parts.below:,} below {low:g}"] if parts.below and low is not None else []),
        *([f"{parts.above:,} above {high:g}"] if parts.above and high is not None else []),
        *([f"{parts.missing:,} not measured"] if parts.missing and not parts.missing_stay else []),
    ]
    stay = parts.missing_stay and parts.missing
    also = f", {parts.missing:,} of them not measured" if stay else ""
    dropped = f"**{parts.dropped:,}** dropped" if parts.dropped else "none dropped"
    because = f" ({', '.join(why)})" if why else ""
    return f"✓ **{parts.kept:,}** of {parts.total:,} kept{also} · ✕ {dropped}{because}"


@st.fragment
def draw_copies(
    project: Project, recipe: Recipe, position: int, dataset: Dataset, report: StepReport
) -> None:
    """Draw the slider of a step that drops copies, what it drops, and the way to the pairs."""
    state.present(project)
    copies: Copies = threshold.copies_now(project, dataset, report)
    chosen = threshold.slider(copies)
    cut = copies.cut(chosen, "least")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(threshold.sentence(cut, copies), width="content")
        use = f"Use {chosen:.2f} in the recipe"
        same = chosen == copies.threshold
        if st.button(use, icon=":material/check:", key="cut-use", disabled=same):
            params = {**recipe.steps[position].params, "similarity": chosen}
            edits.change(project, recipe, position, params)
    if bars := copies.bars(chosen):
        charts.cut(
            bars, "similarity to the example that stays", [chosen], f"cut-bars-{report.name}"
        )
    st.page_link(
        "pages/prepare/duplicates.py",
        label="Look at the pairs and decide",
        icon=":material/content_copy:",
    )
