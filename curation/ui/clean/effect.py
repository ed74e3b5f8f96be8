"""Effect of a step: counts, a distribution, and examples that it dropped or changed."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.dataset import Dataset, load_messages
from curation.looking import changes, precision
from curation.looking.columns import IDS, in_words
from curation.looking.duplicates import LOWEST
from curation.project import Project
from curation.recipe import Recipe
from curation.report import StepReport
from curation.ui import charts, tables
from curation.ui.budget import remembered
from curation.ui.clean import cut, judge
from curation.ui.tables import Column
from curation.ui.text import highlighted, markdown, title_of

DROPPED = (
    Column("reason", "why"),
    Column("prompt", kind="excerpt"),
    Column("response", kind="excerpt"),
)
"""An example that was dropped."""

CHANGED = (
    Column("changed", "first to last change", "count", width=150, help="In characters."),
    Column("prompt", kind="excerpt"),
)
"""An example that was changed."""

LISTED = 200
"""Examples of a table."""


def draw(
    project: Project, recipe: Recipe, position: int, dataset: Dataset, report: StepReport
) -> None:
    """Draw the counts of a step, its distribution, and examples that it dropped or changed."""
    counts = st.columns(3 if report.cached else 4)
    counts[0].metric("In", f"{report.kept_in:,}")
    counts[1].metric("Dropped", f"{report.dropped:,}")
    counts[2].metric("Changed", f"{report.changed:,}")
    if not report.cached:
        counts[3].metric("Time", f"{report.seconds:.1f} s")
    nothing_left = report.kept_in and not report.kept_out
    for note in report.notes:
        if nothing_left:
            st.warning(markdown(note, 600), icon=":material/warning:")
        else:
            st.info(markdown(note, 600), icon=":material/info:")
    _draw_distribution(project, recipe, position, dataset, report)
    if precision.can_be_judged(report):
        judge.draw(project, dataset, report)
    elif report.before is not None and len(report.before):
        _draw_changed(project, dataset, report)
    elif report.dropped:
        _draw_dropped(dataset, report)


def _draw_distribution(
    project: Project, recipe: Recipe, position: int, dataset: Dataset, report: StepReport
) -> None:
    """Draw the numbers that a filter cuts, with its threshold to move, or those of a score."""
    numbers = cut.numbers(project, dataset, report, recipe.steps[position])
    if numbers is not None:
        cut.draw(project, recipe, position, numbers, report.fingerprint)
    elif report.use in LOWEST:
        cut.draw_copies(project, recipe, position, dataset, report)
    elif report.columns and report.kind in ("score", "group"):
        measured_columns = [c for c in report.columns if c in dataset.rows and c not in IDS]
        if not measured_columns:
            return
        column = st.segmented_control(
            "Column",
            measured_columns,
            default=measured_columns[0],
            key=f"col-{report.name}",
            format_func=title_of,
            label_visibility="collapsed",
        )
        if column:
            charts.distribution(in_words(dataset.rows[column]), column)


def _draw_dropped(dataset: Dataset, report: StepReport) -> None:
    """Draw examples that the step dropped and why; a duplicate stands beside the kept example."""
    examples = report.dropped_examples(dataset.rows)
    if examples.empty:
        return
    if "similarity" in examples:
        st.caption(
            "The least similar pairs come first. If they are not duplicates, raise the threshold."
        )
    examples = examples.head(LISTED).join(dataset.rows[["prompt", "response"]])
    picked = tables.draw(examples, DROPPED, key=f"gone-{report.name}", tallest=260, pick=True)
    id = picked or str(examples.index[0])
    sides = {id: "Dropped"}
    if twin := str(examples.at[id, "twin"]):
        sides[twin] = "Kept in its place"
    for column, (example, title) in zip(st.columns(len(sides)), sides.items(), strict=True):
        with column.container(border=True):
            st.caption(f"**{title}** · {example}")
            for message in load_messages(str(dataset.rows.at[example, "messages"])):
                st.caption(markdown(message.role))
                st.text(message.content or "")


@remembered(8)
def _by_amount(path: str, fingerprint: str, _report: StepReport) -> pd.DataFrame:
    return changes.by_amount(_report.changed_examples())


def _draw_changed(project: Project, dataset: Dataset, report: StepReport) -> None:
    """Draw the examples, the most changed first, and one of them before and after."""
    examples = _by_amount(str(project.path), report.fingerprint, report).head(LISTED)
    listed = examples.join(dataset.rows["prompt"])
    if report.changed > len(listed):
        st.caption(f"The {len(listed):,} most changed of {report.changed:,}.")
    picked = tables.draw(listed, CHANGED, key=f"changed-{report.name}", tallest=215, pick=True)
    example = picked or str(examples.index[0])
    for role, was, now in changes.turns(*examples.loc[example, ["before", "after"]]):
        st.caption(markdown(role))
        for column, title, pieces in zip(
            st.columns(2), ("Before", "After"), (was, now), strict=True
        ):
            with column.container(border=True):
                st.caption(title)
                st.markdown(highlighted(pieces))
