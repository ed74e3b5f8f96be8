"""Progress of the review: examples looked at, by person and by decision."""

from __future__ import annotations

import streamlit as st

from curation.looking.counts import Progress
from curation.project import Project
from curation.text.counted import counted
from curation.ui import charts, tables
from curation.ui.tables import Column

PERSON = (
    Column("who", "person"),
    Column("examples", kind="count"),
    Column("answers", kind="count"),
)
"""A person, and the numbers of their own answers."""


def draw(project: Project, total: int) -> None:
    """Draw the share of `total` examples, and the numbers of each person's own answers."""
    progress = Progress.of(project.people(), total)
    if progress is None:
        st.caption("There are no decisions yet.")
        st.page_link(
            "pages/review/annotate.py",
            label="Start on the Annotate page",
            icon=":material/rate_review:",
        )
        return
    st.progress(
        progress.share,
        text=f"{progress.decided:,} of {counted(total, 'example')} looked at by a person",
    )
    left, right = st.columns(2)
    with left:
        if progress.by_person.empty:
            st.caption("Nobody has kept, dropped, labelled or rated an example yet.")
        else:
            tables.draw(progress.by_person, PERSON)
    with right:
        charts.counts(progress.verdicts, key="verdicts")
