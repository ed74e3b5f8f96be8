"""Progress of the review: examples looked at, by annotator and by decision."""

from __future__ import annotations

import streamlit as st

from curation.looking.counts import Progress
from curation.project import Project
from curation.ui import charts, tables
from curation.ui.tables import Column


def draw(project: Project, total: int) -> None:
    """Draw the share of `total` examples, and the number of each annotator."""
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
        text=f"{progress.decided:,} of {total:,} examples looked at by a person",
    )
    left, right = st.columns(2)
    with left:
        columns = (Column("annotator"), Column("examples", kind="count"))
        tables.draw(progress.by_annotator, columns)
    with right:
        charts.counts(progress.verdicts, key="verdicts")
