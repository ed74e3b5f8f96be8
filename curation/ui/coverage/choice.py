"""Choice of the reference set and of the side of the examples, and the job that compares."""

from __future__ import annotations

import streamlit as st

from curation import commands, jobs
from curation.project import Project
from curation.reference_sets import ReferenceSet
from curation.ui import reference_sets, shell, state
from curation.ui.text import markdown
from curation.ui.times import when

SIDES = {
    "": "as the recipe embeds",
    "prompt": "prompts only",
    "response": "responses only",
    "both": "prompts and responses",
}


def compare(project: Project, reference: ReferenceSet, of: str) -> None:
    """Start the job that compares."""
    command = commands.compare(project.path, reference.slug, of, reference.name)
    shell.start_job(project, command)


def remove(project: Project, reference: ReferenceSet) -> None:
    """Remove a reference set."""
    with state.flashing_errors():
        project.references.remove(reference.slug)
        state.flash(f"Removed {reference.name}")


def draw(project: Project, references: list[ReferenceSet]) -> tuple[ReferenceSet, str]:
    """Draw the choice of a reference set and of the sides that are compared, and return both."""
    columns = st.columns([4, 3, 2, 2, 2], vertical_alignment="bottom")
    of_slug = {t.slug: t for t in references}
    reference = of_slug[
        columns[0].selectbox(
            "Reference set",
            list(of_slug),
            key="coverage-target",
            persist_state="session",
            format_func=lambda slug: f"{of_slug[slug].name} ({of_slug[slug].rows:,})",
        )
    ]
    of = columns[1].selectbox(
        "Compared by",
        list(SIDES),
        key="coverage-of",
        persist_state="session",
        format_func=lambda o: SIDES[o],
        help="A side that the recipe does not embed is embedded first. This takes minutes for tens of "
        "thousands of rows.",
    )
    active = jobs.at_work(project.path, "coverage", newest=shell.RECENT)
    columns[2].button(
        "Comparing…" if active else "Compare",
        key="coverage-go",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=active or not state.owns(project),
        on_click=compare,
        args=(project, reference, of),
    )
    with columns[3].popover(
        "Add", icon=":material/add:", width="stretch", key=reference_sets.OPEN, on_change="rerun"
    ):
        reference_sets.adding(project)
    with columns[4].popover("About", icon=":material/info:", width="stretch"):
        st.caption(
            f"{reference.rows:,} rows from the {reference.kind} {markdown(reference.source)}, "
            f"{when(reference.time)}. "
            f"{reference.without_answer:,} have no answer and are compared by their prompt."
        )
        st.caption(f"SHA-256 {reference.sha256[:16]}…")
        st.button(
            "Remove this reference set",
            key="reference-remove",
            disabled=not state.owns(project),
            icon=":material/delete:",
            on_click=remove,
            args=(project, reference),
        )
    return reference, of
